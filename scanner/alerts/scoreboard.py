"""How all alerts have done, none left out: by rule, by stars, by name, each beside contracts that were like them.

A share is of the alerts that could be decided, with how many those were; an interval is that of 200 draws of whole
sessions, for the alerts of one session are one witness. It says what was, and never that an alert will pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.alerts.follow import HORIZONS, Outcome

_DRAWS = 200
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
    kept = list(outcomes)
    by_id = {alert.alert_id: alert for alert in alerts}
    groups: list[tuple[str, str, Callable[[Told], bool]]] = [("all", "", lambda alert: True)]
    for name, of in (("rule", "rule_id"), ("stars", "stars"), ("name", "underlying")):
        values = sorted({getattr(alert, of) for alert in alerts}, key=lambda value: (value is None, value))
        groups += [(name, _said(value), _is(of, value)) for value in values]
    lines = []
    for group, key, belongs in groups:
        members = {alert_id for alert_id, alert in by_id.items() if belongs(alert)}
        lines.append(Line(group, key, "alerts", Figure(len(members), float(len(members))), Figure(0)))
        lines += _lines(group, key, [item for item in kept if item.alert_id in members])
    return lines


def _is(of: str, value: object) -> Callable[[Told], bool]:
    return lambda alert: getattr(alert, of) == value


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def _lines(group: str, key: str, outcomes: Sequence[Outcome]) -> list[Line]:
    found = []
    for horizon in HORIZONS:
        here = [item for item in outcomes if item.horizon == horizon]
        sessions = np.array([item.session_date.toordinal() for item in here], dtype=np.int64)
        of_matched = np.repeat(sessions, [len(item.matched) for item in here]) if here else sessions
        mine = [item.figures for item in here]
        theirs = [figures for item in here for figures in item.matched]
        if horizon == HORIZONS[0]:
            found.append(_line(group, key, "opened", mine, theirs, sessions, of_matched, _confirmed, _mean))
        found.append(_line(group, key, f"held_{horizon}", mine, theirs, sessions, of_matched, _held, _mean))
        for name in ("contract", "stock"):
            measure = f"{name}_{horizon}"
            found.append(_line(group, key, measure, mine, theirs, sessions, of_matched, _of(name), _median))
    return found


Figures = dict[str, Any]
Vector = NDArray[np.float64]


def _line(
    group: str,
    key: str,
    measure: str,
    mine: Sequence[Figures],
    theirs: Sequence[Figures],
    sessions: NDArray[np.int64],
    of_matched: NDArray[np.int64],
    value: Callable[[Figures], float],
    summary: Callable[[Vector, Vector], float],
) -> Line:
    own = _figure(np.array([value(item) for item in mine]), sessions, summary)
    other = _figure(np.array([value(item) for item in theirs]), of_matched, summary)
    return Line(group, key, measure, own, other)


def _figure(values: Vector, sessions: NDArray[np.int64], summary: Callable[[Vector, Vector], float]) -> Figure:
    """A summary of what is known, and how it varies where whole sessions are drawn anew."""
    known = np.isfinite(values) if len(values) else np.zeros(0, dtype=bool)
    count = int(known.sum())
    if count < FEWEST:
        return Figure(count)
    order = np.argsort(values[known], kind="stable")
    ranked, days = values[known][order], sessions[known][order]
    names, place = np.unique(days, return_inverse=True)
    draws = np.random.default_rng(_SEED).multinomial(len(names), np.full(len(names), 1 / len(names)), _DRAWS)
    spread = [summary(ranked, weights[place].astype(np.float64)) for weights in draws]
    low, high = np.nanquantile(spread, (0.05, 0.95))
    return Figure(count, summary(ranked, np.ones(count)), float(low), float(high))


def _mean(values: Vector, weights: Vector) -> float:
    total = weights.sum()
    return float((values * weights).sum() / total) if total else float("nan")


def _median(values: Vector, weights: Vector) -> float:
    """The weighted median of ascending values: the mean of the middle two where the weights part evenly."""
    reached = np.cumsum(weights)
    half = reached[-1] / 2.0
    if not half:
        return float("nan")
    low, high = np.searchsorted(reached, half, "left"), np.searchsorted(reached, half, "right")
    return float((values[low] + values[min(high, len(values) - 1)]) / 2.0)


def _confirmed(figures: Figures) -> float:
    return float("nan") if figures["confirmed"] is None else float(figures["confirmed"])


def _held(figures: Figures) -> float:
    """Of what opened: whether it is still there; one that expired is counted in neither."""
    if not figures["confirmed"] or figures["state"] in ("expired", "not told"):
        return float("nan")
    return float(figures["state"] == "held")


def _of(name: str) -> Callable[[Figures], float]:
    return lambda figures: float("nan") if figures[name] is None else figures[name]
