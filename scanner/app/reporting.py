"""Putting a report together: what the state kept of some sessions' scans, measured again out of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import configuring, opening
from scanner.errors import ScanProblem, StoreError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.model import ScanMeta
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.history.panel import Panel
    from scanner.market.calendar import Calendar
    from scanner.outputs.charts.names import Name
    from scanner.outputs.report import Page, Report
    from scanner.outputs.result import ScanResult
    from scanner.severity import Severity
    from scanner.store.state import Ledger, State
    from scanner.store.store import Store


@dataclass(frozen=True, slots=True)
class SessionsReport:
    """A report of the sessions from ``first`` to ``last``.

    ``report.pages`` has one page a session, newest first: its ``result``, what is ``around`` its alerts (None where the
    store no longer holds the chains), and of the newest its ``names`` one by one.
    """

    report: Report
    first: date
    last: date

    def html(self) -> str:
        """The report as one page for a browser, which needs nothing else."""
        from scanner.outputs.report import render

        return render(self.report)

    def markdown(self) -> str:
        """The weekly column as Markdown. Raises UsageError where the report is not of a week."""
        if self.report.column is None:
            raise UsageError("--format markdown: is for the column of a week (--week DATE); a session is an HTML page")
        return self.report.column.markdown()


def report(
    symbols: str | Sequence[str] = (),
    *,
    week: str | date | None = None,
    lang: str = "en",
    as_of: str | date | None = None,
    min_severity: str | None = None,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    watchlist: str | None = None,
    store: Place | None = None,
) -> SessionsReport:
    """A report of the newest session that was scanned, of the one that ``as_of`` lies in, or of the week of a date.

    A week begins with its column, in English or, with ``lang`` ``zh``, in Chinese and then alone; what scans said of
    its sessions follows.
    ``symbols`` or a ``watchlist`` narrow it to some names, ``min_severity`` and ``limit`` to the strongest alerts of
    each session. Raises UsageError where both ``week`` and ``as_of`` are given, StoreError where no scan is stored.
    """
    configured = configuring.settings(settings, store=store)
    if week is not None and as_of is not None:
        raise UsageError("--week and --as-of: give one of them")
    if lang not in ("en", "zh"):
        raise UsageError(f"--lang {lang}: there are en and zh")
    if lang != "en" and week is None:
        raise UsageError(f"--lang {lang}: is for the column of a week (--week DATE)")
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else ()
    instant = configuring.instant_for(as_of, configured.exchange_calendar)
    least = configuring.severity_for(min_severity)
    if week is not None:
        return _of_week(configured, configuring.day_for("--week", week), names, lang, least, limit, named=bool(symbols))
    with opening.open_state(configured, read_only=True) as state:
        first = last = _newest_session(state) if instant is None else configured.exchange_calendar.session_of(instant)
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
    known = {name for page in pages for name in page.result.scan.names}
    there = {plain_ticker(name) for name in known.union(*(frame["underlying"] for frame in frames))}
    missing = [name for name in asked if plain_ticker(name) not in there]
    if there and missing:
        raise UsageError(f"{', '.join(missing)}: not in these sessions; there are {', '.join(sorted(there)) or 'none'}")


def _of_week(
    settings: Settings, day: date, names: Sequence[str], lang: str, least: Severity, limit: int | None, *, named: bool
) -> SessionsReport:
    """The column of a week, and in English behind it what scans said of its sessions, where there were any."""
    from scanner.app import column
    from scanner.outputs.column import phrases, writing
    from scanner.outputs.report import Report

    first, last = column.week_of(day)
    week = column.column(settings, day, names, must_be_there=named)
    written = writing.column(week, phrases.Language(lang))
    made = None
    if lang == phrases.Language.english:
        with suppress(StoreError), opening.open_state(settings, read_only=True) as state:
            made = of_sessions(state, opening.store_if_there(settings, before=last), first, last, names, settings)
    if made is None:
        return SessionsReport(Report(written.title, [], column=written, simulated=week.simulated), first, last)
    pages = [replace(page, result=page.result.narrowed(least, limit)) for page in made.pages]
    return SessionsReport(replace(made, title=written.title, pages=pages, column=written), first, last)


def of_sessions(
    state: State, store: Store | None, first: date, last: date, symbols: Sequence[str], settings: Settings
) -> Report | None:
    """A report of every session from ``first`` to ``last`` that was scanned, newest first; None where there is none.

    Of each name it tells what the newest scan of it said.

    ``symbols`` narrows it to some names.
    """
    from scanner.activity import record
    from scanner.alerts import verdict
    from scanner.alerts.scoreboard import board, read
    from scanner.outputs.report import Report

    with state.read() as ledger:
        sessions: dict[tuple[date, bool], list[_Run]] = {}
        for run in _runs(ledger, limit=100_000):
            if first <= run.scan.session_date <= last:
                sessions.setdefault((run.scan.session_date, run.scan.simulated), []).append(run)
        if not sessions:
            return None
        ordered = sorted(sessions.values(), key=lambda runs: runs[0].scan.session_date, reverse=True)
        results = [_stored(ledger, runs, symbols) for runs in ordered]
        pages = [
            page_of(result, store, state, settings, symbols, with_names=result is results[0]) for result in results
        ]
        title = f"Unusual options activity, {last}" if first == last else f"Unusual options activity, {first} to {last}"
        levels = record.levels(ledger.calibration())
        outcomes = board(ledger.told(), read(ledger.outcomes()), brief=True)
        return Report(title, pages, levels, verdict.scoreboard(ledger.decided()), outcomes)


def _newest_session(state: State) -> date:
    """The session of the newest scan that saw anything. Raises StoreError where there is none."""
    with state.read() as ledger:
        newest = max((run.scan.session_date for run in _runs(ledger, limit=1000)), default=None)
    if newest is None:
        raise StoreError(f"{state.place} holds no scan yet; run `scanner scan` first, or see `scanner demo`")
    return newest


@dataclass(frozen=True, slots=True)
class _Run:
    """A scan that the state kept, and what it left out."""

    scan: ScanMeta
    errors: Sequence[Mapping[str, str]]
    held_back: Mapping[str, int]
    notes: Sequence[str]


def _runs(ledger: Ledger, limit: int) -> list[_Run]:
    """The newest scans that saw anything, newest first."""
    from scanner.alerts.model import ScanMeta

    runs = [
        _Run(ScanMeta.from_dict(run), run["errors"], run["held_back"], run.get("notes", ()))
        for run in ledger.runs(limit=limit)
    ]
    return [run for run in runs if run.scan.symbols_scanned]


def _stored(ledger: Ledger, runs: Sequence[_Run], symbols: Sequence[str]) -> ScanResult:
    """A session as its scans (the newest first) told it: all alerts, and of each name what its newest one left out."""
    from scanner.alerts.model import Alert, HeldBack, NotJudged
    from scanner.market.symbology import plain_ticker
    from scanner.outputs.result import ScanResult

    scan = runs[0].scan
    alerts = sorted(
        ledger.session_alerts(scan.session_date, scan.simulated), key=lambda alert: alert.strength, reverse=True
    )
    asked = {plain_ticker(symbol) for symbol in symbols}

    def wanted(underlying: str | None) -> bool:
        return not asked or plain_ticker(underlying or "") in asked

    held: Counter[str] = Counter(runs[0].held_back)
    items, not_judged = list[HeldBack](), list[NotJudged]()
    errors, notes = list[ScanProblem](), list[str]()
    told: set[str | None] = set()
    requested = 0
    for number, run in enumerate(runs):
        fresh = {*run.scan.names, *({None} if number == 0 else ())} - told
        if number and not fresh:
            continue
        # An older state does not say which names a scan was of: then the newest one speaks for its session.
        whole = number == 0
        rows = [row for row in ledger.held_back(run.scan.id) if whole or row["underlying"] in fresh]
        held.update(row["reason"] for row in rows if not whole)
        items += [
            HeldBack(Alert.from_dict(row["document"]), row["identity"], row["reason"])
            for row in rows
            if row["document"] and wanted(row["underlying"])
        ]
        left = [item for item in ledger.not_judged(run.scan.id) if whole or item.underlying in fresh]
        not_judged += [item for item in left if wanted(item.underlying)]
        errors += [ScanProblem(**problem) for problem in run.errors if problem["symbol"] not in told]
        notes += [note for note in run.notes if note not in notes]
        told |= fresh
        requested += len(fresh - {None}) if number else run.scan.symbols_requested
    names = tuple(sorted(name for name in told if name is not None))
    if len(names) > scan.symbols_scanned:
        scan = replace(scan, names=names, symbols_scanned=len(names), symbols_requested=requested)
    return ScanResult(
        scan=scan,
        alerts=tuple(alert for alert in alerts if wanted(alert.underlying)),
        not_judged=tuple(not_judged),
        errors=tuple(errors),
        held_back=dict(held),
        held_back_items=tuple(items),
        notes=tuple(notes),
    )


def page_of(
    result: ScanResult,
    store: Store | None,
    state: State | None,
    settings: Settings,
    symbols: Sequence[str] = (),
    *,
    with_names: bool = True,
) -> Page:
    """A session with its names and what is around its alerts, as far as the store holds its chains."""
    from scanner import pipeline
    from scanner.app import preparing
    from scanner.outputs.report import Page
    from scanner.sources.receiving import newest_quotes

    chain = None if store is None else _chain(store, result.scan, symbols)
    if chain is None:
        return Page(result)
    setup = preparing.setup(settings, store, state)
    memory, known = pipeline.know(chain, setup)
    measured = pipeline.judge(memory.chain, known, newest_quotes(chain), [], setup.methods, whole=False).measured
    return page_around(result, measured.frames, known.panel, with_names=with_names)


def page_around(
    result: ScanResult, frames: Mapping[str, pl.DataFrame], panel: Panel, *, with_names: bool = True
) -> Page:
    """The page of a session whose metric ``frames`` are there, with the ``panel`` of what was known before it."""
    import polars as pl

    from scanner.outputs.charts.alerts import Around
    from scanner.outputs.report import Page

    past = panel.underlying_sessions
    flagged = {(alert.underlying, alert.expiry) for alert in result.alerts}
    expiries = pl.DataFrame(list(flagged), schema={"underlying": pl.String, "expiry": pl.Date}, orient="row")
    named = {name for alert in result.alerts for name in (alert.contract, *alert.drivers) if name is not None}
    around = Around(
        frames["contract"].join(expiries, on=["underlying", "expiry"], how="semi"),
        sessions_of(panel, named),
        past,
    )
    names = list(names_of(frames, past, panel.calendar)) if with_names else []
    scan = replace(result.scan, contracts=frames["contract"].height)
    return Page(replace(result, scan=scan, underlyings=frames["underlying"]), around, names)


def sessions_of(panel: Panel, contracts: Collection[str]) -> pl.DataFrame:
    """``contract session_date volume open_interest``: what a panel holds of some contracts, a row a session."""
    import numpy as np
    import polars as pl

    rows = np.flatnonzero(panel.contracts["contract"].is_in(list(contracts)).to_numpy())
    count = len(panel.sessions)
    columns = {
        "contract": panel.contracts["contract"][rows].to_numpy().repeat(count),
        "session_date": list(panel.sessions) * len(rows),
        "volume": panel.volume[rows].ravel(),
        "open_interest": panel.open_interest[rows].ravel(),
    }
    schema = {"contract": pl.String, "session_date": pl.Date, "volume": pl.Float64, "open_interest": pl.Float64}
    return pl.DataFrame(columns, schema=schema, strict=False).fill_nan(None)


def names_of(frames: Mapping[str, pl.DataFrame], past: pl.DataFrame, calendar: Calendar) -> Iterator[Name]:
    """The names of a session one by one, the busiest first."""
    import polars as pl

    from scanner.metrics import exposures, underlying
    from scanner.outputs.charts.names import Name

    remembered = underlying.remembered(past)
    for row in frames["underlying"].sort("volume", descending=True, nulls_last=True).iter_rows(named=True):
        own = pl.col("underlying") == row["underlying"]
        expiries = frames["expiry"].filter(own)
        held = exposures.live(
            frames["contract"].filter(own), expiries, calendar, exposures.Convention.calls_long_puts_short
        )
        yield Name(
            underlying=row,
            contracts=held,
            expiries=exposures.by_expiry(held, expiries),
            strikes=exposures.by_strike(held),
            past=remembered.filter(own),
        )


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
