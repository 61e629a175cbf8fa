"""How rare a finding is: how often as much comes on this watchlist, its q-value, its score and its stars.

What contracts did is counted over the watchlist's past (:mod:`scanner.activity.ranking`). A finding of a whole name or
expiry is as rare as the chance that its rule looked at says, times how many rows and channels of that scope are looked
at; of several calibrated fields the rarest decides, because one rare fact is what makes a finding, and fields of wider
scopes count where a rule looks at none of its own.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import selection
from scanner.activity.looks import SURPRISES
from scanner.activity.ranking.today import WIDE_SHARE
from scanner.alerts.model import plain
from scanner.alerts.surroundings import Frames, Row
from scanner.kernels.columns import floats

if TYPE_CHECKING:
    from scanner.alerts.story import Story

_SURPRISE, _Q = "_surprise", "_q"
# The windows of a contract's volume are judged together: one calibrated statement, whose q-value is volume_q.
_WINDOWS = frozenset({"volume_surprise", "volume_surprise_3", "volume_surprise_5", "volume_q"})
_COMBINED, _COMBINED_Q = "combined_surprise", "volume_q"
_DRIVER = "driver"
NARROW = ("contract", "strike", "ladder")
STAR_CUTS = (1.0, 5.0, 20.0, 100.0)


@dataclass(frozen=True, slots=True)
class Rarity:
    """``rate`` is how many as rare a session there are (None: not known), ``q_value`` None where nothing calibrated is
    known; ``score`` runs from 0 to 100, 50 for once a session and 20 for each tenfold."""

    q_value: float | None
    score: float | None
    rate: float | None = None

    @property
    def once_in_sessions(self) -> float | None:
        """In how many sessions as much comes once."""
        return None if self.rate is None else 1.0 / self.rate

    @property
    def stars(self) -> int | None:
        """Five for less than once in a hundred sessions, down to one for several a session; None where not known."""
        return None if self.rate is None else stars(1.0 / self.rate)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a finding's rule looked at: its scope, its evidence, the frame's row behind it, its drivers' rows; and the
    story it belongs to, with which other findings may tell."""

    scope: str
    evidence: Row
    row: Row
    drivers: Sequence[Row] = ()
    story: Story | None = None


@dataclass(frozen=True, slots=True)
class _Channel:
    """One calibrated fact: a surprise (-log10 of a chance), its q-value where the frame holds it, or that alone."""

    scope: str
    name: str
    surprise: float | None
    q_value: float | None


def stars(once_in_sessions: float) -> int:
    """One star for what comes several times a session, two up to once in 5 sessions, three to 20, four to 100, five."""
    return 1 + bisect_right(STAR_CUTS, once_in_sessions)


def rarities(found: Sequence[Looked], frames: Frames) -> list[Rarity]:
    """The rarity of each finding, in the order given."""
    channels = [list(_channels(looked)) for looked in found]
    scores, families = _scores([_strongest(own) for own in channels]), _Families(frames)
    result = []
    for looked, own, score in zip(found, channels, scores, strict=True):
        rate = _rate(looked, own, frames)
        told = score if rate is None else round(min(max(50.0 - 20.0 * math.log10(rate), 0.0), 100.0), 1)
        q_value = min((q for q in map(families.q_value, own) if q is not None), default=None)
        result.append(Rarity(q_value, plain(looked.row.get("score", told)), rate))
    return result


def _rate(looked: Looked, channels: Sequence[_Channel], frames: Frames) -> float | None:
    """Findings as rare a session on this watchlist; None where that is not known."""
    if looked.scope in NARROW:
        once = None if looked.story is None else looked.story.once_in_sessions
        return None if not once else 1.0 / once
    rates = [1.0 / once for once in (row.get("once_in_sessions") for row in looked.drivers) if once]
    rates = rates if any(item.scope == _DRIVER for item in channels) else []
    for item in channels:
        frame, judged = frames.get(item.scope), SURPRISES.get(item.scope, ())
        if item.surprise is not None and frame is not None and item.name in judged:
            rates.append(frame.height * len(judged) * 10.0**-item.surprise / WIDE_SHARE)
    return min(rates, default=None)


def _channels(looked: Looked) -> Iterator[_Channel]:
    named = [name for name, value in looked.evidence.items() if value is not None and _is_calibrated(name)]
    names = [name for name in named if "." not in name] or named
    combined = looked.row.get(_COMBINED)
    if combined is not None and not _WINDOWS.isdisjoint(names):
        yield _Channel(looked.scope, _COMBINED, combined, plain(looked.row.get(_COMBINED_Q)))
        names = [name for name in names if name not in _WINDOWS]
    if not names and combined is None:
        # A rule that looks at nothing calibrated of its own is as rare as the contracts that it says did it.
        for driver in looked.drivers:
            yield _Channel(_DRIVER, _COMBINED, driver.get(_COMBINED), plain(driver.get(_COMBINED_Q)))
    for name in names:
        wider, _, field = name.rpartition(".")
        value = looked.evidence[name]
        if field.endswith(_Q):
            yield _Channel(wider or looked.scope, field, None, value)
        else:
            sibling = None if wider else looked.row.get(field.removesuffix(_SURPRISE) + _Q)
            yield _Channel(wider or looked.scope, field, value, plain(sibling))


def _strongest(channels: Sequence[_Channel]) -> dict[str, float]:
    """The surprise of each channel by name; of several of one name, the strongest."""
    strongest: dict[str, float] = {}
    for item in channels:
        if item.surprise is not None:
            strongest[item.name] = max(item.surprise, strongest.get(item.name, item.surprise))
    return strongest


def _is_calibrated(name: str) -> bool:
    return _SURPRISE in name or name.endswith(_Q)


def _scores(parts: Sequence[dict[str, float]]) -> list[float | None]:
    """Scores of many findings at once; a channel that one does not have is null for it."""
    names = list(dict.fromkeys(name for own in parts for name in own))
    if not names:
        return [None] * len(parts)
    columns = {name: [own.get(name) for own in parts] for name in names}
    return selection.score(pl.DataFrame(columns, schema=dict.fromkeys(names, pl.Float64))).to_list()


class _Families:
    """The q-value of a surprise among all of its column's, where the frame holds none; each column worked out once."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._known: dict[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def q_value(self, channel: _Channel) -> float | None:
        """The channel's own, else that of its surprise within its family."""
        frame = self._frames.get(channel.scope)
        if channel.q_value is not None or channel.surprise is None or frame is None or channel.name not in frame:
            return channel.q_value
        place = channel.scope, channel.name
        if place not in self._known:
            values = floats(frame[channel.name])
            column = np.sort(values[~np.isnan(values)])
            self._known[place] = column, selection.benjamini_hochberg(column)
        surprises, q_values = self._known[place]
        position = int(np.searchsorted(surprises, channel.surprise))
        return float(q_values[position]) if position < len(q_values) else None
