"""Putting a report together: what the state kept of some sessions' scans, measured again out of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from scanner.app import configuring, opening
from scanner.errors import ScanProblem, StoreError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.model import ScanMeta
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.outputs.report import Page, Report
    from scanner.outputs.result import ScanResult
    from scanner.store.state import Ledger, State
    from scanner.store.store import Store


@dataclass(frozen=True, slots=True)
class SessionsReport:
    """A report of the sessions from ``first`` to ``last``.

    ``report.pages`` has one page a session, newest first: its ``result``, and ``contracts``, a polars frame of the
    contracts around what was flagged (None where the store no longer holds the chains).
    """

    report: Report
    first: date
    last: date

    def html(self) -> str:
        """The report as one page for a browser, which needs nothing else."""
        from scanner.outputs.report import render

        return render(self.report)


def report(
    symbols: str | Sequence[str] = (),
    *,
    week: str | date | None = None,
    as_of: str | date | None = None,
    min_severity: str | None = None,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    watchlist: str | None = None,
    store: Place | None = None,
) -> SessionsReport:
    """A report of the newest session that was scanned, of the one that ``as_of`` lies in, or of the week of a date.

    ``symbols`` or a ``watchlist`` narrow it to some names, ``min_severity`` and ``limit`` to the strongest alerts of
    each session. Raises UsageError where both ``week`` and ``as_of`` are given, StoreError where no scan is stored.
    """
    configured = configuring.settings(settings, store=store)
    if week is not None and as_of is not None:
        raise UsageError("--week and --as-of: give one of them")
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else ()
    instant = configuring.instant_for(as_of, configured.exchange_calendar)
    least = configuring.severity_for(min_severity)
    with opening.open_state(configured, read_only=True) as state:
        if week is not None:
            first, last = _week(configuring.day_for("--week", week))
        else:
            first = last = (
                _newest_session(state) if instant is None else configured.exchange_calendar.session_of(instant)
            )
        made = of_sessions(state, opening.store_if_there(configured, before=last), first, last, names, configured)
    if made is None:
        raise StoreError(
            f"no scan from {first} to {last} is stored; `scanner scan` makes one, `scanner alerts` lists all"
        )
    _require_names(made.pages, names if symbols else ())
    pages = [replace(page, result=page.result.narrowed(least, limit)) for page in made.pages]
    return SessionsReport(replace(made, pages=pages), first, last)


def _require_names(pages: Sequence[Page], asked: Sequence[str]) -> None:
    """Raise UsageError for a name that was asked for and is in no session of the report, where those can be told."""
    from scanner.market.symbology import plain_ticker

    frames = [page.result.underlyings for page in pages if page.result.underlyings is not None]
    there = {plain_ticker(name) for frame in frames for name in frame["underlying"]}
    missing = [name for name in asked if plain_ticker(name) not in there]
    if frames and missing:
        raise UsageError(f"{', '.join(missing)}: not in these sessions; there are {', '.join(sorted(there)) or 'none'}")


def _week(day: date) -> tuple[date, date]:
    """Monday and Friday of a date's week."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=4)


def of_sessions(
    state: State, store: Store | None, first: date, last: date, symbols: Sequence[str], settings: Settings
) -> Report | None:
    """A report of the newest scan of every session from ``first`` to ``last``, newest first; None where there is none.

    ``symbols`` narrows it to some names.
    """
    from scanner.activity import record
    from scanner.alerts import confirmation
    from scanner.outputs.report import Report

    with state.read() as ledger:
        newest: dict[tuple[date, bool], ScanMeta] = {}
        for scan in _scans(ledger, limit=100_000):
            if first <= scan.session_date <= last:
                newest.setdefault((scan.session_date, scan.simulated), scan)
        if not newest:
            return None
        ordered = sorted(newest.values(), key=lambda scan: scan.session_date, reverse=True)
        results = [_stored(ledger, scan, symbols) for scan in ordered]
        pages = [page_of(result, store, state, settings, symbols) for result in results]
        title = f"Unusual options activity, {last}" if first == last else f"Unusual options activity, {first} to {last}"
        levels = record.levels(ledger.calibration())
        return Report(title, pages, levels, confirmation.scoreboard(ledger.flagged()))


def _newest_session(state: State) -> date:
    """The session of the newest scan that saw anything. Raises StoreError where there is none."""
    with state.read() as ledger:
        newest = max((scan.session_date for scan in _scans(ledger, limit=1000)), default=None)
    if newest is None:
        raise StoreError(f"{state.place} holds no scan yet; run `scanner scan` first, or see `scanner demo`")
    return newest


def _scans(ledger: Ledger, limit: int) -> list[ScanMeta]:
    """The newest scans that saw anything, newest first."""
    from scanner.alerts.model import ScanMeta

    return [scan for scan in map(ScanMeta.from_dict, ledger.runs(limit=limit)) if scan.symbols_scanned]


def _stored(ledger: Ledger, scan: ScanMeta, symbols: Sequence[str]) -> ScanResult:
    from scanner.alerts.model import Alert, HeldBack
    from scanner.market.symbology import plain_ticker
    from scanner.outputs.result import ScanResult

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
        held_back_items=tuple(
            HeldBack(Alert.from_dict(row["document"]), row["identity"], row["reason"])
            for row in ledger.held_back(scan.id)
            if row["document"] and wanted(row["underlying"])
        ),
        notes=tuple(run.get("notes", ())),
    )


def page_of(
    result: ScanResult, store: Store | None, state: State | None, settings: Settings, symbols: Sequence[str] = ()
) -> Page:
    """A session with its names and the contracts around what was flagged, as far as the store holds its chains."""
    import polars as pl

    from scanner import pipeline
    from scanner.app import preparing
    from scanner.outputs.report import Page
    from scanner.sources.receiving import newest_quotes

    chain = None if store is None else _chain(store, result.scan, symbols)
    if chain is None:
        return Page(result)
    frames = pipeline.look(chain, newest_quotes(chain), preparing.setup(settings, store, state)).frames
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
