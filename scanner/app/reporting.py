"""Putting a report together: what the state kept of some sessions' scans, measured again out of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from scanner import pipeline
from scanner.activity import record
from scanner.alerts import confirmation
from scanner.alerts.model import ScanMeta
from scanner.app import configured
from scanner.errors import ScanProblem, StoreError
from scanner.market.symbology import plain_ticker
from scanner.outputs.report import Page, Report
from scanner.outputs.result import ScanResult
from scanner.sources.receiving import newest_quotes

if TYPE_CHECKING:
    from scanner.config import Settings
    from scanner.store.state import Ledger, State
    from scanner.store.store import Store


def of_sessions(
    state: State, store: Store | None, first: date, last: date, symbols: Sequence[str], settings: Settings
) -> Report | None:
    """A report of the newest scan of every session from ``first`` to ``last``, newest first; None where there is none.

    ``symbols`` narrows it to some names.
    """
    with state.read() as ledger:
        runs = [ScanMeta.from_dict(run) for run in ledger.runs(limit=100_000)]
        newest: dict[tuple[date, bool], ScanMeta] = {}
        for scan in runs:
            if first <= scan.session_date <= last and scan.symbols_scanned:
                newest.setdefault((scan.session_date, scan.simulated), scan)
        if not newest:
            return None
        ordered = sorted(newest.values(), key=lambda scan: scan.session_date, reverse=True)
        results = [_stored(ledger, scan, symbols) for scan in ordered]
        pages = [page_of(result, store, state, settings, symbols) for result in results]
        title = f"Unusual options activity, {last}" if first == last else f"Unusual options activity, {first} to {last}"
        levels = record.levels(ledger.calibration())
        return Report(title, pages, levels, confirmation.scoreboard(ledger.flagged()))


def newest_session(state: State) -> date | None:
    """The session of the newest scan that saw anything."""
    with state.read() as ledger:
        scans = (ScanMeta.from_dict(run) for run in ledger.runs(limit=1000))
        return max((scan.session_date for scan in scans if scan.symbols_scanned), default=None)


def _stored(ledger: Ledger, scan: ScanMeta, symbols: Sequence[str]) -> ScanResult:
    run = next(run for run in ledger.runs(limit=100_000) if run["id"] == scan.id)
    alerts = sorted(
        ledger.session_alerts(scan.session_date, scan.simulated), key=lambda alert: alert.strength, reverse=True
    )
    asked = {plain_ticker(symbol) for symbol in symbols}

    def wanted(underlying: str | None) -> bool:
        return not asked or plain_ticker(underlying or "") in asked

    return ScanResult(
        scan=scan,
        alerts=tuple(alert for alert in alerts if wanted(alert.underlying)),
        not_judged=tuple(item for item in ledger.not_judged(scan.id) if wanted(item.underlying)),
        errors=tuple(ScanProblem(**problem) for problem in run["errors"]),
        held_back=run["held_back"],
        notes=tuple(run.get("notes", ())),
    )


def page_of(
    result: ScanResult, store: Store | None, state: State | None, settings: Settings, symbols: Sequence[str] = ()
) -> Page:
    """A session with its names and the contracts around what was flagged, as far as the store holds its chains."""
    chain = None if store is None else _chain(store, result.scan, symbols)
    if chain is None:
        return Page(result)
    frames = pipeline.look(chain, newest_quotes(chain), configured.setup(settings, store, state)).frames
    flagged = {(alert.underlying, alert.expiry) for alert in result.alerts}
    names = pl.DataFrame(list(flagged), schema={"underlying": pl.String, "expiry": pl.Date}, orient="row")
    contracts = frames["contract"].join(names, on=["underlying", "expiry"], how="semi")
    return Page(replace(result, underlyings=frames["underlying"]), contracts)


def _chain(store: Store, scan: ScanMeta, symbols: Sequence[str]) -> pl.DataFrame | None:
    """The newest quotes of a scan's session; None where the store no longer holds any."""
    # Recorded chains are kept under the name of their format.
    for source in dict.fromkeys((*scan.source.split(","), *store.snapshots.sources())):
        try:
            chain = store.snapshots.newest(source, scan.session_date, symbols or None)
        except StoreError:
            continue
        if chain.height and bool(chain["simulated"].any()) == scan.simulated:
            return chain
    return None
