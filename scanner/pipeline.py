"""One scan, top to bottom: source, chain, quality, store, pricing, metrics, rules, alerts, result.

A scan of the live market and the replay of a recorded session run the same code: :func:`judge` sees one session's
chains and what was known before them, and nothing else. What that is, :func:`recall` puts together, also for those who
show numbers instead of judging them. Clocks, networks and disks are at the two ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

import polars as pl

from scanner import activity, quality, ruleset
from scanner.activity import record
from scanner.activity.looks import Looks, look_at
from scanner.activity.ranking.today import unranked
from scanner.activity.scoring import without_baseline
from scanner.alerts.model import NotJudged, ScanMeta
from scanner.alerts.selection import Floor
from scanner.alerts.update import update
from scanner.errors import ConfigError, ScanProblem, SourceError, StoreError
from scanner.history.panel import Panel
from scanner.market import calendar, products
from scanner.market import corporate_events as event_tables
from scanner.market.chain import SORT_KEY
from scanner.market.symbology import each_once, plain_ticker
from scanner.metrics import contract, underlying
from scanner.metrics.measure import STANDARD, KnownBefore, Measured, Methods, Price, beside, measure
from scanner.outputs.result import ScanResult
from scanner.pricing import Curve, price_chain
from scanner.pricing.curve import built_in, refreshed
from scanner.store.recall import Memory
from scanner.store.summaries import CONTRACT_ROWS

if TYPE_CHECKING:
    from scanner.config import AlertSettings, Settings
    from scanner.ruleset import Judgement, Rule
    from scanner.sources.base import Source
    from scanner.store.state import State
    from scanner.store.store import Store

# Every derived number that is stored carries this; numbers of another version are computed again, never mixed.
CALCULATION_VERSION = "2"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one session's chains say: the metric frames by scope, the rules' judgement, the quality gate's verdicts."""

    measured: Measured
    judgement: Judgement
    verdicts: pl.DataFrame

    @property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """The metric frames that the rules judged."""
        return self.measured.frames


@dataclass(frozen=True, slots=True)
class Request:
    """What a scan is asked for: which symbols (none: all the source has), as of when, and by what name it goes.

    ``as_of`` None means now; for recorded chains, the newest moment recorded.
    """

    symbols: tuple[str, ...]
    as_of: datetime | None
    now: datetime
    scan_id: str


@dataclass
class Received:
    """What the sources gave: one chain frame of all symbols, what failed, and what was mended on the way."""

    chain: pl.DataFrame | None = None
    problems: list[ScanProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan(
    request: Request,
    sources: Sequence[Source],
    rules: Sequence[Rule],
    settings: Settings,
    store: Store | None,
    state: State | None,
    clock: Callable[[], datetime],
) -> ScanResult:
    """Fetch, judge, store and remember; the result is complete even where a symbol or the store failed.

    ``sources`` are tried in order, symbol by symbol. Without a ``store`` nothing is remembered and rules that need
    history say so. ``clock`` tells when the scan was done.
    """
    received, moment = receive_as_of(sources, request)
    simulated = any(source.vendor.simulated for source in sources)
    name = ",".join(source.vendor.name for source in sources)
    meta = ScanMeta(
        id=request.scan_id,
        as_of=moment,
        started_at=request.now,
        source=name,
        simulated=simulated,
        calculation_version=CALCULATION_VERSION,
        session_date=calendar.session_of(moment),
        symbols_requested=len(request.symbols) or _symbols(received),
        symbols_failed=len({problem.symbol for problem in received.problems}),
        rules=len(rules),
    )
    if received.chain is None:
        return ScanResult(replace(meta, finished_at=clock()), errors=tuple(received.problems))
    memory, known, methods = recall(received.chain, store, state, settings)
    judged = judge(received.chain, known, moment, rules, methods)
    problems = [*received.problems, *memory.problems, *memory.keep(request.scan_id)]
    result = conclude(judged, known.panel, rules, settings.alerts, state, meta)
    return replace(
        result,
        scan=replace(result.scan, finished_at=clock()),
        errors=(*problems, *result.errors),
        notes=(*received.notes, *memory.notes, *result.notes),
    )


def receive_as_of(sources: Sequence[Source], request: Request) -> tuple[Received, datetime]:
    """What the sources give that can be judged, and the moment it is judged as of."""
    received = receive(sources, request)
    moment = _moment(request, sources, received.chain)
    return (_of_one_session(received, calendar.session_of(moment)) if _recorded(sources) else received), moment


def _moment(request: Request, sources: Sequence[Source], chain: pl.DataFrame | None) -> datetime:
    """The moment judged: the one asked for, else now; recorded chains are judged as of their newest quotes."""
    if request.as_of is not None:
        return request.as_of
    if chain is not None and _recorded(sources):
        return newest_quotes(chain)
    return request.now


def _recorded(sources: Sequence[Source]) -> bool:
    return all(source.vendor.recorded for source in sources)


def _of_one_session(received: Received, session: date) -> Received:
    """Recorded chains without those of names whose newest one is older than the session judged: those are stale."""
    chain = received.chain
    if chain is None:
        return received
    stale = chain.filter(pl.col("session_date") < session).group_by("underlying", maintain_order=True)
    problems = [
        ScanProblem(name, "quality", "stale", _too_old(newest, session))
        for name, newest in stale.agg(pl.col("session_date").max()).iter_rows()
    ]
    kept = chain.filter(pl.col("session_date") >= session)
    return Received(None if kept.is_empty() else kept, [*received.problems, *problems], received.notes)


def _too_old(newest: date, session: date) -> str:
    return f"its newest chain is of {newest}, not of the session judged ({session}); judge it with --as-of {newest}"


def configured_curve(settings: Settings) -> Curve:
    """The Treasury curve, carried on by the configuration's file. Raises PricingError where that cannot be read."""
    path = settings.pricing.curve
    return built_in() if path is None else refreshed(path)


def configured_pricing(settings: Settings) -> Price:
    """How chains are priced by the configuration. Raises PricingError where its curve cannot be read."""
    return partial(price_chain, curve=configured_curve(settings), use_vendor_iv=settings.pricing.use_vendor_iv)


def configured_events(settings: Settings) -> pl.DataFrame:
    """The events of the configuration's file, empty where it names none; a line that is wrong is left out and logged.

    Raises ConfigError where the file cannot be read.
    """
    if settings.events is None:
        return event_tables.empty()
    try:
        read = event_tables.read(settings.events)
    except SourceError as error:
        raise ConfigError([f"the configuration's `events:` {error}"]) from error
    for problem in read.problems:
        log.warning("%s", problem)
    return read.frame


def newest_quotes(chain: pl.DataFrame) -> datetime:
    """The newest moment that a chain's quotes describe."""
    return cast("datetime", chain["quote_time"].max())


def _symbols(received: Received) -> int:
    found = 0 if received.chain is None else received.chain["underlying"].n_unique()
    return found + len({problem.symbol for problem in received.problems})


def receive(sources: Sequence[Source], request: Request) -> Received:
    """Ask each source in turn for what the ones before it could not give; the chain holds each contract once.

    A name asked for in two spellings is asked for once.
    """
    received = Received()
    chains: dict[str, pl.DataFrame] = {}
    open_symbols = each_once(request.symbols)
    failures: dict[str, ScanProblem] = {}
    for source in sources:
        if chains and not open_symbols:
            break
        for fetched in source.chains(open_symbols, request.as_of or request.now):
            received.notes += [note for note in fetched.notes if note not in received.notes]
            if fetched.chain is not None:
                for name, part in _by_name(fetched.chain):
                    if name in chains:
                        received.notes.append(
                            f"{name}: {source.vendor.name} gave it again; the chain it gave first counts"
                        )
                    else:
                        chains[name] = part
                failures.pop(fetched.symbol, None)
            elif fetched.error is not None:
                failures[fetched.symbol] = fetched.error
        open_symbols = tuple(symbol for symbol in open_symbols if plain_ticker(symbol) not in chains)
    received.problems += failures.values()
    if chains:
        received.chain, dropped = _each_contract_once(pl.concat(chains.values()))
        received.notes += dropped
    return received


def _by_name(chain: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """A source's answer by the name each chain in it is known by, whatever its spelling."""
    for (name,), part in chain.partition_by("underlying", maintain_order=True, as_dict=True).items():
        yield plain_ticker(str(name)), part


def _each_contract_once(chain: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows sorted as every chain is, none with a contract that another one before it has; and what was dropped."""
    once = chain.unique("contract", keep="first", maintain_order=True).sort(SORT_KEY)
    if once.height == chain.height:
        return once, []
    again = chain.filter(chain["contract"].is_duplicated())
    names = ", ".join(again["underlying"].unique().sort())
    dropped = chain.height - once.height
    return once, [
        f"{names}: {dropped:,} rows came with a contract that was there already, such as {again['contract'][0]}"
    ]


def recall(
    chain: pl.DataFrame, store: Store | None, state: State | None, settings: Settings
) -> tuple[Memory, KnownBefore, Methods]:
    """What was known before a chain and how it is judged, put together in this one place for whoever judges or shows.

    Raises PricingError where the configured curve cannot be read, ConfigError where the configured events cannot.
    """
    memory = Memory.of(store, chain)
    events = configured_events(settings) if store is None else store.events
    fit = activity.fit if store is None else store.models.fit
    known = KnownBefore(memory.panel, memory.earlier, events, earlier_looks(state, chain))
    return memory, known, Methods(configured_pricing(settings), fit)


def look(
    chain: pl.DataFrame, moment: datetime, store: Store | None, state: State | None, settings: Settings
) -> Measured:
    """A chain measured as a scan at that moment would measure it; keeps nothing."""
    _, known, methods = recall(chain, store, state, settings)
    return judge(chain, known, moment, [], methods).measured


def earlier_looks(state: State | None, chain: pl.DataFrame) -> Looks:
    """What earlier scans of a chain's session saw; nothing where there is no state, or none that can be read."""
    if state is None:
        return Looks()
    quoted = chain.group_by("source", "underlying", "session_date").agg(pl.max("quote_time"))
    try:
        with state.read() as ledger:
            return Looks.of(ledger.looks(quoted))
    except StoreError:
        # Whatever ails the state is told when alerts are written to it.
        return Looks()


def judge(
    chain: pl.DataFrame, known: KnownBefore, now: datetime, rules: Sequence[Rule], methods: Methods = STANDARD
) -> Judged:
    """Judge one session's chains by what was known before them. Pure: nothing is read, nothing is kept.

    ``chain`` may hold many underlyings of one source and session.
    """
    verdicts = quality.judge(chain, known.panel, known.earlier, now)
    trusted, reasons = quality.apply(chain, verdicts)
    reasons = pl.concat([reasons, quality.unusable(known.panel.underlying_sessions)])
    measured = measure(trusted, known, now, methods)
    why = unranked(measured.model, chain["underlying"].unique()), without_baseline(measured.frames["contract"])
    reasons = pl.concat([reasons, *why])
    return Judged(measured, ruleset.judge(rules, measured.frames, reasons), verdicts)


def summarise(
    chain: pl.DataFrame, events: pl.DataFrame, curve: Curve | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is kept of a session for later ones to compare with: contract rows and one row of sums an underlying."""
    spelled = event_tables.spelled_as(events, chain["underlying"].unique())
    priced = price_chain(chain, curve, event_tables.dividends(spelled), sides=("mid",))
    contracts = priced.contracts.with_columns(premium=contract.premium())
    standard = contracts.filter(~pl.col("nonstandard"))
    totals = underlying.totals(standard).drop("session_date", "spot")
    spot_like = priced.expiries.filter(~pl.col("underlying").is_in(products.VOLATILITY_INDICES))
    nearest = spot_like.drop_nulls("forward").sort("expiry").group_by("underlying", maintain_order=True)
    parity_spot = nearest.agg(parity_spot=(pl.col("forward") * pl.col("discount")).first())
    return contracts.select(CONTRACT_ROWS.names()), beside(totals, "underlying", priced.underlyings, parity_spot)


def conclude(
    judged: Judged, panel: Panel, rules: Sequence[Rule], alerts: AlertSettings, state: State | None, meta: ScanMeta
) -> ScanResult:
    """Turn a judgement into alerts, with what was known of them before."""
    contracts = judged.frames["contract"]
    meta = replace(
        meta,
        symbols_scanned=contracts["underlying"].n_unique(),
        contracts=contracts.height,
        baseline_sessions=panel.sessions,
    )
    not_judged = [NotJudged(**row) for row in judged.judgement.not_judged.iter_rows(named=True)]
    updated = update(
        judged.judgement.findings,
        rules,
        state,
        meta,
        judged.frames,
        budget=alerts.budget_per_session,
        floor=Floor(alerts.at_least.premium, alerts.at_least.lots),
        false_discovery_rate=alerts.false_discovery_rate,
        cooldown=alerts.cooldown,
        not_judged=not_judged,
    )
    known = _calibration(state, panel.source, meta.session_date)
    problems = updated.problems or _remember(state, judged, panel.source, meta.session_date)
    return ScanResult(
        scan=meta,
        alerts=updated.alerts,
        not_judged=tuple(not_judged),
        underlyings=judged.frames["underlying"],
        errors=tuple(problems),
        held_back=updated.held_back_counts,
        held_back_items=updated.held_back,
        notes=(*_notes(judged), *_drifts(known)),
        calibration=tuple(known),
    )


def _calibration(state: State | None, source: str, session: date) -> list[record.Level]:
    """How often chances were stated and how often they came, in the sessions before this one."""
    if state is None:
        return []
    try:
        with state.read() as ledger:
            return record.levels(ledger.calibration(source), before=session)
    except StoreError:
        # Whatever ails the state is told when alerts are written to it.
        return []


def _drifts(levels: Sequence[record.Level]) -> Iterator[str]:
    """One sentence for each channel as a whole whose chances do not come as often as stated."""
    for level in levels:
        if level.drifts and " tier " not in level.channel:
            yield (
                f"calibration drifts: {level.channel} stated as rare as {level.nominal:g} came "
                f"{level.ratio:.1f} times as often in the last {level.sessions} sessions; trust its stars accordingly"
            )


def _remember(state: State | None, judged: Judged, source: str, session: date) -> list[ScanProblem]:
    """Keep what later scans of the session compare with and, at its close, how often what was stated came."""
    if state is None:
        return []
    measured = judged.measured
    kept: list[record.Calibration] = []
    if measured.elapsed >= 1.0 and measured.model.kind == "own":
        kept += record.of_session(measured.alone, source, session, CALCULATION_VERSION)
        kept += record.of_list(measured.frames["contract"], source, session, CALCULATION_VERSION)
        kept += record.held_out(measured.model.realised, source, session, CALCULATION_VERSION)
    try:
        with state.write() as ledger:
            ledger.save_looks(look_at(measured.alone["contract"]))
            ledger.save_calibration(kept)
    except StoreError as error:
        return [ScanProblem("", "store", "not_stored", str(error))]
    return []


def _filtered(filtered: pl.DataFrame) -> Iterator[str]:
    """One sentence for each of the user's filters that left something out."""
    grouped = filtered.group_by("filter_id", "rule_id", maintain_order=True).agg(pl.col("count").sum())
    for filter_id, rule_id, count in grouped.iter_rows():
        yield f"your filter {filter_id} left out {count:,} finding{'' if count == 1 else 's'} of {rule_id}"


def _notes(judged: Judged) -> Iterator[str]:
    """What a person should know of a judgement: whose past it rests on, and what was not trusted or left out."""
    if judged.measured.basis is not None:
        yield judged.measured.basis
    yield from _distrusted(judged.verdicts)
    yield from _filtered(judged.judgement.filtered)


def _distrusted(verdicts: pl.DataFrame) -> Iterator[str]:
    """One sentence for each thing the quality gate does not trust."""
    grouped = verdicts.group_by("underlying", "check", "reason", maintain_order=True).agg("switches_off")
    for name, _, reason, switched_off in grouped.iter_rows():
        what = ", ".join(part.replace("_", " ") for part in switched_off)
        scope = "nothing" if "all" in switched_off else f"{what} not"
        yield f"{name}: {scope} judged: {reason.removeprefix(f'{name}: ')}"


def replay(
    store: Store,
    source: str | None,
    symbols: Sequence[str] | None,
    first: date,
    last: date,
    rules: Sequence[Rule],
    settings: Settings,
    state: State,
) -> Iterator[ScanResult]:
    """Judge stored sessions in order, oldest first, each by its newest quotes and by what was known before it.

    ``state`` remembers alerts from one session to the next and should start empty. Nothing in a result depends on
    later sessions or on the clock.
    """
    for name in [source] if source else store.snapshots.sources():
        for session in store.snapshots.sessions(name):
            if first <= session <= last:
                yield from _replay_session(store, name, symbols, session, rules, settings, state)


def _replay_session(
    store: Store,
    source: str,
    symbols: Sequence[str] | None,
    session: date,
    rules: Sequence[Rule],
    settings: Settings,
    state: State,
) -> Iterator[ScanResult]:
    chain = store.snapshots.newest(source, session, symbols)
    if chain.is_empty():
        return
    names = chain["underlying"].unique().to_list()
    moment = newest_quotes(chain)
    meta = ScanMeta(
        id=f"replay-{source}-{session}",
        as_of=moment,
        started_at=moment,
        finished_at=moment,
        source=source,
        simulated=bool(chain["simulated"].any()),
        calculation_version=CALCULATION_VERSION,
        session_date=session,
        symbols_requested=len(names),
        rules=len(rules),
    )
    memory, known, methods = recall(chain, store, state, settings)
    judged = judge(chain, known, moment, rules, methods)
    result = conclude(judged, known.panel, rules, settings.alerts, state, meta)
    yield replace(result, errors=(*memory.problems, *result.errors), notes=(*memory.notes, *result.notes))
