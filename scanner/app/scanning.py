"""Running a scan from the command line or the schedule: with the clock, the store and the configured outputs."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from scanner import pipeline
from scanner.alerts.model import Alert, Confirmation, ScanMeta, Status
from scanner.app import opening
from scanner.cli import common
from scanner.errors import ScanProblem
from scanner.market.symbology import plain_ticker

if TYPE_CHECKING:
    from scanner.config import Settings
    from scanner.outputs.result import ScanResult
    from scanner.ruleset import Rule
    from scanner.sources.base import Source
    from scanner.store.state import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a confirmation run has to say, and what failed in it."""

    sentences: tuple[str, ...]
    problems: tuple[ScanProblem, ...] = ()


def scan_once(
    settings: Settings,
    sources: Sequence[Source],
    rules: Sequence[Rule],
    symbols: tuple[str, ...],
    as_of: datetime | None,
    problems: Sequence[ScanProblem] = (),
) -> ScanResult:
    """One scan with everything around it; ``problems`` are those met before it, and are reported with its own."""
    now = common.right_now()
    request = pipeline.Request(symbols, as_of, now, f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}")
    with opening.open_memory_if_possible(settings) as memory:
        result = pipeline.scan(request, sources, rules, settings, memory.store, memory.state, clock=common.right_now)
        written = _write_outputs(result, settings, memory.state)
        result = replace(result, errors=(*problems, *memory.problems, *result.errors, *written))
        if memory.state is not None:
            result = _remember_run(memory.state, result)
    return result


def _remember_run(state: State, result: ScanResult) -> ScanResult:
    """Store that the scan took place; where that fails, the result says so and stands."""
    from scanner.errors import StoreError

    try:
        with state.write() as ledger:
            ledger.save_run(result.scan, result.errors, result.held_back, result.notes)
    except StoreError as error:
        return replace(result, errors=(*result.errors, ScanProblem("", "store", "not_stored", str(error))))
    return result


def confirm_once(settings: Settings, sources: Sequence[Source], symbols: tuple[str, ...]) -> Confirmed:
    """Look at the open interest published by now and decide the alerts it can decide.

    Nothing is fetched where nothing waits, so that the job may run all day.
    """
    from scanner.alerts import confirmation, matching

    now = common.right_now()
    with opening.open_memory(settings) as memory:
        assert memory.state is not None
        assert memory.store is not None
        with memory.state.read() as ledger:
            waiting = {plain_ticker(item.underlying or "") for item in ledger.flagged(outcome=Confirmation.pending)}
        wanted = tuple(symbol for symbol in symbols if plain_ticker(symbol) in waiting)
        if not wanted:
            return Confirmed(("nothing waits for its open interest",))
        received = pipeline.receive(sources, pipeline.Request(wanted, None, now, "confirm"))
        if received.chain is None:
            return Confirmed((), tuple(received.problems))
        calendar = settings.exchange_calendar
        source, session = received.chain["source"][0], calendar.session_of(now)
        panel = memory.store.history.panel(source, received.chain["underlying"].unique(), session)
        matched = matching.matched_by(panel, received.chain)
        report = confirmation.confirm(memory.state, received.chain, now, matched, calendar=calendar)
    sentences = [
        f"{event.alert.alert_id[:10]} {event.alert.title}: {event.alert.confirmation}" for event in report.events
    ]
    return Confirmed((*sentences, f"{report.waiting} flagged sessions still wait"), tuple(received.problems))


def _write_outputs(result: ScanResult, settings: Settings, state: State | None) -> list[ScanProblem]:
    """Write what the configuration names; what cannot be written is a problem, and the scan stands.

    The watchlist is that of the session so far: what earlier scans of it raised stays on it until it closes.
    """
    from scanner.errors import ScannerError
    from scanner.outputs import watchlist

    wanted = settings.outputs.watchlist
    if wanted is None:
        return []
    try:
        listed = {} if state is None else _standing(state, result.scan)
        listed |= {alert.alert_id: alert for alert in result.alerts}
        current = [alert for alert in listed.values() if alert.status is not Status.closed]
        name = f"watchlist-{result.scan.session_date}"
        dialect = watchlist.Dialect(wanted.dialect)
        watchlist.write(current, wanted.path, name, dialect, settings.exchange_calendar)
        for sentence in watchlist.left_out(current, dialect):
            log.warning("%s", sentence)
    except ScannerError as error:
        return [ScanProblem("", "outputs", "not_written", str(error))]
    return []


def _standing(state: State, scan: ScanMeta) -> dict[str, Alert]:
    with state.read() as ledger:
        return {alert.alert_id: alert for alert in ledger.session_alerts(scan.session_date, scan.simulated)}
