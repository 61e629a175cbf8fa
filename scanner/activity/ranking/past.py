"""What a watchlist's past sessions would have told: their stories' keys, and the money in them.

Every session is scored by coefficients that have not seen it, and by what was known before it: its own averages, open
interest, and sizes are those of the sessions before. So a session of the past is ranked as today is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scanner.activity.ranking.keys import BUILD_UP
from scanner.activity.ranking.money import Premiums
from scanner.activity.ranking.rates import LEAST_SESSIONS, Counted
from scanner.fields import FAMILIES

# More stories of a family than these are not told in any session; what ranks below them is as frequent as the last.
_MOST = 300
# For how many sessions a story is not told again: a build-up, which goes on by its nature, for a week.
_SILENT = {family: 5 if family == BUILD_UP else 1 for family in range(len(FAMILIES))}


@dataclass(frozen=True)
class Found:
    """One session's contracts that have a key: panel ``row``, ``name``, ``keys`` (families, rows), ``story`` numbers
    from 0, and the ``premium`` traded in dollars (NaN: not known)."""

    row: NDArray[np.integer]
    name: NDArray[np.integer]
    keys: NDArray[np.float64]
    story: NDArray[np.integer]
    premium: NDArray[np.float64]


@dataclass(frozen=True)
class Past:
    """The stories of past sessions, one row each: ``family name key below``; see :class:`Counted`.

    ``money`` (names, sessions) is the largest premium of a story of every name and session, NaN where the session was
    not judged for the name.
    """

    family: NDArray[np.int64]
    name: NDArray[np.int64]
    key: NDArray[np.float64]
    below: NDArray[np.float64]
    money: NDArray[np.float64]

    @classmethod
    def of(cls, sessions: Iterable[Found], judged: NDArray[np.bool_], rows: int) -> Self:
        """Put the stories of successive sessions together.

        ``judged`` (names, sessions) says which names were judged in each of them, ``rows`` how many rows the panel has.
        """
        parts: list[tuple[NDArray[Any], ...]] = []
        money = np.where(judged, 0.0, np.nan)
        earlier: list[Found] = []
        for number, found in enumerate(sessions):
            stories = int(found.story.max(initial=-1)) + 1
            name = np.zeros(stories, np.int64)
            name[found.story] = found.name
            premium = np.bincount(found.story, np.nan_to_num(found.premium), minlength=stories)
            np.maximum.at(money[:, number], name, premium)
            for family, silent in _SILENT.items():
                before = _highest(earlier[-silent:], family, rows)[found.row]
                key, below = (_of_stories(values, found.story, stories) for values in (found.keys[family], before))
                new = np.flatnonzero(key > below)
                new = new[np.argsort(-key[new], kind="stable")[:_MOST]]
                parts.append((np.full(len(new), family), name[new], key[new], below[new]))
            earlier = [*earlier[-max(_SILENT.values()) + 1 :], found]
        empty = np.empty(0)
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [empty, empty, empty, empty]
        return cls(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2], columns[3], money)

    @classmethod
    def from_arrays(cls, values: Mapping[str, NDArray[Any]]) -> Self:
        """What :meth:`arrays` took apart. Raises KeyError where one is missing."""
        return cls(**{name: values[f"past_{name}"] for name in cls.__dataclass_fields__})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as plain arrays by name."""
        return {f"past_{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def sessions(self) -> NDArray[np.int64]:
        """How many sessions of every name were judged, shape (names,)."""
        return np.asarray(np.isfinite(self.money).sum(axis=1))

    @cached_property
    def counted(self) -> tuple[Counted, ...] | None:
        """The stories of each family; None while no name has six sessions."""
        sessions = self.sessions
        enough = sessions >= LEAST_SESSIONS
        if not enough.any():
            return None
        weight = np.where(enough, 1.0 / np.maximum(sessions, 1), 0.0)
        result = []
        for family in range(len(FAMILIES)):
            mine = (self.family == family) & enough[self.name]
            result.append(Counted(self.key[mine], self.below[mine], weight[self.name[mine]]))
        return tuple(result)

    @cached_property
    def premiums(self) -> Premiums:
        """The premiums that today's are held against."""
        return Premiums.of(self.money)

    @property
    def names_counted(self) -> int:
        """How many names stand behind :attr:`counted`."""
        return int((self.sessions >= LEAST_SESSIONS).sum())


def _highest(sessions: list[Found], family: int, rows: int) -> NDArray[np.float64]:
    """The highest key of a family that every panel row had in some sessions; -inf where it had none."""
    result = np.full(rows, -np.inf)
    for found in sessions:
        known = np.isfinite(found.keys[family])
        np.maximum.at(result, found.row[known], found.keys[family][known])
    return result


def _of_stories(values: NDArray[np.float64], story: NDArray[np.integer], stories: int) -> NDArray[np.float64]:
    """The highest value of each story's contracts; -inf where none has one."""
    result = np.full(stories, -np.inf)
    known = ~np.isnan(values)
    np.maximum.at(result, story[known], values[known])
    return result
