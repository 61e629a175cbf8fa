"""One scan with everything around it: the clock, the store and the configured outputs."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import clock, companions, configuring, opening
from scanner.errors import ScannerError, ScanProblem, StoreError, UsageError

if TYPE_CHECKING:
    from scanner.alerts.model import Alert, ScanMeta
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.frames import Frame
    from scanner.outputs.result import ScanResult
    from scanner.pipeline import Setup
    from scanner.ruleset import Rule
    from scanner.sources.base import Source
    from scanner.store.between_scans import BetweenScans
    from scanner.store.state import Ledger, State

log = logging.getLogger(__name__)

# Where a name can be lost before it is judged.
_ON_THE_WAY = frozenset({"source", "quality", "pricing"})


def scan(
    symbols: str | Sequence[str] = (),
    *,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    chain: Frame | None = None,
    watchlist: str | None = None,
    as_of: str | date | None = None,
    rules: Sequence[Place] = (),
    store: Place | None = None,
    accept_terms: Sequence[str] = (),
    strict: bool = False,
    record: Place | None = None,
) -> ScanResult:
    """Scan once, now: judge chains by the rules, keep them and the alerts in the store, write the configured outputs.

    ``symbols`` are the underlyings (none: those of ``watchlist``, else of every watchlist; of recorded chains and of a
    frame all that is there). ``chain`` is a frame of pandas or polars to scan in place of a source: one row a contract,
    any number of underlyings, with the columns of :data:`scanner.market.chain.COLUMNS`, of which those that may be null
    may be left out; it is judged as of its newest quotes. ``as_of`` is a moment of the past (ISO 8601, or a datetime
    with its time zone; a bare date is that session's close). ``strict`` makes a broken rule an error; else it is left
    out and told. ``record`` is a folder in which the vendors' verbatim bodies are kept, credentials removed; it is a
    ``path`` afterwards. The others are as in :func:`~scanner.app.configuring.settings`.

    Returns what was found and what could not be judged: ``alerts``, strongest first, and as ``frame`` (polars) or
    ``to_pandas()``; ``not_judged`` with the reasons; ``underlyings``, a polars frame with one row a name and every
    underlying-scope field of ``docs/fields.md`` in the units told there; ``errors``, ``notes``. A symbol that fails
    costs itself alone and is told in ``errors``. Raises ConfigError, RuleError (no usable rule), TermsError, ChainError
    (a frame that is no chain), UsageError.
    """
    configured = configuring.settings(
        settings, store=store, source=source, path=path, accept_terms=accept_terms, rules=rules
    )
    if chain is not None and (source is not None or path is not None):
        raise UsageError("chain: a frame takes the place of --source and --path; give one of them")
    names = configuring.symbols_for(symbols, watchlist, configured)
    instant = configuring.instant_for(as_of, configured.exchange_calendar)
    stored = None
    if instant is not None and chain is None and source is None and path is None:
        stored = opening.stored_chain(configured, names if symbols or watchlist else None, instant)
    handed_in = chain if stored is None else stored
    sources = opening.sources_for(configured, instant, handed_in, None if record is None else Path(record))
    if not symbols and watchlist is None and all(source.vendor.recorded for source in sources):
        names = ()
    usable, problems = opening.usable_rules(configured, strict=strict)
    return scan_once(configured, sources, usable, names, instant, problems)


def scan_once(
    settings: Settings,
    sources: Sequence[Source],
    rules: Sequence[Rule],
    symbols: tuple[str, ...],
    as_of: datetime | None,
    problems: Sequence[ScanProblem] = (),
    between: BetweenScans | None = None,
) -> ScanResult:
    """One scan with what was opened before; ``problems`` are those met until here, and are reported with its own.

    ``between`` holds the volume model and past sessions for the next scan that is given it.
    """
    from scanner import pipeline
    from scanner.app import preparing
    from scanner.sources.receiving import Request

    now = clock.right_now()
    request = Request(symbols, as_of, now, f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}")
    with opening.open_memory_if_possible(settings) as memory:
        setup = preparing.setup(settings, memory.store, memory.state, rules, between, settings.routes)
        live = memory.store if any(source.vendor.live for source in sources) else None
        with companions.kept_meanwhile(settings, symbols, live, now) as beside:
            received = pipeline.receive(request, sources, setup.calendar)
        if live is not None:
            setup = replace(setup, events=live.events)
        result = _followed(pipeline.scan_received(received, request, sources, setup, clock.right_now).result, setup)
        written = _write_outputs(result, settings, memory.state)
        told = (*problems, *memory.problems, *result.errors, *written)
        result = replace(result, errors=told, notes=(*beside, *result.notes))
        if memory.state is not None:
            result = _remember_run(memory.state, result, settings)
    return result


def _followed(result: ScanResult, setup: Setup) -> ScanResult:
    """The result with what it tells of earlier alerts; what ails store or state is told where the scan is kept."""
    from scanner.app import following

    if setup.store is None or setup.state is None or result.underlyings is None:
        return result
    try:
        names = result.underlyings["underlying"]
        verdicts = following.after_scan(setup.store, setup.state, result.scan, names, setup.routes)
    except StoreError as error:
        log.debug("earlier alerts are not followed: %s", error)
        return result
    return replace(result, verdicts=tuple(verdicts))


def _remember_run(state: State, result: ScanResult, settings: Settings) -> ScanResult:
    """Store that the scan took place, and what digests are to say of it; where that fails, the result says so."""
    from scanner.alerts.routing import looked_at

    scan = result.scan
    left_out = {
        item.symbol: item.message
        for item in result.errors
        if item.symbol and item.stage in _ON_THE_WAY and item.symbol not in scan.names
    }
    owed = looked_at(scan, left_out, settings.routes, scan.started_at, settings.exchange_calendar)

    def keep(ledger: Ledger) -> None:
        ledger.save_run(scan, result.errors, result.held_back, result.notes)
        ledger.queue(owed)

    try:
        state.settled(keep)
    except StoreError as error:
        return replace(result, errors=(*result.errors, ScanProblem("", "store", "not_stored", str(error))))
    return result


def _write_outputs(result: ScanResult, settings: Settings, state: State | None) -> list[ScanProblem]:
    """Write what the configuration names; what cannot be written is a problem, and the scan stands.

    The watchlist is that of the session so far: what earlier scans of it raised stays on it until it closes.
    """
    from scanner.alerts.model import Status
    from scanner.outputs import watchlist
    from scanner.outputs.exports.registry import export_of

    wanted = settings.outputs.watchlist
    if wanted is None:
        return []
    try:
        listed = {} if state is None else _standing(state, result.scan)
        listed |= {alert.alert_id: alert for alert in result.alerts}
        current = [alert for alert in listed.values() if alert.status is not Status.closed]
        name = f"watchlist-{result.scan.session_date}"
        export = export_of(wanted.dialect, wanted.format)
        for sentence in watchlist.write(current, wanted.path, name, export, settings.exchange_calendar):
            log.warning("%s", sentence)
    except ScannerError as error:
        return [ScanProblem("", "outputs", "not_written", str(error))]
    return []


def _standing(state: State, scan: ScanMeta) -> dict[str, Alert]:
    with state.read() as ledger:
        return {alert.alert_id: alert for alert in ledger.session_alerts(scan.session_date, scan.simulated)}
