"""The calibration record: how often a chance was stated, and how often it really came, session by session.

Two kinds of it are kept. *Walked forward*: at the close of a session every contract is scored by a model that has not
seen it, and what came is counted, by channel (``contract.combined_surprise``) and by activity tier. *Held out*: what
the fit found on sessions that it left out, which says what the calibration promised. The data hold real unusual trades
too, so a little more than stated is what a good calibration shows at its rarest levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from scanner.activity.looks import SURPRISES
from scanner.activity.tiers import EXPIRING_EDGES, MONTH_EDGES, TIER_EDGES, WEEK_EDGES

NOMINAL = (1e-2, 1e-3, 1e-4)
MAIN = "contract.combined_surprise"
HELD_OUT = "held-out "
# Stories of the whole list that were stated to come so many times a session or less.
LIST, A_SESSION = "list.once_in_sessions", (20.0, 5.0, 1.0, 0.2, 0.05)
# Sessions of the record that are shown and compared; fewer than five, or a level that has not been due ten times, say
# nothing of a drift yet.
LAST = 20
_LEAST_SESSIONS = 5
_LEAST_EXPECTED = 10.0
DRIFT = 2.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """A nominal chance and how often it was really met: ``realised`` is a frequency, ``count`` the rows judged."""

    source: str
    session_date: date
    channel: str
    nominal: float
    realised: float | None
    count: int
    calculation_version: str


@dataclass(frozen=True, slots=True)
class Level:
    """One stated chance of one channel over the newest sessions of a source.

    ``realised`` is how often it came among ``count`` judged rows, ``ratio`` realised / nominal; ``drifts`` where that
    is beyond 2x either way and enough was judged to say so.
    """

    source: str
    channel: str
    nominal: float
    realised: float
    count: int
    sessions: int
    first: date
    last: date
    ratio: float
    drifts: bool


def of_session(frames: Mapping[str, pl.DataFrame], source: str, session: date, version: str) -> list[Calibration]:
    """What a session's close showed of every channel; ``frames`` are those of the look alone.

    Rows measured against the built-in prior take no part: it knows nothing of this history.
    """
    contracts = frames["contract"].filter(pl.col("baseline_kind") == "own")
    channels = {
        f"{scope}.{name}": (contracts if scope == "contract" else frames[scope])[name]
        for scope, names in SURPRISES.items()
        for name in names
        if scope != "ladder" and name in frames[scope].columns
    }
    scored = contracts.drop_nulls(["combined_surprise", "volume_expected", "dte"])
    # Loaded where sessions are counted: who reads the record need not wait for the kernels.
    from scanner.activity.calibration import tier_of

    tiers = tier_of(scored["volume_expected"].to_numpy(), scored["dte"].cast(pl.Int64).to_numpy())
    for tier in np.unique(tiers):
        channels[f"{MAIN} tier {tier}"] = scored["combined_surprise"].filter(pl.Series(tiers == tier))
    return [
        Calibration(source, session, channel, nominal, came / count, count, version)
        for channel, surprise in channels.items()
        if (count := surprise.count())
        for nominal in NOMINAL
        if (came := int((surprise >= -np.log10(nominal)).sum())) >= 0
    ]


def of_list(contracts: pl.DataFrame, source: str, session: date, version: str) -> list[Calibration]:
    """How many stories of a session's close were as rare as each stated rate; ``contracts`` are ranked."""
    told = contracts.filter(pl.col("once_in_sessions") > 0.0)
    if told.is_empty():
        return []
    return [
        Calibration(source, session, LIST, rate, float(stories), 1, version)
        for rate in A_SESSION
        if (stories := told.filter(pl.col("once_in_sessions") >= 1.0 / rate)["story"].n_unique()) >= 0
    ]


def tier_words(tier: int) -> str:
    """What an activity tier holds, in words: ``2 to 8 expected``, ``in the last week, below 2 expected``."""
    families = (
        ("", TIER_EDGES),
        ("in the last month, ", MONTH_EDGES),
        ("in the last week, ", WEEK_EDGES),
        ("on the last day, ", EXPIRING_EDGES),
    )
    for where, edges in families:
        if tier <= len(edges):
            low = f"{edges[tier - 1]:g}" if tier else ""
            if tier == len(edges):
                return f"{where}{low} and more expected"
            return f"{where}{low} to {edges[tier]:g} expected" if tier else f"{where}below {edges[0]:g} expected"
        tier -= len(edges) + 1
    raise ValueError("there is no such tier")


def held_out(realised: pl.DataFrame, source: str, session: date, version: str) -> Iterator[Calibration]:
    """The record that came with a fit (:class:`scanner.activity.model.Learned`), under channels of its own."""
    for tier, nominal, rows, share in realised.select("tier", "nominal", "rows", "realised").iter_rows():
        channel = f"{HELD_OUT}{MAIN}" + ("" if tier < 0 else f" tier {tier}")
        yield Calibration(source, session, channel, nominal, share, rows, version)


def levels(records: Iterable[Calibration], before: date | None = None, last: int = LAST) -> list[Level]:
    """The walked-forward record of the newest ``last`` sessions of each source, those before a date alone."""
    walked = [
        record
        for record in records
        if not record.channel.startswith(HELD_OUT) and (before is None or record.session_date < before)
    ]
    result = []
    for source in dict.fromkeys(record.source for record in walked):
        mine = [record for record in walked if record.source == source]
        newest = set(sorted({record.session_date for record in mine})[-last:])
        groups: dict[tuple[str, float], list[Calibration]] = {}
        for record in mine:
            if record.session_date in newest and record.realised is not None:
                groups.setdefault((record.channel, record.nominal), []).append(record)
        result += [_level(source, *key, group) for key, group in groups.items()]
    return sorted(result, key=lambda level: (level.source, *_place(level.channel), -level.nominal))


def _place(channel: str) -> tuple[str, int]:
    """A channel's name and, after it, its tiers by number."""
    name, _, tier = channel.partition(" tier ")
    return name, int(tier) if tier else -1


def _level(source: str, channel: str, nominal: float, records: Sequence[Calibration]) -> Level:
    count = sum(record.count for record in records)
    came = round(sum((record.realised or 0.0) * record.count for record in records))
    days = sorted(record.session_date for record in records)
    ratio = came / count / nominal
    enough = len(days) >= _LEAST_SESSIONS and count * nominal >= _LEAST_EXPECTED
    drifts = enough and not 1 / DRIFT <= ratio <= DRIFT
    return Level(source, channel, nominal, came / count, count, len(days), days[0], days[-1], ratio, drifts)
