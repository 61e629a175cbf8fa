"""What is known about a contract before its volume is looked at, as the columns of one regression.

Three layers, in log(1 + volume): the *base* of the bucket the contract stands in, its *own* exponentially weighted
distance from that base, and how busy the underlying and the expiry are today *without* the contract and its
neighbours. A volume far above what was expected counts as ``_CAP`` above it and no more, so that an episode does not
become the new normal.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.activity.geometry import CELLS
from scanner.kernels.compile import kernel
from scanner.kernels.vector_math import exp, inlined, log, vectorised

WINDOWS = (1, 3, 5)


class State(IntEnum):
    """What is remembered of a contract before a session, as the columns of ``states``."""

    OWN_SHORT = 0
    OWN_LONG = 1
    LAST = 2
    LOG_MEAN = 3
    TRADED = 4
    SESSIONS = 5
    LOG_PEAK = 6


class Feature(IntEnum):
    """The regression's columns: what filling a row writes is what the coefficients are fitted to."""

    CONSTANT = 0
    BASE = 1
    BASE_SQUARED = 2
    OWN_SHORT = 3
    OWN_LONG = 4
    LAST_SESSION = 5
    LOG_MEAN_VOLUME = 6
    SHARE_OF_SESSIONS_TRADED = 7
    LOG_OPEN_INTEREST = 8
    NEW_STRIKE = 9
    YOUNG = 10
    UNDERLYING_ACTIVITY = 11
    EXPIRY_ACTIVITY = 12
    ABSOLUTE_RETURN = 13
    RETURN_TOWARDS_THE_RIGHT = 14
    RETURN_TIMES_DISTANCE = 15
    EXPIRES_TODAY = 16
    EXPIRES_WITHIN_TWO_DAYS = 17
    LOG_DAYS = 18
    MONEYNESS = 19
    MONEYNESS_SQUARED = 20
    FAR_FROM_THE_MONEY = 21
    OPEN_INTEREST_TIMES_BASE = 22
    OWN_TIMES_BASE = 23
    EXPIRES_TODAY_NEAR_THE_MONEY = 24
    EARNINGS_NEAR = 25
    LOG_PRICE = 26
    LOG_PRICE_SQUARED = 27
    LOG_PEAK_VOLUME = 28
    NEIGHBOURS_LATELY = 29


COUNT = len(Feature)


class Contracts(NamedTuple):
    """What one session makes known of contracts, arrays of one length; ``underlying`` counts the names.

    ``base`` is the log volume of the bucket, ``of_name of_expiry beside`` are what :func:`activity` gives.
    """

    underlying: NDArray[np.int32]
    expiry: NDArray[np.int32]
    call: NDArray[np.bool_]
    moneyness: NDArray[np.float32]
    log_price: NDArray[np.float32]
    log_open_interest: NDArray[np.float32]
    base: NDArray[np.float32]
    of_name: NDArray[np.float32]
    of_expiry: NDArray[np.float32]
    beside: NDArray[np.float32]


class Known(NamedTuple):
    """What goes into those features of one contract that today has a part in."""

    base: float
    own_long: float
    log_open_interest: float
    of_name: float
    of_expiry: float
    move: float
    days: int
    moneyness: float
    call: bool
    earnings: float
    log_price: float
    beside: float


_SHORT, _LONG, _MEAN, _RATE = 0.5 ** (1 / 2.5), 0.5 ** (1 / 15), 0.5 ** (1 / 8), 0.5 ** (1 / 10)
_PEAK = 0.5 ** (1 / 8)
_CAP = 3.0
_BUSIEST = 3.0
_NOTHING = np.float32(0.0)
# Looked up, because a logarithm and an exponential a row are a third of what filling the row costs.
_LOG_DAYS = np.log1p(np.arange(4096.0)).astype(np.float32)
_YOUNG = np.exp(np.arange(128.0) / -3.0).astype(np.float32)


@kernel
def remember(
    volume: NDArray[np.float32],
    cell: NDArray[np.int16],
    underlying: NDArray[np.int32],
    base: NDArray[np.float32],
    kept: NDArray[np.int64],
    states: NDArray[np.float32],
    predicted: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Run through the past of every contract once.

    ``kept`` (sessions + 1,) says where in ``states`` (rows, places, len(State)) it goes what was known *before* each
    session, the last one before today; nowhere if -1. ``predicted`` (rows, sessions) gets the log volume that base and
    own long average expected of each session.
    """
    rows, sessions = volume.shape
    # Most contracts trade in none of their sessions: for them neither logarithm nor exponential is asked.
    for i in range(rows):
        short = short_weight = long = long_weight = mean = mean_weight = rate = rate_weight = last = 0.0
        known, peak = 0, 0.0
        for t in range(sessions + 1):
            own = long / (long_weight + 2.0)
            place = kept[t]
            if place >= 0:
                states[i, place, State.OWN_SHORT] = short / (short_weight + 0.7)
                states[i, place, State.OWN_LONG] = own
                states[i, place, State.LAST] = min(max(last, -4.0), 6.0)
                states[i, place, State.LOG_MEAN] = np.log1p(mean / (mean_weight + 0.5)) if mean > 0 else 0.0
                states[i, place, State.TRADED] = rate / (rate_weight + 1.0)
                states[i, place, State.SESSIONS] = known
                states[i, place, State.LOG_PEAK] = np.log1p(peak) if peak > 0 else 0.0
            if t == sessions:
                break
            level = base[underlying[i], cell[i, t]]
            predicted[i, t] = level + own
            traded = volume[i, t]
            if not np.isfinite(traded):
                continue
            ceiling = own + _CAP
            residual = min((np.log1p(traded) if traded > 0 else _NOTHING) - level, ceiling)
            short, short_weight = short * _SHORT + residual, short_weight * _SHORT + 1.0
            long, long_weight = long * _LONG + residual, long_weight * _LONG + 1.0
            mean = mean * _MEAN + (min(traded, np.expm1(level + ceiling) + 10.0) if traded > 0 else 0.0)
            mean_weight = mean_weight * _MEAN + 1.0
            rate, rate_weight = rate * _RATE + (1.0 if traded > 0 else 0.0), rate_weight * _RATE + 1.0
            last = residual
            peak = max(peak * _PEAK, traded)
            known += 1


def base_table(
    volume: NDArray[np.float32], cell: NDArray[np.int16], underlying: NDArray[np.int32], names: int
) -> NDArray[np.float32]:
    """Mean log(1 + volume) of every bucket of every underlying, shape (names + 1, CELLS).

    A thin bucket is drawn towards the same bucket of all names plus the name's own level. The last row is the level of
    a name never seen: the pooled one.
    """
    known = np.isfinite(volume)
    key = (underlying[:, None] * CELLS + cell)[known]
    count = np.asarray(np.bincount(key, minlength=names * CELLS).reshape(names, CELLS), np.float64)
    total = np.asarray(np.bincount(key, np.log1p(volume[known]), names * CELLS).reshape(names, CELLS), np.float64)
    return shrink_base(count, total)


def shrink_base(count: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bucket means of each name, shrunk with the weight of 20 contract-days; see :func:`base_table`."""
    everything = max(count.sum(), 1.0)
    pooled = (total.sum(axis=0) + 5 * total.sum() / everything) / (count.sum(axis=0) + 5)
    level = (total - count * pooled).sum(axis=1) / (count.sum(axis=1) + 20)
    own = (total + 20 * (pooled + level[:, None])) / (count + 20)
    return np.asarray(np.maximum(np.vstack([own, pooled]), 0.0), np.float32)


@kernel
def usual(
    cell: NDArray[np.int16],
    underlying: NDArray[np.int32],
    expiry: NDArray[np.int32],
    day: int,
    table: NDArray[np.float32],
    own_long: NDArray[np.float32],
    share: NDArray[np.float64],
    base: NDArray[np.float32],
    predicted: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Fill the base of every row and the log volume usual by now: base and own long average, times the day's share.

    ``table`` is :func:`base_table`; ``share`` is for contracts that live on and that expire.
    """
    for i in range(len(cell)):
        base[i] = table[min(underlying[i], len(table) - 1), cell[i]]
        whole = max(base[i] + own_long[i], 0.0)
        part = share[1] if expiry[i] <= day else share[0]
        predicted[i] = whole if part >= 1.0 else np.log1p(np.expm1(whole) * part)


@vectorised
def log_counts(counts: NDArray[np.int64]) -> NDArray[np.float32]:  # pragma: no cover - compiled
    """log(1 + count), NaN for a count that is not known (negative)."""
    result = np.empty(len(counts), np.float32)
    for i in range(len(counts)):
        logarithm = log(1.0 + max(counts[i], 0))
        result[i] = logarithm if counts[i] >= 0 else np.nan
    return result


@kernel
def activity(
    group: NDArray[np.int32],
    call: NDArray[np.bool_],
    underlying: NDArray[np.int32],
    predicted: NDArray[np.float32],
    logs: NDArray[np.float32],
    lately: NDArray[np.float32],
    names: int,
) -> tuple[
    NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]
]:  # pragma: no cover - compiled
    """How far the session is above expectation: for the underlying and for the expiry's same right.

    Both leave out the contract and two neighbours on each side, so that neither a contract nor a ladder explains
    itself away. ``logs`` is NaN for a contract without a volume. Also returns the mean of ``lately``, the contracts'
    own recent level, over those neighbours, and the underlying's own mean excess, shape (names,).
    """
    rows = len(group)
    groups = group[rows - 1] + 1 if rows else 0
    # One entry more, of no weight, stands for a neighbour that there is not.
    weight, excess = np.zeros(rows + 1, np.float32), np.zeros(rows + 1, np.float32)
    level, side = np.zeros(rows + 1, np.float32), np.empty(rows, np.int32)
    name_excess, name_weight = np.zeros(names + 1), np.zeros(names + 1)
    side_excess, side_weight = np.zeros(2 * groups), np.zeros(2 * groups)
    for i in range(rows):
        side[i] = 2 * group[i] + (1 if call[i] else 0)
        level[i] = lately[i]
        if not np.isfinite(logs[i]):
            continue
        weight[i] = min(max(predicted[i], 0.05), 3.0)
        excess[i] = weight[i] * min(max(logs[i] - predicted[i], -4.0), 4.0)
        name_excess[underlying[i]] += excess[i]
        name_weight[underlying[i]] += weight[i]
        side_excess[side[i]] += excess[i]
        side_weight[side[i]] += weight[i]
    before, after = _beside(side, 2 * groups)
    of_name, of_expiry = np.empty(rows, np.float32), np.empty(rows, np.float32)
    beside = np.empty(rows, np.float32)
    for i in range(rows):
        one, other = before[i], after[i]
        two, another = before[one], after[other]
        near_excess = excess[i] + excess[one] + excess[two] + excess[other] + excess[another]
        near_weight = weight[i] + weight[one] + weight[two] + weight[other] + weight[another]
        near = (one < rows) + (two < rows) + (other < rows) + (another < rows)
        name = underlying[i]
        of_name[i] = (name_excess[name] - near_excess) / (name_weight[name] - near_weight + 1.0)
        of_side = (side_excess[side[i]] - near_excess) / (side_weight[side[i]] - near_weight + 3.0)
        of_expiry[i] = of_side - of_name[i]
        beside[i] = (float(level[one]) + level[two] + level[other] + level[another]) / (near + 1.0)
    return of_name, of_expiry, beside, name_excess / (name_weight + 1.0)


def activity_of_names(
    underlying: NDArray[np.int32], predicted: NDArray[np.float32], logs: NDArray[np.float32], names: int
) -> NDArray[np.float64]:
    """The last of what :func:`activity` returns, alone: the mean excess of every underlying, shape (names,)."""
    known = np.isfinite(logs)
    name, expected = underlying[known], predicted[known]
    weight = np.clip(expected.astype(np.float64), 0.05, 3.0).astype(np.float32)
    apart = np.clip((logs[known] - expected).astype(np.float64), -4.0, 4.0)
    excess = (weight * apart).astype(np.float32)
    total = np.bincount(name, excess, minlength=names + 1)
    return np.asarray(total / (np.bincount(name, weight, minlength=names + 1) + 1.0))[:names]


@kernel
def _beside(side: NDArray[np.int32], sides: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:  # pragma: no cover
    """The nearest row before and after each one that is on the same side; the number of rows where there is none."""
    rows = len(side)
    before, after = np.empty(rows + 1, np.int32), np.empty(rows + 1, np.int32)
    before[rows] = after[rows] = rows
    last = np.full(sides, rows, np.int32)
    for i in range(rows):
        before[i] = last[side[i]]
        after[before[i]] = i
        after[i] = rows
        last[side[i]] = i
    after[rows] = rows
    return before, after


@inlined
def fill_past(
    x: NDArray[np.float32], start: int, step: int, states: NDArray[np.float32], row: int, window: int
) -> None:  # pragma: no cover - compiled
    """Fill those features of one row that were known before the window began.

    They go to the flat ``x``, from ``start`` on, ``step`` apart: so that rows may lie one after the other, as fitting
    wants them, or side by side, as the compiler makes vectors of them. ``states`` has shape (contracts, windows,
    len(State)). What is filled here is left alone by :func:`fill_today`, and the other way round: the linear part of a
    regression is the sum of both parts', and this one can be summed beforehand.
    """
    sessions = states[row, window, State.SESSIONS]
    x[start + Feature.CONSTANT * step] = 1.0
    x[start + Feature.OWN_SHORT * step] = states[row, window, State.OWN_SHORT]
    x[start + Feature.OWN_LONG * step] = states[row, window, State.OWN_LONG]
    x[start + Feature.LAST_SESSION * step] = states[row, window, State.LAST]
    x[start + Feature.LOG_MEAN_VOLUME * step] = states[row, window, State.LOG_MEAN]
    x[start + Feature.SHARE_OF_SESSIONS_TRADED * step] = states[row, window, State.TRADED]
    x[start + Feature.NEW_STRIKE * step] = 1.0 if sessions == 0 else 0.0
    x[start + Feature.YOUNG * step] = _YOUNG[min(int(sessions), len(_YOUNG) - 1)]
    x[start + Feature.LOG_PEAK_VOLUME * step] = states[row, window, State.LOG_PEAK]


@inlined
def fill_today(x: NDArray[np.float32], start: int, step: int, known: Known) -> None:  # pragma: no cover - compiled
    """Fill the features of one row that today has a part in; see :func:`fill_past`."""
    bounded = min(max(known.moneyness, -4.0), 4.0)
    toward = min(max(known.move, -4.0), 4.0) * (1.0 if known.call else -1.0)
    log_open_interest = known.log_open_interest
    if not abs(log_open_interest) < np.inf:
        log_open_interest = 1.0 + known.base
    x[start + Feature.BASE * step] = known.base
    x[start + Feature.BASE_SQUARED * step] = known.base * known.base / 10.0
    x[start + Feature.LOG_OPEN_INTEREST * step] = log_open_interest
    x[start + Feature.UNDERLYING_ACTIVITY * step] = known.of_name
    x[start + Feature.EXPIRY_ACTIVITY * step] = known.of_expiry
    x[start + Feature.ABSOLUTE_RETURN * step] = min(abs(known.move), 4.0)
    x[start + Feature.RETURN_TOWARDS_THE_RIGHT * step] = toward
    x[start + Feature.RETURN_TIMES_DISTANCE * step] = toward * min(abs(bounded), 3.0)
    x[start + Feature.EXPIRES_TODAY * step] = 1.0 if known.days <= 0 else 0.0
    x[start + Feature.EXPIRES_WITHIN_TWO_DAYS * step] = 1.0 if known.days <= 2 else 0.0
    x[start + Feature.LOG_DAYS * step] = _LOG_DAYS[min(max(known.days, 0), len(_LOG_DAYS) - 1)]
    x[start + Feature.MONEYNESS * step] = bounded
    x[start + Feature.MONEYNESS_SQUARED * step] = bounded * bounded / 4.0
    x[start + Feature.FAR_FROM_THE_MONEY * step] = min(max(abs(known.moneyness) - 2.5, 0.0), 4.0)
    x[start + Feature.OPEN_INTEREST_TIMES_BASE * step] = log_open_interest * known.base / 5.0
    x[start + Feature.OWN_TIMES_BASE * step] = known.own_long * known.base / 5.0
    x[start + Feature.EXPIRES_TODAY_NEAR_THE_MONEY * step] = exp(-abs(bounded)) if known.days <= 0 else 0.0
    x[start + Feature.EARNINGS_NEAR * step] = known.earnings
    x[start + Feature.LOG_PRICE * step] = known.log_price
    x[start + Feature.LOG_PRICE_SQUARED * step] = known.log_price * known.log_price / 5.0
    x[start + Feature.NEIGHBOURS_LATELY * step] = known.beside


@kernel
def design(
    rows: NDArray[np.int64],
    x: NDArray[np.float32],
    contracts: Contracts,
    states: NDArray[np.float32],
    move: NDArray[np.float64],
    earnings: NDArray[np.float32],
    day: int,
) -> None:  # pragma: no cover - compiled
    """Fill ``x`` (len(rows), COUNT) with the features of the given rows of one session.

    ``states`` has shape (contracts, 1, len(State)); ``move`` and ``earnings`` are of the underlyings.
    """
    flat = x.reshape(-1)
    for k in range(len(rows)):
        i = rows[k]
        name = contracts.underlying[i]
        fill_past(flat, k * COUNT, 1, states, i, 0)
        known = Known(
            base=contracts.base[i],
            own_long=states[i, 0, State.OWN_LONG],
            log_open_interest=contracts.log_open_interest[i],
            of_name=contracts.of_name[i],
            of_expiry=contracts.of_expiry[i],
            move=move[name],
            days=contracts.expiry[i] - day,
            moneyness=contracts.moneyness[i],
            call=contracts.call[i],
            earnings=earnings[name],
            log_price=contracts.log_price[i],
            beside=contracts.beside[i],
        )
        fill_today(flat, k * COUNT, 1, known)


@kernel
def sum_past(
    states: NDArray[np.float32], linear: NDArray[np.float32], sums: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Fill ``sums`` (windows, contracts, parts) with what the past gives the linear parts (windows, parts, COUNT)."""
    x = np.zeros(COUNT, np.float32)
    for i in range(len(states)):
        for window in range(states.shape[1]):
            fill_past(x, 0, 1, states, i, window)
            for part in range(linear.shape[1]):
                total = 0.0
                for k in range(COUNT):
                    total += x[k] * linear[window, part, k]
                sums[window, i, part] = total


@inlined
def times_busier_at(linear: float) -> float:  # pragma: no cover - compiled
    """How many times the usual a busy session expects of a contract; 1 in a quiet one.

    ``linear`` is the part of the regression that the session's activity gives. The tail is read at expectation and
    count both divided by this: on a day that is three times as busy, three times the count is as rare as the count was,
    while the tail of contracts that *always* expect as much is a thinner one.
    """
    return exp(min(max(float(linear), 0.0), _BUSIEST))


def times_busier(x: NDArray[np.float32], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`times_busier_at` for the rows of a design matrix (rows, COUNT)."""
    active = [Feature.UNDERLYING_ACTIVITY, Feature.EXPIRY_ACTIVITY]
    return np.asarray(np.exp(np.clip(x[:, active] @ coefficients[active], 0.0, _BUSIEST)), np.float64)
