"""How all alerts have done, none left out: by rule, by stars, by name, each beside contracts that were like them.

A share is of the alerts that could be decided, with how many those were; an interval is that of 100 draws of whole
sessions, for the alerts of one session are one witness. It says what was, and never that an alert will pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.alerts.follow import HORIZONS, Outcome

_DRAWS = 100
# Between the least and the largest value, the steps to which an interval of a median is told.
_STEPS = 101
_SEED = 20_260_821
# Of fewer, only how many there were is said.
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What the board has to know of an alert: what it is counted under, beside what became of it."""

    alert_id: str
    rule_id: str
    stars: int | None
    underlying: str | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or a median: ``value`` with its ``low`` and ``high`` (90 %), of ``count``; None below twenty."""

    count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one group: of the alerts, and of the contracts like theirs."""

    group: str
    key: str
    measure: str
    alerts: Figure
    matched: Figure


def board(alerts: Sequence[Told], outcomes: Iterable[Outcome]) -> list[Line]:
    """The scoreboard: every measure of all alerts, then by rule, stars and name."""
    numbers = {alert.alert_id: number for number, alert in enumerate(alerts)}
    kept = list(outcomes)
    measures, draws = _measured(kept, numbers), _Draws.of(kept)
    groups: list[tuple[str, str, Callable[[Told], bool]]] = [("all", "", lambda alert: True)]
    for name, of in (("rule", "rule_id"), ("stars", "stars"), ("name", "underlying")):
        values = sorted({getattr(alert, of) for alert in alerts}, key=lambda value: (value is None, value))
        groups += [(name, _said(value), _is(of, value)) for value in values]
    lines = []
    for group, key, belongs in groups:
        members = np.array([belongs(alert) for alert in alerts], dtype=np.bool_)
        count = int(members.sum())
        lines.append(Line(group, key, "alerts", Figure(count, float(count)), Figure(0)))
        for item in measures:
            own, matched = (
                _figure(column.only(members), draws, is_median=item.is_median) for column in (item.own, item.matched)
            )
            lines.append(Line(group, key, item.measure, own, matched))
    return lines


def _is(of: str, value: object) -> Callable[[Told], bool]:
    return lambda alert: getattr(alert, of) == value


def _said(value: object) -> str:
    return "none" if value is None else str(value)


@dataclass(frozen=True)
class _Values:
    """The values of one measure: of each alert's own contracts and of those like them, ascending, with their sessions.

    ``alert`` says by number which alert a value belongs to.
    """

    measure: str
    is_median: bool
    own: _Column
    matched: _Column


@dataclass(frozen=True)
class _Column:
    values: Vector
    sessions: NDArray[np.int64]
    alert: NDArray[np.int64]

    @classmethod
    def of(cls, values: list[float], sessions: list[int], alert: list[int]) -> _Column:
        found = np.array(values, dtype=np.float64)
        order = np.argsort(found, kind="stable")
        order = order[np.isfinite(found[order])]
        return cls(found[order], np.array(sessions, dtype=np.int64)[order], np.array(alert, dtype=np.int64)[order])

    def only(self, members: NDArray[np.bool_]) -> _Column:
        chosen = members[self.alert]
        return _Column(self.values[chosen], self.sessions[chosen], self.alert[chosen])


def _measured(outcomes: Sequence[Outcome], numbers: dict[str, int]) -> list[_Values]:
    """Every measure, read once for all groups."""
    found = []
    for horizon in HORIZONS:
        here = [item for item in outcomes if item.horizon == horizon and item.alert_id in numbers]
        alert = [numbers[item.alert_id] for item in here]
        days = [item.session_date.toordinal() for item in here]
        own = [item.figures for item in here]
        theirs = [figures for item in here for figures in item.matched]
        of_theirs = [number for number, item in zip(alert, here, strict=True) for _ in item.matched]
        days_theirs = [day for day, item in zip(days, here, strict=True) for _ in item.matched]
        measures: list[tuple[str, bool, Callable[[Figures], float]]] = [
            *([("opened", False, _confirmed)] if horizon == HORIZONS[0] else []),
            (f"held_{horizon}", False, _held),
            (f"contract_{horizon}", True, _of("contract")),
            (f"stock_{horizon}", True, _of("stock")),
        ]
        for measure, is_median, value in measures:
            mine = _Column.of([value(item) for item in own], days, alert)
            others = _Column.of([value(item) for item in theirs], days_theirs, of_theirs)
            found.append(_Values(measure, is_median, mine, others))
    return found


Figures = dict[str, Any]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Draws:
    """Whole sessions drawn anew, the same for all: how often each is drawn, shape (draws, sessions)."""

    sessions: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> _Draws:
        sessions = np.unique(np.array([item.session_date.toordinal() for item in outcomes], dtype=np.int64))
        if not len(sessions):
            return cls(sessions, np.zeros((_DRAWS, 0), dtype=np.float32))
        even = np.full(len(sessions), 1 / len(sessions))
        drawn = np.random.default_rng(_SEED).multinomial(len(sessions), even, _DRAWS)
        return cls(sessions, drawn.astype(np.float32))

    def spread(self, column: _Column, *, is_median: bool) -> Vector:
        """A share or a median in every draw; a median to one per cent of the values."""
        place = np.searchsorted(self.sessions, column.sessions)
        if not is_median:
            sums = np.bincount(place, column.values, len(self.sessions))
            sizes = self.weights @ np.bincount(place, minlength=len(self.sessions))
            return np.where(sizes > 0, (self.weights @ sums) / np.maximum(sizes, 1), np.nan)
        steps = np.linspace(0, len(column.values) - 1, min(len(column.values), _STEPS)).astype(np.int64)
        grid = np.unique(column.values[steps])
        cell = np.minimum(np.searchsorted(grid, column.values), len(grid) - 1)
        table = np.bincount(place * len(grid) + cell, minlength=len(self.sessions) * len(grid))
        # By no library of many threads: they wait for each other longer than the sums take.
        reached = np.einsum("ds,sg->dg", self.weights, table.reshape(-1, len(grid)).astype(np.float32)).cumsum(axis=1)
        middle = np.argmax(reached >= reached[:, -1:] / 2, axis=1)
        return np.where(reached[:, -1] > 0, grid[middle], np.nan)


def _figure(column: _Column, draws: _Draws, *, is_median: bool) -> Figure:
    """A share or a median, and how it varies where whole sessions are drawn anew."""
    count = len(column.values)
    if count < FEWEST:
        return Figure(count)
    value = float(np.median(column.values) if is_median else column.values.mean())
    low, high = np.nanquantile(draws.spread(column, is_median=is_median), (0.05, 0.95))
    return Figure(count, value, float(low), float(high))


def _confirmed(figures: Figures) -> float:
    return float("nan") if figures["confirmed"] is None else float(figures["confirmed"])


def _held(figures: Figures) -> float:
    """Of what opened: whether it is still there; one that expired is counted in neither."""
    if not figures["confirmed"] or figures["state"] in ("expired", "not told"):
        return float("nan")
    return float(figures["state"] == "held")


def _of(name: str) -> Callable[[Figures], float]:
    return lambda figures: float("nan") if figures[name] is None else figures[name]
