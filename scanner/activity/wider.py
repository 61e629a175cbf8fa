"""Surprise of whatever is wider than a contract: an expiry, an underlying, its back end, its put/call split, its IV30.

A total is judged against the sum of what its contracts usually trade where they stand, then against the total's own
past distance from that sum. Nothing here knows whether the day is busy: that the day is busy is what these measure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.calibration import HIGHEST
from scanner.activity.distances import student_surprise
from scanner.activity.model import VolumeModel
from scanner.activity.runs import both_rights
from scanner.activity.scoring import GOOD_SESSIONS
from scanner.activity.totals import BACK_END_DAYS
from scanner.history import past as past_sessions
from scanner.history.panel import Panel
from scanner.kernels.columns import floats, nullable
from scanner.kernels.groups import Groups
from scanner.market.levels import EXPIRY, NAME, STRIKE

_PRIOR_SESSIONS = 5.0
_LEAST_IV_CHANGES = 5
_PRIOR_IV_CHANGE = 0.05


def underlying_surprises(
    model: VolumeModel, contracts: pl.DataFrame, panel: Panel, names: Groups | None = None
) -> pl.DataFrame:
    """``underlying volume_surprise back_end_surprise put_call_surprise`` of a scored chain.

    ``back_end_surprise`` is that of everything beyond 14 days. Null for a name with fewer than ten good sessions.
    ``names`` are the contracts by name, where they are known.
    """
    names = names or Groups.of(contracts, NAME)
    volume, usual = floats(contracts["volume"]), floats(contracts["volume_usual"])
    put = (contracts["right"] == "P").to_numpy()
    # What is not known is NaN, and beyond nothing.
    later = floats(contracts["dte"]) > BACK_END_DAYS
    sums = {
        "total": _sums(names, volume),
        "usual": _sums(names, usual),
        "back": _sums(names, volume, later),
        "back_usual": _sums(names, usual, later),
        "puts": _sums(names, volume, put),
    }
    rows = panel.underlying_rows(names.keys["underlying"])
    judged = names.any(np.isfinite(volume)) & (_at(model.good_sessions, rows, 0) >= GOOD_SESSIONS)
    columns = {
        "volume_surprise": lambda: model.name_distances[0].surprise(sums["total"], sums["usual"], rows),
        "back_end_surprise": lambda: model.name_distances[1].surprise(sums["back"], sums["back_usual"], rows),
        "put_call_surprise": lambda: put_share_surprise(
            model.name_totals.puts.volume, model.name_totals.whole.volume, sums["puts"], sums["total"], rows
        ),
    }
    return names.keys.hstack([_judged(name, found, judged) for name, found in columns.items()])


def strike_surprises(model: VolumeModel, contracts: pl.DataFrame, strikes: Groups | None = None) -> pl.DataFrame:
    """``underlying root expiry strike volume_surprise`` of a scored chain: both rights together, one session.

    Null where neither right has a surprise. Two underlyings may list the same root: each has strikes of its own.
    ``strikes`` are the contracts by strike, where they are known.
    """
    strikes = strikes or Groups.of(contracts, STRIKE)
    volume_surprise = contracts["volume_surprise"]
    judged = strikes.any(volume_surprise.is_not_null().to_numpy())

    def surprise() -> NDArray[np.float64]:
        raw = both_rights(volume_surprise.fill_null(0.0).to_numpy(), strikes.numbers())
        return model.learned.strike.apply(raw, np.zeros(len(raw), np.int64))

    return strikes.keys.hstack([_judged("volume_surprise", surprise, judged)])


def expiry_surprises(
    model: VolumeModel, contracts: pl.DataFrame, panel: Panel, expiries: Groups | None = None
) -> pl.DataFrame:
    """``underlying root expiry volume_surprise`` of a scored chain; null as for the underlying.

    ``expiries`` are the contracts by expiry, where they are known.
    """
    key = list(EXPIRY)
    expiries = expiries or Groups.of(contracts, key)
    volume = floats(contracts["volume"])
    total, usual = _sums(expiries, volume), _sums(expiries, floats(contracts["volume_usual"]))
    past = expiries.keys.join(model.expiry_totals.entities, on=key, how="left", maintain_order="left")
    at = past["entity"].fill_null(-1).to_numpy()
    name = panel.underlying_rows(expiries.keys["underlying"])
    judged = expiries.any(np.isfinite(volume)) & (_at(model.good_sessions, name, 0) >= GOOD_SESSIONS)
    return expiries.keys.hstack(
        [_judged("volume_surprise", lambda: model.expiry_distances.surprise(total, usual, at), judged)]
    )


def _sums(groups: Groups, values: NDArray[np.float64], where: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """A sum by group, 0 where nothing is known."""
    return np.nan_to_num(groups.sums(values, where))


def _at(values: NDArray[np.generic], index: NDArray[np.integer], missing: float) -> NDArray[np.float64]:
    """Values at each index; ``missing`` where it is -1."""
    result = np.full(len(index), missing, np.float64)
    result[index >= 0] = values[index[index >= 0]]
    return result


def _judged(name: str, found: Callable[[], NDArray[np.float64]], judged: NDArray[np.bool_]) -> pl.Series:
    """A column that is null where there is nothing to judge by; where that is everywhere, nothing is computed."""
    values = found() if judged.any() else np.full(len(judged), np.nan)
    return nullable(name, np.where(judged & np.isfinite(values), values, np.nan))


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
