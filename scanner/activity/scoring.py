"""Scoring a chain with a fitted model: what was expected of every contract now, and how rare what it did is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import features, kernel
from scanner.activity.geometry import groups_of, locate
from scanner.activity.history import PastColumn, Recent
from scanner.activity.model import VolumeModel
from scanner.activity.newcomers import with_neighbours
from scanner.activity.selection import benjamini_hochberg, multi_leg_suspects
from scanner.activity.time_of_day import share_of_volume
from scanner.activity.today import Today
from scanner.history.panel import Panel
from scanner.kernels.compile import kernel as compiled
from scanner.kernels.threads import at_once, in_parts, in_pieces
from scanner.market.chain import distinct

GOOD_SESSIONS = 10
# A multiple of less than half a lot is no multiple of anything.
LEAST_EXPECTED = 0.5
_NOT_KNOWN = "volume not known"
NO_PRIOR = "the built-in baseline does not hold on the last day, nor for a name that expires every day"
# So many expiries within a week are one every session: of index products, from which the prior was not learnt.
_DAILY, _WEEK = 5, 7
_AVERAGES = ("volume_avg_5", "volume_avg_20", "volume_median_20")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "volume_expected": pl.Float64,
    "volume_usual": pl.Float64,
    "volume_multiple": pl.Float64,
    "volume_surprise": pl.Float64,
    "volume_surprise_3": pl.Float64,
    "volume_surprise_5": pl.Float64,
    "combined_surprise": pl.Float64,
    "volume_q": pl.Float64,
    "baseline_kind": pl.String,
    "surprise_reason": pl.String,
    **dict.fromkeys(_AVERAGES, pl.Float64),
    "history_sessions": pl.Int64,
    "new_strike": pl.Boolean,
    "multi_leg_suspect": pl.Boolean,
}
# Decades taken off for each e-fold by which a name is busier than in nine of ten of its sessions: few like that were
# fitted, and contracts that never traded begin to. It leaves 20 sessions, tripled whole, as many alerts as the sessions
# themselves have.
_CHARGE_OF_BUSY = 0.45


@dataclass(frozen=True)
class _Judged:
    """What every row was expected to trade, shape (rows,), and how rare what it did is, (4, rows)."""

    usual: NDArray[np.float64]
    mean: NDArray[np.float64]
    multiple: NDArray[np.float64]
    surprises: NDArray[np.float64]

    @classmethod
    def empty(cls, rows: int) -> _Judged:
        """Room for so many rows."""
        return cls(np.empty(rows), np.empty(rows), np.empty(rows), np.empty((4, rows)))


def score(
    model: VolumeModel,
    contracts: pl.DataFrame,
    panel: Panel,
    elapsed: float = 1.0,
    events: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Add the surprise columns to a chain sorted by root, expiry, strike and right; rows and order stay.

    ``elapsed`` is the share of the session that is over. Adds ``volume_expected volume_usual`` (before it is known
    how busy the day is) ``volume_multiple volume_surprise volume_surprise_3 volume_surprise_5 combined_surprise``
    (the three windows as one calibrated statement) ``volume_q baseline_kind surprise_reason history_sessions
    volume_avg_5 volume_avg_20 volume_median_20 new_strike multi_leg_suspect opening_chance``. Null, with the
    reason, where the volume is not known.
    """
    if contracts.is_empty():
        return contracts.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in _SCHEMA.items())
    today = Today.of(model, contracts, panel)
    share = share_of_volume(elapsed, np.array([1, 0]))
    rows, recent = with_neighbours(today.rows, contracts, panel, model.recent)
    earnings = _earnings(today.names, today.day, events)
    judged = _judged(model, replace(today, rows=rows), recent, share, earnings)
    own = _own_baseline(model, today)
    holds = np.ones(len(today.rows), bool) if own.all() else own[today.underlying] | _prior_holds(today)
    traded_known = today.volume >= 0
    known = None if traded_known.all() and holds.all() else traded_known & holds
    combined = judged.surprises[3]
    traded = contracts.select("underlying", "volume", _column("combined_surprise", combined, known))
    q_values, legs, past = at_once(
        lambda: benjamini_hochberg(combined if known is None else np.where(known, combined, np.nan)),
        lambda: multi_leg_suspects(traded),
        lambda: _past_volume(model.recent, today),
    )
    columns = [*_surprises(judged, q_values, known), *_kinds(own, today, traded_known, holds), *past, legs]
    return contracts.with_columns(columns).select(*contracts.columns, *_SCHEMA)


def _judged(
    model: VolumeModel, today: Today, recent: Recent, share: NDArray[np.float64], earnings: NDArray[np.float32]
) -> _Judged:
    """Expectations and surprises of every row; what lies in between is made for one part of the rows at a time."""
    result, tables = _Judged.empty(len(today.rows)), model.tables
    moves, earlier, own = today.moves(model), today.earlier_activity(model), _own_frequencies(model, len(today.names))

    def judge(part: slice) -> None:
        rows, underlying = today.rows[part], today.underlying[part]
        call, expiry = today.call[part], today.expiry[part]
        moneyness, log_price, base, predicted = (np.empty(len(rows), np.float32) for _ in range(4))
        cell, volume = np.empty(len(rows), np.int16), today.volume[part]
        log_strike, day = today.log_strike[part], today.day
        locate(underlying, log_strike, call, expiry, day, today.log_spot, today.volatility, moneyness, cell, log_price)
        own_short, own_long = _own(recent.past, rows)
        features.usual(cell, underlying, expiry, day, model.base, own_long, share, base, predicted)
        of_name, of_expiry, beside, busy = features.activity(
            groups_of(underlying, expiry, log_strike),
            call,
            underlying,
            predicted,
            features.log_counts(volume),
            own_short,
            len(today.names),
        )
        # A contract's volume comes in bursts that may fall at any time of the day. So what has traded by now is held
        # against the whole session: how rare is it that a session brings as much? As volume only grows, the largest
        # surprise of all the looks at a session is then the last one's, however many there are.
        mean = result.mean[part]
        contracts = features.Contracts(
            underlying=underlying,
            expiry=expiry,
            call=call,
            moneyness=moneyness,
            log_price=log_price,
            log_open_interest=features.log_counts(today.open_interest[part]),
            base=base,
            of_name=_by_now(of_name, share),
            of_expiry=_by_now(of_expiry, share),
            beside=beside,
        )
        underlyings = kernel.Underlyings(
            earlier_activity=earlier,
            move=moves,
            earnings=earnings,
            charge=_CHARGE_OF_BUSY * model.memory.beyond_usual(busy),
            own=own,
        )
        surprises = tuple(line[part] for line in result.surprises)
        kernel.judge(rows, volume, contracts, day, recent.past, recent.volume, underlyings, tables, mean, surprises)
        if share[0] < 1.0:
            mean *= np.where(expiry <= day, share[1], share[0])
        result.usual[part] = np.expm1(np.maximum(predicted, 0.0))
        np.divide(volume, np.maximum(mean, LEAST_EXPECTED), out=result.multiple[part])

    in_pieces(judge, today.parts)
    return result


def _own_frequencies(model: VolumeModel, names: int) -> NDArray[np.float64]:
    """How much more often than stated surprises come in every name of a chain; 0 for one that was not learnt from."""
    known = model.learned.own
    result = np.zeros((len(known), names))
    result[:, : known.shape[1]] = known
    return result


def _by_now(busy: NDArray[np.float32], share: NDArray[np.float64]) -> NDArray[np.float32]:
    """How busy it is, a quiet morning counting in part: one in which little has traded yet is no quiet day."""
    return busy if share[0] >= 1.0 else np.where(busy < 0, busy * share[0], busy).astype(np.float32)


@compiled
def _own(
    past: NDArray[np.float32], rows: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # pragma: no cover - compiled
    """The own short and long average of every row as of today."""
    short, long = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
    for i in range(len(rows)):
        short[i], long[i] = past[0, rows[i], PastColumn.OWN_SHORT], past[0, rows[i], PastColumn.OWN_LONG]
    return short, long


def _surprises(judged: _Judged, q_values: NDArray[np.float64], known: NDArray[np.bool_] | None) -> list[pl.Series]:
    """Expectations and surprises as columns; the surprises are null where the volume is not ``known`` (None: all)."""
    told = {
        "volume_multiple": judged.multiple,
        "volume_surprise": judged.surprises[0],
        "volume_surprise_3": judged.surprises[1],
        "volume_surprise_5": judged.surprises[2],
        "combined_surprise": judged.surprises[3],
        "volume_q": q_values,
    }
    expected = [pl.Series("volume_expected", judged.mean), pl.Series("volume_usual", judged.usual)]
    return expected + [_column(name, values, known) for name, values in told.items()]


def _column(name: str, values: NDArray[Any], known: NDArray[np.bool_] | None) -> pl.Series:
    """An array of numbers as a column, null where it is not ``known`` (None: known everywhere)."""
    column = pl.Series(name, values)
    return column if known is None else column.set(pl.Series(~known), None)


def _own_baseline(model: VolumeModel, today: Today) -> NDArray[np.bool_]:
    """Whether every name is measured by its own history, shape (names,)."""
    good = np.append(model.good_sessions, np.zeros(len(today.names) - len(model.good_sessions), np.int64))
    return np.asarray((good >= GOOD_SESSIONS) & (model.kind == "own"))


def _prior_holds(today: Today) -> NDArray[np.bool_]:
    """Where the built-in baseline may be used: not on the last day, and not for names that expire every day."""
    days = today.expiry - today.day
    near = (days >= 0) & (days <= _WEEK)
    expiries = np.unique(today.underlying[near].astype(np.int64) * (_WEEK + 1) + days[near]) // (_WEEK + 1)
    daily = np.bincount(expiries, minlength=len(today.names)) >= _DAILY
    return np.asarray((days > 0) & ~daily[today.underlying])


def _kinds(own: NDArray[np.bool_], today: Today, traded: NDArray[np.bool_], holds: NDArray[np.bool_]) -> list[pl.Expr]:
    """What the baseline of every row is, and why there is no surprise."""
    if own.all() and traded.all():
        return [pl.lit("own").alias("baseline_kind"), pl.lit(None, pl.String).alias("surprise_reason")]
    kind = pl.lit(pl.Series(["prior", "own"]).gather(own.astype(np.uint32)[today.underlying]))
    known, held = pl.lit(pl.Series(traded)), pl.lit(pl.Series(holds))
    return [
        pl.when(known & held).then(kind).alias("baseline_kind"),
        pl.when(~known).then(pl.lit(_NOT_KNOWN)).when(~held).then(pl.lit(NO_PRIOR)).alias("surprise_reason"),
    ]


def without_baseline(contracts: pl.DataFrame) -> pl.DataFrame:
    """Names none of whose contracts the built-in baseline can judge: ``underlying field reason``."""
    held = contracts.select("underlying", "surprise_reason").filter(pl.col("surprise_reason").ne_missing(NO_PRIOR))
    names = sorted(set(distinct(contracts["underlying"])) - set(distinct(held["underlying"])))
    fields = pl.DataFrame({"field": ["combined_surprise", "volume_surprise", "volume_surprise_3", "volume_surprise_5"]})
    without = pl.DataFrame({"underlying": names}, schema={"underlying": pl.String})
    return without.join(fields, how="cross").with_columns(reason=pl.lit(NO_PRIOR))


def _past_volume(recent: Recent, today: Today) -> list[pl.Series]:
    """Plain averages of the contract's own past, null where it has none, and whether it is newly listed."""
    count = len(today.rows)
    averages, sessions = np.empty((3, count)), np.empty(count, np.int64)
    fresh, named = np.empty(count, bool), np.zeros(len(today.names), bool)

    def take(part: slice) -> None:
        _past_of(
            today.rows[part],
            today.underlying[part],
            recent.averages,
            recent.sessions,
            recent.listed,
            tuple(line[part] for line in averages),
            sessions[part],
            fresh[part],
            named,
        )

    in_parts(take, count)
    columns = [_column(name, values, np.isfinite(values)) for name, values in zip(_AVERAGES, averages, strict=True)]
    known = None if named.all() else named[today.underlying]
    new_strike = pl.Series("new_strike", fresh)
    if known is not None:
        new_strike = new_strike.set(pl.Series(~known), None)
    return [pl.Series("history_sessions", sessions), *columns, new_strike]


@compiled
def _past_of(
    rows: NDArray[np.int32],
    underlying: NDArray[np.int32],
    known_averages: NDArray[np.float32],
    known_sessions: NDArray[np.int32],
    known_listed: NDArray[np.bool_],
    averages: tuple[NDArray[np.float64], ...],
    sessions: NDArray[np.int64],
    fresh: NDArray[np.bool_],
    named: NDArray[np.bool_],
) -> None:  # pragma: no cover - compiled
    """Fill the past of every row, and mark in ``named`` the underlyings that had contracts in the last session."""
    for i in range(len(rows)):
        row = rows[i]
        for column in range(3):
            averages[column][i] = known_averages[row, column]
        sessions[i] = known_sessions[row]
        fresh[i] = not known_listed[row]
        if not fresh[i]:
            named[underlying[i]] = True


def _earnings(names: tuple[str, ...], day: int, events: pl.DataFrame | None) -> NDArray[np.float32]:
    """1 for every name with an earnings date within a day of the session."""
    if events is None or events.is_empty():
        return np.zeros(len(names), np.float32)
    near = events.filter((pl.col("kind") == "earnings") & ((pl.col("date").to_physical() - day).abs() <= 1))
    return np.isin(names, near["underlying"].to_numpy()).astype(np.float32)
