"""The calibration record: how often a chance was stated, and how often it really came, session by session.

Two kinds of it are kept. *Walked forward*: at the close of a session every contract is scored by a model that has not
seen it, and what came is counted, by channel (``contract.combined_surprise``) and by activity tier. *Held out*: what
the fit found on sessions that it left out, which says what the calibration promised. The data hold real unusual trades
too, so a little more than stated is what a good calibration shows at its rarest levels.
:mod:`scanner.activity.counting` makes the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

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


def tier_words(tier: int) -> str:
    """What an activity tier holds, in words: ``2 to 8 expected``, ``in the last week, below 2 expected``."""
    families = (
        ("", TIER_EDGES),
        ("in the last month, ", MONTH_EDGES),
        ("in the last week, ", WEEK_EDGES),
        ("on the last day, ", EXPIRING_EDGES),
        ("on the day before the last, ", WEEK_EDGES),
    )
    for where, edges in families:
        if tier <= len(edges):
            low = f"{edges[tier - 1]:g}" if tier else ""
            if tier == len(edges):
                return f"{where}{low} and more expected"
            return f"{where}{low} to {edges[tier]:g} expected" if tier else f"{where}below {edges[0]:g} expected"
        tier -= len(edges) + 1
    raise ValueError("there is no such tier")


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
