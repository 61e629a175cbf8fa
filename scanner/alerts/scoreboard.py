"""How all alerts have done, none left out: by rule, by stars, by name, each beside contracts that were like them.

A share is of the alerts that could be decided, with how many those were; an interval is that of 100 draws of whole
sessions, for the alerts of one session are one witness. It says what was, and never that an alert will pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.alerts.board import FEWEST, Figure, Line, Told, Written
from scanner.alerts.outcome import HORIZONS, Outcome

_DRAWS = 100
# Between the least and the largest value, the steps to which an interval of a median is told.
_STEPS = 101
_SEED = 20_260_821
_FIGURES = pl.Struct({"confirmed": pl.Boolean, "state": pl.String, "stock": pl.Float64, "contract": pl.Float64})
# One row an alert, flagged session and horizon; figures as of :class:`~scanner.alerts.outcome.Outcome`.
SCHEMA: dict[str, Any] = {
    "alert_id": pl.String,
    "session_date": pl.Date,
    "horizon": pl.Int64,
    "figures": _FIGURES,
    "matched": pl.List(_FIGURES),
}
# Of what opened, whether it is still there; one that expired, or of which nothing is told, is counted in neither.
_HELD = pl.when(pl.col("confirmed") & ~pl.col("state").is_in(["expired", "not told"])).then(pl.col("state") == "held")


def table(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """Outcomes as the scoreboard reads them, one row each."""
    rows = [(item.alert_id, item.session_date, item.horizon, item.figures, list(item.matched)) for item in outcomes]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def read(written: Sequence[Written]) -> pl.DataFrame:
    """The same from what the state keeps."""
    # Tens of thousands of small documents: read column by column, not one by one.
    texts = {**SCHEMA, "figures": pl.String, "matched": pl.String}
    frame = pl.DataFrame(written, schema=texts, orient="row")
    return frame.with_columns(pl.col(name).str.json_decode(SCHEMA[name]) for name in ("figures", "matched"))


def board(alerts: Sequence[Told], outcomes: pl.DataFrame, *, brief: bool = False) -> list[Line]:
    """The scoreboard: every measure of all alerts, then by rule, stars and name. ``outcomes`` has ``SCHEMA``.

    A ``brief`` one has of rules, stars and names only what opened: the draws of thousands of alerts take their time.
    """
    measures, draws = measured(outcomes, alerts), Draws.of(outcomes["session_date"].unique().sort())
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
            if brief and group != "all" and item.measure != "opened":
                continue
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
class Values:
    """The values of one measure: of each alert's own contracts and of those like them, ascending, with their sessions.

    ``alert`` says by number which alert a value belongs to.
    """

    measure: str
    is_median: bool
    own: Column
    matched: Column


@dataclass(frozen=True)
class Column:
    """Values of one measure, ascending, each with its session (days since 1970) and the number of its alert."""

    values: Vector
    sessions: NDArray[np.int64]
    alert: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pl.DataFrame, value: pl.Expr) -> Column:
        """The values that there are, ascending; ``rows`` have the columns alert, day and what ``value`` looks at."""
        found = (
            rows.select("alert", "day", value=value.cast(pl.Float64))
            .drop_nulls("value")
            .sort("value", maintain_order=True)
        )
        return cls(found["value"].to_numpy(), found["day"].to_numpy(), found["alert"].to_numpy())

    def only(self, members: NDArray[np.bool_]) -> Column:
        """The values of some alerts; ``members`` says of each by its number whether it is one."""
        chosen = members[self.alert]
        return Column(self.values[chosen], self.sessions[chosen], self.alert[chosen])


def measured(outcomes: pl.DataFrame, alerts: Sequence[Told]) -> list[Values]:
    """Every measure, read once for all groups."""
    numbers = pl.DataFrame({"alert_id": [alert.alert_id for alert in alerts], "alert": range(len(alerts))},
                           schema={"alert_id": pl.String, "alert": pl.Int64})  # fmt: skip
    known = outcomes.join(numbers, on="alert_id", maintain_order="left").with_columns(
        day=pl.col("session_date").to_physical().cast(pl.Int64)
    )
    found = []
    for horizon in HORIZONS:
        here = known.filter(pl.col("horizon") == horizon)
        own = here.select("alert", "day", "figures").unnest("figures")
        matched = here.select("alert", "day", "matched").explode("matched").drop_nulls("matched").unnest("matched")
        measures = [
            *([("opened", False, pl.col("confirmed"))] if horizon == HORIZONS[0] else []),
            (f"held_{horizon}", False, _HELD),
            (f"contract_{horizon}", True, pl.col("contract")),
            (f"stock_{horizon}", True, pl.col("stock")),
        ]
        for measure, is_median, value in measures:
            found.append(Values(measure, is_median, Column.of(own, value), Column.of(matched, value)))
    return found


Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """Whole sessions drawn anew, the same for all: how often each is drawn, shape (draws, sessions)."""

    sessions: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, days: pl.Series, draws: int = _DRAWS) -> Draws:
        """Draws of some sessions, ascending and each once."""
        sessions = days.to_physical().cast(pl.Int64).to_numpy()
        if not len(sessions):
            return cls(sessions, np.zeros((draws, 0), dtype=np.float32))
        even = np.full(len(sessions), 1 / len(sessions))
        drawn = np.random.default_rng(_SEED).multinomial(len(sessions), even, draws)
        return cls(sessions, drawn.astype(np.float32))

    def spread(self, column: Column, *, is_median: bool) -> Vector:
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


def _figure(column: Column, draws: Draws, *, is_median: bool) -> Figure:
    """A share or a median, and how it varies where whole sessions are drawn anew."""
    count = len(column.values)
    if count < FEWEST:
        return Figure(count)
    value = float(np.median(column.values) if is_median else column.values.mean())
    low, high = np.nanquantile(draws.spread(column, is_median=is_median), (0.05, 0.95))
    return Figure(count, value, float(low), float(high))
