"""What a user is told: the product's own path over recorded sessions, at a configuration, with or without planted lots.

Chains are imported into a store of their own; every session is then judged and its alerts raised by the code that a
replay runs. An alert counts for the contracts that it names. With planted lots the model is the one of the untouched
history, laid over a past that holds what was planted earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.detection.injections import Injection
from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import Entry
from scanner import pipeline
from scanner.activity import VolumeModel
from scanner.alerts.model import Alert, HeldBack, ScanMeta, Status
from scanner.alerts.story import NAMED
from scanner.app import preparing
from scanner.config import Settings
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.ruleset import Rule
from scanner.sources.files import read_recorded
from scanner.sources.receiving import newest_quotes
from scanner.store.importing import ImportReport, import_chains
from scanner.store.state import FILE_NAME, State
from scanner.store.store import Store

# What no rule tells: a chance above 1 in 10 for the contract, and what comes a hundred times a session.
_COMMON, _OFTEN = 1.0, 0.01


@dataclass(frozen=True)
class Told:
    """What one session told: its alerts in the order of their places, the newest included, and what was held back.

    ``unjudged`` counts the rows that each rule could not judge, by its id.
    """

    session: date
    alerts: tuple[Alert, ...]
    held_back: tuple[HeldBack, ...]
    ranked: pl.DataFrame
    verdicts: pl.DataFrame
    unjudged: Mapping[str, int]

    @property
    def refused(self) -> bool:
        """Whether the quality gate switched off the volume of every name."""
        off = self.verdicts.filter(pl.col("switches_off").is_in(["all", "volume"]))["underlying"]
        return set(self.ranked["underlying"].unique()) <= set(off)


@dataclass
class Product:
    """A store of recorded chains, of all names or of some, and the models of the sessions judged so far."""

    store: Store
    rules: Sequence[Rule]
    settings: Settings
    models: dict[date, VolumeModel] = field(default_factory=dict)
    symbols: tuple[str, ...] | None = None

    @cached_property
    def source(self) -> str:
        """The one source of the chains."""
        (source,) = self.store.snapshots.sources()
        return source

    @property
    def sessions(self) -> list[date]:
        """The sessions that can be judged."""
        return list(self.store.snapshots.sessions(self.source))

    def model(self, session: date) -> VolumeModel:
        """The model that a session is judged by, fitted once."""
        if session not in self.models:
            self.models[session] = self.store.models.fit(self._panel(session), self.store.events)
        return self.models[session]

    def tell(self, sessions: Sequence[date], planted: pl.DataFrame | None = None) -> Iterator[Told]:
        """Judge some sessions in order. ``planted`` has ``session_date contract lots``, added to what was traded."""
        with _fresh_state() as state:
            for session in sessions:
                chain, panel, model = self._chain(session), self._panel(session), self.model(session)
                if planted is not None:
                    chain, panel = _with_lots(chain, planted, session), _with_past_lots(panel, planted)
                    model = model.onto(panel, self.store.events)
                yield self._told(session, chain, panel, model, state)

    def alone(self, session: date, changed: pl.DataFrame | None = None) -> Told:
        """Judge one session as if no other had been, with the volume, listing and date of ``changed``, if given."""
        chain = self._chain(session)
        if changed is not None:
            wanted = changed.select("contract", served="session_date", traded="volume")
            chain = chain.join(wanted, on="contract", how="inner", maintain_order="left")
            chain = chain.with_columns(
                quote_time=pl.col("quote_time") + (pl.col("served") - pl.col("session_date")),
                session_date=pl.col("served"),
                volume=pl.col("traded"),
            ).drop("served", "traded")
        with _fresh_state() as state:
            return self._told(session, chain, self._panel(session), self.model(session), state)

    def _chain(self, session: date) -> pl.DataFrame:
        return self.store.snapshots.newest(self.source, session, self.symbols)

    def _panel(self, session: date) -> Panel:
        names = self._chain(session)["underlying"].unique().to_list()
        return self.store.history.panel(self.source, names, session).by_calendar(session)

    def _told(self, session: date, chain: pl.DataFrame, panel: Panel, model: VolumeModel, state: State) -> Told:
        moment = newest_quotes(chain)
        known = KnownBefore(panel, events=self.store.events)
        setup = preparing.setup(self.settings, self.store, state, self.rules)

        def laid(panel: Panel, events: pl.DataFrame | None) -> VolumeModel:
            return model if panel.sessions == model.layout.panel.sessions else model.onto(panel, events)

        setup = replace(setup, methods=pipeline.Methods(setup.methods.pricing, laid))
        judged = pipeline.judge(chain, known, moment, self.rules, setup.methods)
        meta = ScanMeta(f"told-{session}", moment, moment, self.source, simulated=False, calculation_version="",
                        session_date=session)  # fmt: skip
        result = pipeline.conclude(judged, setup, meta)
        standing = [alert for alert in result.alerts if alert.status is not Status.closed]
        return Told(
            session,
            tuple(sorted(standing, key=told_once, reverse=True)),
            result.held_back_items,
            judged.frames["contract"],
            judged.verdicts[0],
            dict(judged.judgement.not_judged.group_by("rule_id").agg(pl.col("count").sum()).iter_rows()),
        )


@contextmanager
def _fresh_state() -> Iterator[State]:
    with TemporaryDirectory(prefix="scanner-benchmark-") as folder, State.open(Path(folder) / FILE_NAME) as state:
        yield state


def named(alert: Alert) -> tuple[str, ...]:
    """The contracts that an alert names on the screen: its own, then those that are told with it, five at most."""
    own = () if alert.contract is None else (alert.contract,)
    return (*own, *alert.drivers)[:NAMED]


def _with_lots(chain: pl.DataFrame, planted: pl.DataFrame, session: date) -> pl.DataFrame:
    """A session's chain with what is planted in it, and in its open interest what was before."""
    today, before = pl.col("session_date") == session, pl.col("session_date") < session
    lots = planted.group_by("contract").agg(
        traded=pl.col("lots").filter(today).sum(), opened=pl.col("lots").filter(before).sum()
    )
    joined = chain.join(lots, on="contract", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col("volume") + pl.col("traded").fill_null(0), pl.col("open_interest") + pl.col("opened").fill_null(0)
    ).drop("traded", "opened")


def _with_past_lots(panel: Panel, planted: pl.DataFrame) -> Panel:
    """What is remembered, had the lots been traded then and opened overnight."""
    columns = pl.DataFrame({"session_date": panel.sessions, "column": range(len(panel.sessions))})
    rows = panel.contracts.select("contract").with_row_index("row")
    placed = planted.join(columns, on="session_date").join(rows, on="contract")
    volume, interest = panel.volume.copy(), panel.open_interest.copy()
    for row, column, lots in placed.select("row", "column", "lots").iter_rows():
        volume[row, column] += lots
        interest[row, column + 1 :] += lots
    kept = {item.name: getattr(panel, item.name) for item in fields(Panel)}
    return Panel(**(kept | {"volume": volume, "open_interest": interest, "fingerprint": ""}))


def lots_of(recording: Recording, planted: Sequence[Injection]) -> pl.DataFrame:
    """Planted events as ``session_date contract lots``."""
    rows = [
        (recording.sessions[item.session + day], recording.contracts["contract"][int(row)], int(item.lots[at, day]))
        for item in planted
        for at, row in enumerate(item.rows)
        for day in range(item.lots.shape[1])
    ]
    schema = {"session_date": pl.Date, "contract": pl.String, "lots": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def entries(told: Told, numbers: Mapping[str, int]) -> list[Entry]:
    """A session's alerts as a list to be judged: each with the rows of the contracts that it names."""
    found = [
        (told_once(alert), tuple(numbers[name] for name in named(alert) if name in numbers)) for alert in told.alerts
    ]
    return [Entry(once, rows) for once, rows in found if rows]


def told_once(alert: Alert) -> float:
    """In how many sessions as much comes; a fixed threshold takes its place as if once a session."""
    return 1.0 if alert.once_in_sessions is None else alert.once_in_sessions


def lost(told: Told, contracts: Sequence[str], budget: int) -> str:
    """Where a planted event stood in a session: found, or what it was lost to."""
    for place, alert in enumerate(told.alerts):
        if not set(contracts).isdisjoint(named(alert)):
            return "found" if place < budget else "rank: told beyond the budget"
    for item in told.held_back:
        if not set(contracts).isdisjoint(named(item.alert)):
            return f"held back: {item.reason}"
    mine = told.ranked.filter(pl.col("contract").is_in(list(contracts)))
    if mine.is_empty() or mine["combined_surprise"].is_null().all():
        return "not judged"
    if mine["family"].is_null().all():
        return "no family: too few lots, or may be a roll"
    if mine.filter(pl.col("combined_surprise") >= _COMMON).is_empty():
        return "score: common for the contract"
    seldom = mine.filter(pl.col("once_in_sessions") >= _OFTEN)
    return "score: as much comes too often" if seldom.is_empty() else "story: not among the contracts named"


@contextmanager
def imported(
    folder: Path,
    rules: Sequence[Rule],
    settings: Settings,
    symbols: tuple[str, ...] | None = None,
    kept: Path | None = None,
) -> Iterator[Product]:
    """Recorded chains of a folder in a store: a ``kept`` one, or one that is gone afterwards.

    What is kept saves importing and fitting again; a model in it is named by its panel and the code that fits, so that
    none is taken for another's.
    """
    calendar = settings.exchange_calendar
    with TemporaryDirectory(prefix="scanner-benchmark-") as place:
        store = Store.open(kept or Path(place), calendar=calendar, pricing=preparing.pricing(settings))
        import_chains(store, read_recorded(folder, calendar=calendar), ImportReport())
        yield Product(store, rules, settings, symbols=symbols)
