"""Surprise of whatever is wider than a contract: an expiry, an underlying, its back end, its put/call split, its IV30.

A total is judged against the sum of what its contracts usually trade where they stand, then against the total's own
past distance from that sum. Nothing here knows whether the day is busy: that the day is busy is what these measure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.calibration import HIGHEST, calibrate
from scanner.activity.model import VolumeModel
from scanner.activity.runs import both_rights
from scanner.activity.scoring import GOOD_SESSIONS
from scanner.activity.totals import BACK_END_DAYS, EXPIRY_KEY
from scanner.history import past as past_sessions
from scanner.history.panel import Panel
from scanner.kernels.columns import floats, nullable
from scanner.kernels.groups import Groups

_HALF_LIFE = 0.5 ** (1 / 6)
_DEGREES_OF_FREEDOM = 4.0
_PRIOR_SESSIONS = 5.0
_ENOUGH_FOR_TAIL = 300
_BOUND = 2.5
_LEAST_IV_CHANGES = 5
_PRIOR_IV_CHANGE = 0.05


def underlying_surprises(model: VolumeModel, contracts: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """``underlying volume_surprise back_end_surprise put_call_surprise`` of a scored chain.

    ``back_end_surprise`` is that of everything beyond 14 days. Null for a name with fewer than ten good sessions.
    """
    names = Groups.of(contracts, ("underlying",))
    volume, usual = contracts["volume"].cast(pl.Float64), contracts["volume_usual"]
    later, put = _flags(contracts, pl.col("dte") > BACK_END_DAYS), _flags(contracts, pl.col("right") == "P")
    today = names.keys.with_columns(
        _sum(names, "total", volume),
        _sum(names, "usual", usual),
        _sum(names, "back", volume, later),
        _sum(names, "back_usual", usual, later),
        _sum(names, "puts", volume, put),
        known=names.any(volume.is_not_null().to_numpy()),
    )
    rows = panel.underlying_rows(today["underlying"])
    whole, back, puts = model.name_totals
    judged = today["known"].to_numpy() & (_at(model.good_sessions, rows, 0) >= GOOD_SESSIONS)
    sums = {name: today[name].to_numpy() for name in ("total", "usual", "back", "back_usual", "puts")}
    columns = {
        "volume_surprise": lambda: total_surprise(*whole, sums["total"], sums["usual"], rows),
        "back_end_surprise": lambda: total_surprise(*back, sums["back"], sums["back_usual"], rows),
        "put_call_surprise": lambda: put_share_surprise(puts[0], whole[0], sums["puts"], sums["total"], rows),
    }
    return today.select("underlying").with_columns(_judged(name, found, judged) for name, found in columns.items())


def strike_surprises(model: VolumeModel, contracts: pl.DataFrame) -> pl.DataFrame:
    """``underlying root expiry strike volume_surprise`` of a scored chain: both rights together, one session.

    Null where neither right has a surprise. Two underlyings may list the same root: each has strikes of its own.
    """
    strikes = Groups.of(contracts, ("underlying", "root", "expiry", "strike"))
    volume_surprise = contracts["volume_surprise"]
    judged = strikes.any(volume_surprise.is_not_null().to_numpy())

    def surprise() -> NDArray[np.float64]:
        raw = both_rights(volume_surprise.fill_null(0.0).to_numpy(), strikes.numbers())
        return model.learned.strike.apply(raw, np.zeros(len(raw), np.int64))

    return strikes.keys.with_columns(_judged("volume_surprise", surprise, judged))


def expiry_surprises(model: VolumeModel, contracts: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """``underlying root expiry volume_surprise`` of a scored chain; null as for the underlying."""
    key = list(EXPIRY_KEY)
    expiries = Groups.of(contracts, key)
    volume = contracts["volume"].cast(pl.Float64)
    today = expiries.keys.with_columns(
        _sum(expiries, "total", volume),
        _sum(expiries, "usual", contracts["volume_usual"]),
        known=expiries.any(volume.is_not_null().to_numpy()),
    )
    past, totals = model.expiry_totals
    at = today.join(past, on=key, how="left", maintain_order="left")["entity"].fill_null(-1).to_numpy()
    name = panel.underlying_rows(today["underlying"])
    judged = today["known"].to_numpy() & (_at(model.good_sessions, name, 0) >= GOOD_SESSIONS)
    total, usual = today["total"].to_numpy(), today["usual"].to_numpy()
    return today.select(key).with_columns(
        _judged("volume_surprise", lambda: total_surprise(*totals, total, usual, at), judged)
    )


def _flags(frame: pl.DataFrame, flag: pl.Expr) -> NDArray[np.bool_]:
    return frame.select(flag.fill_null(value=False)).to_series().to_numpy()


def _sum(groups: Groups, name: str, values: pl.Series, where: NDArray[np.bool_] | None = None) -> pl.Series:
    """A sum by group, 0 where nothing is known."""
    return groups.known_sums(values, where).fill_null(0.0).alias(name)


def _at(values: NDArray[np.generic], index: NDArray[np.integer], missing: float) -> NDArray[np.float64]:
    """Values at each index; ``missing`` where it is -1."""
    result = np.full(len(index), missing, np.float64)
    result[index >= 0] = values[index[index >= 0]]
    return result


def _judged(name: str, found: Callable[[], NDArray[np.float64]], judged: NDArray[np.bool_]) -> pl.Series:
    """A column that is null where there is nothing to judge by; where that is everywhere, nothing is computed."""
    values = found() if judged.any() else np.full(len(judged), np.nan)
    return nullable(name, np.where(judged & np.isfinite(values), values, np.nan))


def total_surprise(
    volume: NDArray[np.float64],
    usual: NDArray[np.float64],
    today: NDArray[np.float64],
    today_usual: NDArray[np.float64],
    entity: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Upper-tail surprise of totals, from past totals (entities, sessions) of all entities together.

    ``entity`` is the row of each of today's totals, -1 for one without a past. The distance log(1 + volume) - log(1 +
    usual) is centred on the entity's own exponentially weighted mean and scaled by the spread of totals of its size;
    the tail is Student's t with four degrees of freedom until 300 past distances are there to calibrate it.
    """
    distance = np.log1p(volume) - np.log1p(usual)
    centre = _running_centre(distance)
    residual = distance - centre[:, :-1]
    residual[:, : min(_LEAST_IV_CHANGES, residual.shape[1])] = np.nan
    known = np.isfinite(residual)
    edges, spreads = _spread_by_size(residual[known], usual[known])
    past = residual[known] / spreads[np.searchsorted(edges, usual[known])]
    mine = _at(centre[:, -1], entity, 0.0)
    now = np.log1p(today) - np.log1p(today_usual) - mine
    return tail_surprise(now / spreads[np.searchsorted(edges, today_usual)], past)


def _running_centre(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponentially weighted mean before each session and before today, shape (entities, sessions + 1), shrunk to 0.

    One session moves it by a bounded amount: an outlier does not become the new normal.
    """
    total = np.zeros(len(distance))
    weight = np.zeros(len(distance))
    result = np.empty((len(distance), distance.shape[1] + 1))
    for session in range(distance.shape[1]):
        centre = total / (weight + 1.0)
        result[:, session] = centre
        known = np.isfinite(distance[:, session])
        bounded = np.clip(distance[:, session], centre - _BOUND, centre + _BOUND)
        total = np.where(known, total * _HALF_LIFE + bounded, total)
        weight = np.where(known, weight * _HALF_LIFE + 1.0, weight)
    result[:, -1] = total / (weight + 1.0)
    return result


def _spread_by_size(
    residual: NDArray[np.float64], usual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges of size and the spread of residuals between them, a robust one (interquartile), never below 0.1."""
    groups = int(np.clip(len(residual) // 200, 1, 8))
    edges = np.quantile(usual, np.arange(1, groups) / groups) if groups > 1 else np.empty(0)
    place = np.searchsorted(edges, usual)
    spreads = np.full(groups, 0.6)
    for number in range(groups):
        mine = residual[place == number]
        if len(mine) >= _LEAST_IV_CHANGES:
            spreads[number] = max((np.quantile(mine, 0.75) - np.quantile(mine, 0.25)) / 1.35, 0.1)
    return edges, spreads


def tail_surprise(standardised: NDArray[np.float64], past: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log10 of the upper tail of standardised distances, calibrated on past ones where there are enough."""
    raw = student_surprise(standardised)
    if len(past) >= _ENOUGH_FOR_TAIL:
        one_tier = np.zeros(len(past), np.int64)
        map_ = calibrate(student_surprise(past), one_tier, np.arange(len(past)), rows=np.array([len(past)]))
        raw = np.interp(raw, map_.raw[0], map_.calibrated[0])
    return np.where(np.isfinite(standardised), np.minimum(raw, HIGHEST), np.nan)


def student_surprise(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log10 P(T >= x) for Student's t with four degrees of freedom."""
    from scanner.kernels.special import stdtr

    return np.asarray(-np.log10(np.maximum(stdtr(_DEGREES_OF_FREEDOM, -standardised), 1e-300)))


def put_share_surprise(
    puts: NDArray[np.float64],
    total: NDArray[np.float64],
    puts_today: NDArray[np.float64],
    total_today: NDArray[np.float64],
    entity: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Beta-binomial surprise of today's puts among today's volume, given the name's own past shares (names, sessions).

    The share's mean and over-dispersion come from the past by moments; the over-dispersion is drawn towards that of a
    share which moves by a tenth. The tail is that of the beta law with the beta-binomial's variance, exact for volumes
    that are large beside the dispersion. Half a lot is added to each side.
    """
    from scanner.kernels.special import betainc

    share = np.full((len(entity), total.shape[1]), np.nan)
    past = np.where(total > 0, puts / np.where(total > 0, total, 1.0), np.nan)
    share[entity >= 0] = past[entity[entity >= 0]]
    known = np.isfinite(share)
    count = known.sum(axis=1)
    centre = (np.where(known, share, 0.0).sum(axis=1) + 0.45) / (count + 1)
    square = (np.where(known, (share - centre[:, None]) ** 2, 0.0).sum(axis=1) + _PRIOR_SESSIONS * 0.1**2) / (
        count + _PRIOR_SESSIONS
    )
    correlation = np.clip(square / (centre * (1 - centre)), 1e-4, 0.9)
    correlation = correlation + (1 - correlation) / np.maximum(total_today, 1.0)
    strength = np.maximum(1.0 / correlation - 1.0, 0.05)
    observed = (puts_today + 0.5) / (total_today + 1.0)
    chance = betainc((1 - centre) * strength, centre * strength, 1 - observed)
    surprise = np.clip(-np.log10(np.maximum(chance, 1e-300)), 0.0, HIGHEST)
    return np.where(total_today > 0, surprise, np.nan)


def iv30_change_surprise(iv30: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """``underlying iv30_change_surprise``: of a relative change of IV30 at least this large, either way.

    ``iv30`` has ``underlying session_date iv30``; the past comes from the panel's ``underlying_sessions``. The spread
    of a name's past changes, each from one session of the exchange to the next, is drawn towards 5 %. Null with no IV30
    now or at the previous session, or with fewer than five past changes.
    """
    past = panel.underlying_sessions
    empty = iv30.select("underlying", iv30_change_surprise=pl.lit(None, pl.Float64))
    if past.is_empty() or "iv30" not in past.columns:
        return empty
    ordered = past_sessions.beside_today(
        past.select("underlying", "session_date", pl.col("iv30").cast(pl.Float64)), iv30, panel.calendar
    )
    follows = pl.col("back").shift(1).over("underlying") == pl.col("back") + 1
    change = pl.col("iv30").log() - pl.col("iv30").log().shift(1).over("underlying")
    spread = (
        ordered.with_columns(change=pl.when(follows).then(change))
        .group_by("underlying")
        .agg(
            count=pl.col("change").drop_nulls().len(),
            square=(pl.col("change") ** 2).clip(0, 0.25).sum(),
            previous=pl.col("iv30").filter(pl.col("back") == 1).first(),
        )
    )
    joined = iv30.select("underlying", "iv30").join(spread, on="underlying", how="left", maintain_order="left")
    deviation = (pl.col("square") + _PRIOR_SESSIONS * _PRIOR_IV_CHANGE**2) / (pl.col("count") + _PRIOR_SESSIONS)
    enough = joined.with_columns(
        z=pl.when(pl.col("count") >= _LEAST_IV_CHANGES).then(
            (pl.col("iv30").log() - pl.col("previous").log()).abs() / deviation.sqrt()
        )
    )
    z = floats(enough["z"])
    return enough.select("underlying").with_columns(
        _judged("iv30_change_surprise", lambda: np.maximum(student_surprise(z) - np.log10(2.0), 0.0), np.isfinite(z))
    )
