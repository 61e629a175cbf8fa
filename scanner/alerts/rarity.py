"""How rare a finding is: the q-value it must pass with, its score and its stars, from what its rule looked at.

Only calibrated fields speak here (``*_surprise``, ``*_q``). Of several, the rarest decides, because one rare fact is
what makes a finding; fields of wider scopes count where a rule looks at none of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import selection
from scanner.alerts.model import plain
from scanner.alerts.surroundings import Frames, Row

_SURPRISE, _Q = "_surprise", "_q"
# The windows of a contract's volume are judged together: one calibrated statement, whose q-value is volume_q.
_WINDOWS = frozenset({"volume_surprise", "volume_surprise_3", "volume_surprise_5", "volume_q"})
_COMBINED, _COMBINED_Q = "combined_surprise", "volume_q"


@dataclass(frozen=True, slots=True)
class Rarity:
    """``q_value`` is None where nothing calibrated is known; ``score`` runs from 0 to 100, ``stars`` from 0 to 5."""

    q_value: float | None
    score: float | None
    stars: int | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a finding's rule looked at: its scope, its evidence, the frame's row behind it, and its drivers' rows."""

    scope: str
    evidence: Row
    row: Row
    drivers: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class _Channel:
    """One calibrated fact: a surprise (-log10 of a chance), its q-value where the frame holds it, or that alone."""

    scope: str
    name: str
    surprise: float | None
    q_value: float | None


def rarities(found: Sequence[Looked], frames: Frames) -> list[Rarity]:
    """The rarity of each finding, in the order given."""
    channels = [list(_channels(looked)) for looked in found]
    parts = [_strongest(own) for own in channels]
    strongest = np.array([max(item.values(), default=np.nan) for item in parts], dtype=np.float64)
    stars, scores, families = selection.stars(strongest), _scores(parts), _Families(frames)
    return [
        Rarity(
            q_value=min((q for q in map(families.q_value, channels[position]) if q is not None), default=None),
            score=plain(looked.row.get("score", scores[position])),
            stars=looked.row.get("stars", int(stars[position]) if parts[position] else None),
        )
        for position, looked in enumerate(found)
    ]


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
            yield _Channel("contract", _COMBINED, driver.get(_COMBINED), plain(driver.get(_COMBINED_Q)))
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
            column = frame[channel.name].drop_nulls().drop_nans().cast(pl.Float64).sort().to_numpy()
            self._known[place] = column, selection.benjamini_hochberg(column)
        surprises, q_values = self._known[place]
        position = int(np.searchsorted(surprises, channel.surprise))
        return float(q_values[position]) if position < len(q_values) else None
