"""One scan, top to bottom: receive, know, gate, price, measure, judge, conclude, keep.

A scan of the live market and the replay of a recorded session run the same code: :func:`judge` sees one session's
chains and what was known before them, and nothing else. What that is, :func:`know` puts together, also for those who
show numbers instead of judging them. A chain goes round once: it is gated, priced and measured in one place, and what
is kept of it for later sessions comes from what was measured. Clocks, networks and disks are at the two ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from scanner import activity, quality
from scanner.activity import counting, record
from scanner.activity.looks import look_at
from scanner.activity.ranking.today import unranked
from scanner.activity.scoring import without_baseline
from scanner.alerts.model import NotJudged, ScanMeta
from scanner.alerts.selection import Floor
from scanner.alerts.update import Prepared, prepare, update
from scanner.errors import ScanProblem, StoreError
from scanner.history.known_before import KnownBefore, Look, Looks
from scanner.kernels.columns import floats
from scanner.kernels.groups import Groups
from scanner.market import corporate_events
from scanner.market.calendar import Calendar
from scanner.market.chain import distinct
from scanner.metrics import dark_pool, early, tape
from scanner.metrics.measure import Fit, Measured, measure, with_costly
from scanner.metrics.summary import CALCULATION_VERSION, closed
from scanner.metrics.together import frames_of
from scanner.outputs import notes
from scanner.outputs.result import ScanResult
from scanner.pricing import Pricing
from scanner.pricing.chain import COSTLY, Side
from scanner.ruleset.asked import contracts_asked
from scanner.ruleset.judge import judge as judge_rules
from scanner.sources.receiving import Received, Request, newest_quotes, receive_as_of
from scanner.steps import step
from scanner.store.recall import Memory

if TYPE_CHECKING:
    from scanner.alerts.routing import Route
    from scanner.config import AlertSettings
    from scanner.ruleset import Rule
    from scanner.ruleset.judge import Judgement
    from scanner.sources.base import Source
    from scanner.store.state import Ledger, State
    from scanner.store.store import Store


@dataclass(frozen=True, slots=True)
class Methods:
    """How a chain is priced, and how the model is fitted by which its volume is scored."""

    pricing: Pricing = field(default_factory=Pricing)
    fit: Fit = activity.fit


STANDARD = Methods()
"""Priced by the built-in curve, and fitted anew."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What scans work with, one like the other: how they judge, and what is open of the past.

    ``events`` are the earnings, dividends and splits known; ``calendar`` tells the exchange's sessions, and a
    ``store`` has the same one. Without a ``store`` nothing is remembered, and rules that need history say so; without a
    ``state`` every alert is new. ``routes`` say who is owed messages of what happens,
    ``news_asked`` which kinds of news somebody is asked for.
    """

    rules: Sequence[Rule]
    alerts: AlertSettings
    methods: Methods
    events: pl.DataFrame
    calendar: Calendar
    store: Store | None = None
    state: State | None = None
    routes: Sequence[Route] = ()
    news_asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """What one session's chains say: the metric frames by scope, the rules' judgement, the quality gate's verdicts.

    ``parts`` are the chains of each source measured beside its own past, the source of most names first; ``frames``,
    which the rules judged, are those of all of them. ``verdicts`` go with the parts.
    """

    parts: tuple[Measured, ...]
    frames: Mapping[str, pl.DataFrame]
    judgement: Judgement
    verdicts: tuple[pl.DataFrame, ...]

    @property
    def measured(self) -> Measured:
        """All of it as one measurement: what the source of most names is measured by, and the frames of all."""
        return replace(self.parts[0], frames=self.frames)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan, and what it rests on: what its chains say, and what was known before them; None where there is no chain.

    ``known`` goes with the parts of ``judged``.
    """

    result: ScanResult
    judged: Judged | None = None
    known: tuple[KnownBefore, ...] = ()


def scan(request: Request, sources: Sequence[Source], setup: Setup, clock: Callable[[], datetime]) -> ScanResult:
    """Receive, judge, conclude and keep; the result is complete even where a symbol or the store failed.

    ``sources`` are tried in order, symbol by symbol. ``clock`` tells when the scan was done. The alerts are out before
    the store is written: a chain that cannot be stored is a problem in the result.
    """
    return scan_received(receive(request, sources, setup.calendar), request, sources, setup, clock).result


def receive(request: Request, sources: Sequence[Source], calendar: Calendar) -> tuple[Received, datetime]:
    """What the sources give, and the moment that it is judged as of."""
    with step("receive"):
        return receive_as_of(sources, request, calendar)


def scan_received(
    given: tuple[Received, datetime],
    request: Request,
    sources: Sequence[Source],
    setup: Setup,
    clock: Callable[[], datetime],
) -> Scanned:
    """The rest of :func:`scan`, once chains were received: nothing before it asks the store."""
    received, moment = given
    meta = ScanMeta(
        id=request.scan_id,
        as_of=moment,
        started_at=request.now,
        source=",".join(source.vendor.name for source in sources),
        simulated=any(source.vendor.simulated for source in sources),
        calculation_version=CALCULATION_VERSION,
        session_date=setup.calendar.session_of(moment),
        symbols_requested=len(request.symbols) or received.symbols,
        symbols_failed=len({problem.symbol for problem in received.problems}),
        rules=len(setup.rules),
    )
    if received.chain is None:
        return Scanned(ScanResult(replace(meta, finished_at=clock()), errors=tuple(received.problems)))
    remembered = [know(chain, setup) for chain in of_each_source(received.chain)]
    judged = judge_together(
        [(memory.chain, known) for memory, known in remembered], moment, setup.rules, setup.methods, whole=False
    )
    with step("conclude"):
        result = conclude(judged, setup, meta)
    memories = [memory for memory, _ in remembered]
    with step("keep"):
        unkept = [
            problem
            for memory, part, verdicts in zip(memories, judged.parts, judged.verdicts, strict=True)
            for problem in memory.keep(request.scan_id, part.priced, verdicts, moment)
        ]
    problems = dict.fromkeys(problem for memory in memories for problem in memory.problems)
    result = replace(
        result,
        scan=replace(result.scan, finished_at=clock()),
        errors=(*received.problems, *problems, *unkept, *result.errors),
        notes=(*received.notes, *(note for memory in memories for note in memory.notes), *result.notes),
    )
    return Scanned(result, judged, tuple(known for _, known in remembered))


def of_each_source(chain: pl.DataFrame) -> list[pl.DataFrame]:
    """The chains of each source by themselves, that of most names first; one source's volumes never meet another's."""
    if len(distinct(chain["source"])) == 1:
        return [chain]
    parts = chain.partition_by("source", maintain_order=True)
    return sorted(parts, key=lambda part: (-part["underlying"].n_unique(), part["source"][0]))


def know(chain: pl.DataFrame, setup: Setup) -> tuple[Memory, KnownBefore]:
    """What was known before a chain of one source, put together in this one place for whoever judges or shows."""
    with step("know"):
        memory = Memory.of(setup.store, chain, setup.calendar)
        looked = earlier_looks(setup.state, memory.chain)
        events = setup.events
        told, taped = memory.beside, memory.tape()
        if told.announced is not None and told.announced.height:
            events = corporate_events.merged([told.announced, events])
        known = KnownBefore(memory.panel, memory.earlier, events, looked, told.closes, *taped)
        prints, before = memory.stock_prints()
        known = replace(known, stock_prints=prints, stock_before=before)
        known = replace(known, off_exchange=told.off_exchange, weeks=told.weeks)
        return memory, replace(known, news=told.news, asked=setup.news_asked)


def look(chain: pl.DataFrame, moment: datetime, setup: Setup) -> Measured:
    """A chain measured as a scan at that moment would measure it; keeps nothing."""
    remembered = [know(part, setup) for part in of_each_source(chain)]
    parts = [(memory.chain, known) for memory, known in remembered]
    return judge_together(parts, moment, [], setup.methods).measured


def earlier_looks(state: State | None, chain: pl.DataFrame) -> Looks:
    """What earlier scans of a chain's session saw; nothing where there is no state, or none that can be read."""
    if state is None:
        return Looks()
    names = Groups.of(chain, ("source", "underlying", "session_date"))
    quoted = names.keys.with_columns(names.latest(chain["quote_time"]))
    try:
        with state.read() as ledger:
            return Looks.of(ledger.looks(quoted))
    except StoreError:
        # Whatever ails the state is told when alerts are written to it.
        return Looks()


def judge(
    chain: pl.DataFrame,
    known: KnownBefore,
    now: datetime,
    rules: Sequence[Rule],
    methods: Methods = STANDARD,
    *,
    whole: bool = True,
) -> Judged:
    """Judge one session's chains of one source by what was known before them: :func:`judge_together` of one part."""
    return judge_together([(chain, known)], now, rules, methods, whole=whole)


def judge_together(
    parts: Sequence[tuple[pl.DataFrame, KnownBefore]],
    now: datetime,
    rules: Sequence[Rule],
    methods: Methods = STANDARD,
    *,
    whole: bool = True,
) -> Judged:
    """Judge a session's chains, each source's by what was known before them. Pure: nothing is read, nothing is kept.

    A part is the chains of one source, of many underlyings and one session, and what was known before. What is costly
    to compute (the volatilities of bids and asks, vega and rho) is there of every contract or, unless the ``whole`` is
    asked for, where the rules may look.
    """
    found = [_measured(chain, known, now, rules, methods, whole=whole) for chain, known in parts]
    measured = tuple(one for one, _, _ in found)
    with step("judge"):
        frames = frames_of(measured)
        reasons = pl.concat([reasons for _, _, reasons in found])
        asked = [rule for rule in rules if _can_be_asked(rule, [known for _, known in parts])]
        judgement = judge_rules(asked, frames, reasons)
        return Judged(measured, frames, judgement, tuple(verdicts for _, verdicts, _ in found))


def _measured(
    chain: pl.DataFrame, known: KnownBefore, now: datetime, rules: Sequence[Rule], methods: Methods, *, whole: bool
) -> tuple[Measured, pl.DataFrame, pl.DataFrame]:
    """One source's chains gated, priced and measured; the verdicts on them, and why fields of theirs are missing."""
    with step("gate"):
        verdicts = quality.judge(chain, known.panel, known.earlier, now)
        trusted, reasons = quality.apply(chain, verdicts)
        reasons = pl.concat([reasons, quality.unusable(known.panel.underlying_sessions)])
    with step("price"):
        sides: tuple[Side, ...] = ("mid", "bid", "ask") if whole else ("mid",)
        priced = methods.pricing.price(trusted, known.panel.calendar, known.events, sides)
    with step("measure"):
        measured = measure(priced, known, now, methods.fit)
    if not whole:
        with step("costly"):
            measured = with_costly(measured, contracts_asked(rules, measured.frames["contract"], COSTLY))
    contracts = measured.frames["contract"]
    why = (
        unranked(measured.model, chain["underlying"].unique()),
        without_baseline(contracts),
        tape.without(contracts),
        dark_pool.without(measured.frames["underlying"]),
        early.reasons(list(measured.early), cast("date", chain["session_date"].max())),
    )
    return measured, verdicts, pl.concat([reasons, *why])


def _can_be_asked(rule: Rule, known: Sequence[KnownBefore]) -> bool:
    """Whether there is what a rule looks at: fields of the trade tape, or of stock prints, where any name has some."""
    looked = {use.field.name for use in rule.fields}
    taped = any(one.prints is not None for one in known) or not looked & tape.NAMES
    return taped and (any(one.stock_prints is not None for one in known) or not looked & dark_pool.NAMES)


@dataclass(frozen=True, slots=True)
class Stated:
    """All that one scan's chains say before any earlier alert is looked at: small, and fit to go to another process.

    ``scan`` tells what was scanned, ``source`` whose record of chances counts; ``prepared`` are the drafts of alerts,
    ``looks`` and ``calibration`` what later scans compare with. ``problems`` and ``notes`` are those met until here.
    """

    scan: ScanMeta
    source: str
    prepared: Prepared
    underlyings: pl.DataFrame
    market: pl.DataFrame
    rarest: Mapping[str, float | None]
    looks: Sequence[Look]
    calibration: Sequence[record.Calibration]
    notes: tuple[str, ...]
    problems: tuple[ScanProblem, ...] = ()


def conclude(judged: Judged, setup: Setup, meta: ScanMeta) -> ScanResult:
    """Turn a judgement into alerts, with what was known of them before."""
    return concluded(stated(judged, setup, meta), setup)


def stated(judged: Judged, setup: Setup, meta: ScanMeta) -> Stated:
    """What a judgement says by itself. Pure: the state that the setup may have is not asked."""
    panels = [part.panel for part in judged.parts]
    contracts = judged.frames["contract"]
    meta = replace(
        meta,
        symbols_scanned=contracts["underlying"].n_unique(),
        names=tuple(contracts["underlying"].unique().sort()),
        contracts=contracts.height,
        baseline_sessions={panel.source: panel.sessions for panel in panels},
    )
    prepared = prepare(
        judged.judgement.findings,
        setup.rules,
        meta,
        judged.frames,
        calendar=panels[0].calendar,
        cooldown=setup.alerts.cooldown,
        not_judged=[NotJudged(*row) for row in judged.judgement.not_judged.iter_rows()],
    )
    return Stated(
        meta,
        panels[0].source,
        prepared,
        judged.frames["underlying"],
        judged.frames["market"],
        _rarest(contracts),
        [look for part in judged.parts for look in look_at(part.alone["contract"])],
        [level for part in judged.parts for level in _stated_chances(part, meta.session_date)],
        tuple(notes.of_judgement(judged.parts, judged.judgement, judged.verdicts)),
    )


def concluded(said: Stated, setup: Setup) -> ScanResult:
    """What was stated meets what is known of earlier alerts: the scan's result."""
    prepared = said.prepared
    updated = update(
        prepared,
        setup.rules,
        setup.state,
        said.scan,
        calendar=setup.calendar,
        budget=setup.alerts.budget_per_session,
        floor=Floor(setup.alerts.at_least.premium, setup.alerts.at_least.lots),
        false_discovery_rate=setup.alerts.false_discovery_rate,
        cooldown=setup.alerts.cooldown,
        routes=setup.routes,
    )
    known = _calibration(setup.state, said.source, said.scan.session_date)
    problems = updated.problems or _remember(setup.state, said)
    return ScanResult(
        scan=said.scan,
        alerts=updated.alerts,
        not_judged=prepared.left_out,
        underlyings=said.underlyings,
        market=said.market,
        errors=(*said.problems, *problems),
        held_back=updated.held_back_counts,
        held_back_items=updated.held_back,
        notes=(*said.notes, *notes.of_calibration(known)),
        calibration=tuple(known),
        silenced=updated.silenced,
        repeated=updated.repeated,
        rarest=said.rarest,
    )


def _rarest(contracts: pl.DataFrame) -> dict[str, float | None]:
    """In how many sessions as much as the rarest of each name comes once on the list."""
    names = Groups.of(contracts, ("underlying",))
    once = names.most(floats(contracts["once_in_sessions"].fill_null(-np.inf))).tolist()
    found = {name: None if most == -np.inf else most for name, most in zip(names.keys["underlying"], once, strict=True)}
    return dict(sorted(found.items()))


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


def _stated_chances(measured: Measured, session: date) -> list[record.Calibration]:
    """At a session's close, how often what was stated came; else nothing."""
    if measured.elapsed < 1.0 or measured.model.kind != "own":
        return []
    source = measured.panel.source
    over = closed(measured.priced.contracts, measured.panel.calendar)
    alone = {scope: _of_names(frame, over) for scope, frame in measured.alone.items()}
    return [
        *counting.of_session(alone, source, session, CALCULATION_VERSION),
        *counting.of_list(_of_names(measured.frames["contract"], over), source, session, CALCULATION_VERSION),
        *counting.held_out(measured.model.realised, source, session, CALCULATION_VERSION),
    ]


def _remember(state: State | None, said: Stated) -> tuple[ScanProblem, ...]:
    """Keep what later scans of the session compare with and, at its close, how often what was stated came."""
    if state is None:
        return ()

    def keep(ledger: Ledger) -> None:
        ledger.save_looks(said.looks)
        ledger.save_calibration(said.calibration)

    try:
        state.settled(keep)
    except StoreError as error:
        return (ScanProblem("", "store", "not_stored", str(error)),)
    return ()


def _of_names(frame: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    """The rows of some underlyings; a frame that is of none of them stays whole."""
    return frame.filter(pl.col("underlying").is_in(names.implode())) if "underlying" in frame.columns else frame


def replay(
    setup: Setup, source: str | None, symbols: Sequence[str] | None, first: date, last: date
) -> Iterator[ScanResult]:
    """Judge stored sessions in order, oldest first, each by its newest quotes and by what was known before it.

    The setup has a store; its state remembers alerts from one session to the next and should start empty. Nothing in a
    result depends on later sessions or on the clock.
    """
    assert setup.store is not None
    for name, session in sessions_to_replay(setup.store, source, first, last):
        said = stated_of_store(setup, name, session, symbols)
        if said is not None:
            yield concluded(said, setup)


def sessions_to_replay(store: Store, source: str | None, first: date, last: date) -> Iterator[tuple[str, date]]:
    """The sources and sessions that a replay asks for, in its order."""
    for name in [source] if source else store.snapshots.sources():
        for session in store.snapshots.sessions(name):
            if first <= session <= last:
                yield name, session


def stated_of_store(setup: Setup, source: str, session: date, symbols: Sequence[str] | None) -> Stated | None:
    """What a stored session's chains say by its newest quotes and by what was known before; None of no such chain.

    It rests on no other session's alerts: sessions may be asked for in any order, and in other processes.
    """
    assert setup.store is not None
    chain = setup.store.snapshots.newest(source, session, symbols)
    if chain.is_empty():
        return None
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
        symbols_requested=chain["underlying"].n_unique(),
        rules=len(setup.rules),
    )
    memory, known = know(chain, setup)
    judged = judge(memory.chain, known, moment, setup.rules, setup.methods, whole=False)
    said = stated(judged, setup, meta)
    return replace(said, notes=(*memory.notes, *said.notes), problems=memory.problems)
