"""The exchange's calendar as the package has it, and what asks for a calendar already given that one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from scanner.alerts.confirmation import confirm as _confirm
from scanner.alerts.keeping import Keeper
from scanner.alerts.model import NotJudged, ScanMeta
from scanner.alerts.surroundings import Frames
from scanner.alerts.terms import RuleTerms
from scanner.alerts.update import AlertUpdate, prepare
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


def update(
    findings: pl.DataFrame,
    rules: Sequence[RuleTerms],
    state: Keeper | None,
    scan: ScanMeta,
    frames: Frames,
    *,
    cooldown: int = 1,
    not_judged: Iterable[NotJudged] = (),
    **policy: Any,
) -> AlertUpdate:
    """A scan's findings prepared and brought to the alerts, as a scan does it."""
    shared: dict[str, Any] = {"calendar": calendar, "cooldown": cooldown}
    prepared = prepare(findings, rules, scan, frames, not_judged=not_judged, **shared)
    return _update(prepared, rules, state, scan, **policy, **shared)


def measure(chain: pl.DataFrame, known: KnownBefore, now: datetime, methods: Methods = STANDARD) -> Measured:
    """A chain priced and measured as a scan does it, but past the gate."""
    return _measure(methods.pricing.price(chain, known.panel.calendar, known.events), known, now, methods.fit)
