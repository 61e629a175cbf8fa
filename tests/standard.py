"""The exchange's calendar as the package has it, and what asks for a calendar already given that one."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import polars as pl

from scanner.alerts.confirmation import confirm as _confirm
from scanner.alerts.update import update as _update
from scanner.history.known_before import KnownBefore
from scanner.market.calendar import Calendar
from scanner.market.chain import conform as _conform
from scanner.metrics.measure import Measured
from scanner.metrics.measure import measure as _measure
from scanner.pipeline import STANDARD, Methods
from scanner.pricing import price_chain as _price_chain
from scanner.sources.recorded import read_recorded as _read_recorded
from scanner.store.store import Store

calendar = Calendar.standard()

conform = partial(_conform, calendar=calendar)
confirm = partial(_confirm, calendar=calendar)
open_store = partial(Store.open, calendar=calendar)
price_chain = partial(_price_chain, calendar=calendar)
read_recorded = partial(_read_recorded, calendar=calendar)
update = partial(_update, calendar=calendar)


def measure(chain: pl.DataFrame, known: KnownBefore, now: datetime, methods: Methods = STANDARD) -> Measured:
    """A chain priced and measured as a scan does it, but past the gate."""
    return _measure(methods.pricing.price(chain, known.panel.calendar, known.events), known, now, methods.fit)
