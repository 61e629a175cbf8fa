"""What the configuration says of how chains are judged, put together for the pipeline."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from scanner.app import companions
from scanner.errors import ConfigError, SourceError
from scanner.market import corporate_events
from scanner.pipeline import Methods, Setup
from scanner.pricing import Curve, Pricing
from scanner.pricing.curve import built_in, refreshed

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.routing import Route
    from scanner.config import Settings
    from scanner.ruleset import Rule
    from scanner.store.between_scans import BetweenScans
    from scanner.store.state import State
    from scanner.store.store import Store

log = logging.getLogger(__name__)


def setup(
    settings: Settings,
    store: Store | None,
    state: State | None,
    rules: Sequence[Rule] = (),
    between: BetweenScans | None = None,
    routes: Sequence[Route] = (),
) -> Setup:
    """What a scan by these settings works with, beside what is open of the past.

    Whoever judges and whoever shows asks here: with a store, a chain is priced as the store summarises it, beside the
    same events. ``between`` hands on what a scan before this one fitted or read, ``routes`` say who is owed messages.
    Raises PricingError where the configured curve cannot be read, ConfigError where the events cannot.
    """
    if store is None:
        methods, events = Methods(pricing(settings)), events_table(settings)
    else:
        if between is not None:
            between.hand_on(store)
        last = None if between is None else between.model
        methods, events = Methods(store.pricing, partial(store.models.fit, last=last)), store.events
    asked = frozenset(companions.KINDS_OF_NEWS[name] for name in settings.companions.news)
    return Setup(rules, settings.alerts, methods, events, settings.exchange_calendar, store, state, routes, asked)


def curve(settings: Settings) -> Curve:
    """The Treasury curve, carried on by the configuration's file. Raises PricingError where that cannot be read."""
    path = settings.pricing.curve
    return built_in() if path is None else refreshed(path)


def pricing(settings: Settings) -> Pricing:
    """How chains are priced by the configuration. Raises PricingError where its curve cannot be read."""
    return Pricing(curve(settings), settings.pricing.use_vendor_iv)


def events_table(settings: Settings) -> pl.DataFrame:
    """The events of the configuration's file, empty where it names none; a line that is wrong is left out and logged.

    Raises ConfigError where the file cannot be read.
    """
    if settings.events is None:
        return corporate_events.empty()
    try:
        read = corporate_events.read(settings.events)
    except SourceError as error:
        raise ConfigError([f"the configuration's `events:` {error}"]) from error
    for problem in read.problems:
        log.warning("%s", problem)
    return read.frame
