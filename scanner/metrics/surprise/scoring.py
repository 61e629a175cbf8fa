"""Scoring a chain with a fitted model: what was expected of every contract now, and how rare what it did is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.metrics.selection import benjamini_hochberg, multi_leg_suspects
from scanner.metrics.surprise import features, kernel, opening
from scanner.metrics.surprise.geometry import Places, fill_spot, locate
from scanner.metrics.surprise.history import Recent, standardised_move
from scanner.metrics.surprise.threads import in_parts
from scanner.metrics.surprise.time_of_day import share_of_volume
from scanner.panel import Panel

if TYPE_CHECKING:
    from scanner.metrics.surprise.model import VolumeModel

GOOD_SESSIONS = 10
_PRIOR_VOLUME = 5.0
_NOT_KNOWN = "volume not known"
_AVERAGES = ("volume_avg_5", "volume_avg_20", "volume_median_20")
# Decades taken off for each e-fold by which a name is busier than in nine of ten of its sessions: few like that were
# fitted, and contracts that never traded begin to. It leaves 20 sessions, tripled whole, as many alerts as the sessions
# themselves have.
_CHARGE_OF_BUSY = 0.45


@dataclass(frozen=True)
class Today:
    """A chain laid out beside the panel: places, what is remembered of each row, and what the underlyings do.

    ``rows`` is the panel's dense id or -1; ``volume`` and ``open_interest`` are NaN where unknown.
    """

    names: tuple[str, ...]
    places: Places
    rows: NDArray[np.int32]
    recent: Recent
    day: int
    volume: NDArray[np.float64]
    open_interest: NDArray[np.float64]
    log_spot: NDArray[np.float64]
    volatility: NDArray[np.float64]

    @classmethod
    def of(cls, model: VolumeModel, contracts: pl.DataFrame, panel: Panel) -> Today:
        """Lay out a chain that is sorted by root, expiry, strike and right."""
        rows = panel.rows_of(contracts)
        unknown = contracts["underlying"].filter(pl.Series(rows < 0)).unique()
        names = panel.underlyings + tuple(sorted(set(unknown) - set(panel.underlyings)))
        places = model.layout.places.place(contracts, rows, names)
        day = int(contracts["session_date"].to_physical()[0])
        iv = _numbers(contracts, "iv" if "iv" in contracts.columns else "vendor_iv")
        spots = _spots(contracts, places, len(names), day)
        log_spot, volatility = model.layout.market.today(places, day, spots, iv)
        volume, open_interest = _numbers(contracts, "volume"), _numbers(contracts, "open_interest")
        return cls(names, places, rows, model.recent.take(rows), day, volume, open_interest, log_spot, volatility)

    def moves(self, model: VolumeModel) -> NDArray[np.float64]:
        """Return of every underlying over each window that ends now, in standard deviations, (windows, names)."""
        past = model.layout.market.log_spot
        result = []
        for window in features.WINDOWS:
            before = np.full(len(self.names), np.nan)
            if past.shape[1] >= window:
                before[: len(past)] = past[:, -window]
            result.append(standardised_move(self.log_spot - before, self.volatility, window))
        return np.stack(result)

    def earlier_activity(self, model: VolumeModel) -> NDArray[np.float64]:
        """Sum of how busy each underlying was in the sessions of each window before today, (windows, names)."""
        past = model.memory.activity
        result = np.zeros((len(features.WINDOWS), len(self.names)))
        for number, window in enumerate(features.WINDOWS):
            if window > 1 and past.shape[1]:
                result[number, : len(past)] = past[:, -(window - 1) :].sum(axis=1)
        return result


def score(
    model: VolumeModel, contracts: pl.DataFrame, panel: Panel, elapsed: float, events: pl.DataFrame | None
) -> pl.DataFrame:
    """Add the surprise columns to a chain; rows and order stay. See :meth:`VolumeModel.score`."""
    if contracts.is_empty():
        nothing = np.empty(0)
        empty = _columns(contracts, nothing, nothing, nothing, np.empty((4, 0)), np.empty(0, bool))
        averages, flags = _AVERAGES, ("new_strike", "multi_leg_suspect")
        return empty.with_columns(
            *(pl.lit(None, pl.Float64).alias(name) for name in (*averages, "opening_chance")),
            *(pl.lit(None, pl.Boolean).alias(name) for name in flags),
            history_sessions=pl.lit(None, pl.Int64),
        )
    today = Today.of(model, contracts, panel)
    standing, expiring = share_of_volume(elapsed, np.array([1, 0]))
    usual, mean, surprises = _judged(
        model, today, np.array([standing, expiring]), _earnings(today.names, today.day, events)
    )
    good = np.append(model.good_sessions, np.zeros(len(today.names) - len(panel.underlyings), np.int64))
    own = ((good >= GOOD_SESSIONS) & (model.kind == "own"))[today.places.underlying]
    scored = _columns(contracts, today.volume, mean, usual, surprises, own).with_columns(_past_volume(today))
    return scored.with_columns(multi_leg_suspects(scored), _opening(model, scored, today))


def _judged(
    model: VolumeModel, today: Today, share: NDArray[np.float64], earnings: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Usual volume, expected volume, and the four surprises (4, rows)."""
    places, recent, count = today.places, today.recent, len(today.rows)
    moneyness, log_price, predicted, base = (np.empty(count, np.float32) for _ in range(4))
    cell = np.empty(count, np.int16)

    def place(part: slice) -> None:
        locate(
            places.underlying[part],
            places.log_strike[part],
            places.call[part],
            places.expiry[part],
            today.day,
            today.log_spot,
            today.volatility,
            moneyness[part],
            cell[part],
            log_price[part],
        )
        features.usual(
            cell[part],
            places.underlying[part],
            places.expiry[part],
            today.day,
            model.base,
            recent.states[part],
            share,
            base[part],
            predicted[part],
        )

    in_parts(place, count)
    of_name, of_expiry, beside, busy = features.activity(
        places.group,
        places.call,
        places.underlying,
        predicted,
        features.log_volume(today.volume),
        recent.states[:, 0, features.OWN_SHORT],
        len(today.names),
    )
    # A morning in which little has traded yet is no quiet day: until it is over, a day counts as quiet only in part.
    of_name, of_expiry = (np.where(busy < 0, busy * share[0], busy).astype(np.float32) for busy in (of_name, of_expiry))
    # A contract's volume comes in bursts that may fall at any time of the day. So what has traded by now is held
    # against the whole session: how rare is it that a session brings as much? As volume only grows, the largest
    # surprise of all the looks at a session is then the last one's, however many there are.
    mean, surprises = np.empty(count), np.empty((4, count))
    moves, earlier, tables = today.moves(model), today.earlier_activity(model), model.tables

    def judge(part: slice) -> None:
        kernel.judge(
            today.volume[part],
            recent.volume[part],
            recent.states[part],
            recent.log_open_interest[part],
            today.open_interest[part],
            base[part],
            of_name[part],
            earlier,
            of_expiry[part],
            beside[part],
            moves,
            places.underlying[part],
            places.expiry[part],
            today.day,
            moneyness[part],
            places.call[part],
            earnings,
            log_price[part],
            np.array(features.WINDOWS),
            tables.coefficients,
            tables.tails,
            tables.starts,
            tables.shapes,
            tables.knots,
            tables.calibrated,
            mean[part],
            surprises[:, part],
        )

    in_parts(judge, count)
    by_now = np.where(places.expiry <= today.day, share[1], share[0])
    return predicted, mean * by_now, _charged(surprises, model.memory.beyond_usual(busy), places.underlying)


def _charged(
    surprises: NDArray[np.float64], beyond: NDArray[np.float64], underlying: NDArray[np.int32]
) -> NDArray[np.float64]:
    """The surprises of names that are busier than the fit has often seen, charged for what it cannot know of them."""
    if not beyond.any():
        return surprises
    charge = (_CHARGE_OF_BUSY * beyond)[underlying]
    for surprise in surprises:
        np.maximum(np.subtract(surprise, charge, out=surprise), 0.0, out=surprise)
    return surprises


def _columns(
    contracts: pl.DataFrame,
    volume: NDArray[np.float64],
    mean: NDArray[np.float64],
    predicted: NDArray[np.floating],
    surprises: NDArray[np.float64],
    own: NDArray[np.bool_],
) -> pl.DataFrame:
    """The scored columns; null with a reason where the volume is not known."""
    judged = np.isfinite(volume)
    everything = bool(judged.all())

    def known(values: NDArray[np.float64]) -> pl.Series:
        return pl.Series(values) if everything else pl.Series(np.where(judged, values, np.nan)).fill_nan(None)

    combined = surprises[3] if everything else np.where(judged, surprises[3], np.nan)
    is_judged = pl.Series(judged, dtype=pl.Boolean)
    return contracts.with_columns(
        volume_expected=pl.Series(mean),
        volume_usual=pl.Series(np.expm1(np.maximum(predicted, 0.0)), dtype=pl.Float64),
        volume_multiple=known((volume + _PRIOR_VOLUME) / (mean + _PRIOR_VOLUME)),
        volume_surprise=known(surprises[0]),
        volume_surprise_3=known(surprises[1]),
        volume_surprise_5=known(surprises[2]),
        combined_surprise=known(surprises[3]),
        volume_q=known(benjamini_hochberg(combined)),
        baseline_kind=pl.when(is_judged).then(
            pl.when(pl.Series(own, dtype=pl.Boolean)).then(pl.lit("own")).otherwise(pl.lit("prior"))
        ),
        surprise_reason=pl.when(~is_judged).then(pl.lit(_NOT_KNOWN)),
    )


def _past_volume(today: Today) -> list[pl.Series]:
    """Plain averages of the contract's own past, null where it has none, and whether it is newly listed."""
    recent, listed = today.recent, today.recent.listed
    names = np.zeros(len(today.names), bool)
    names[today.places.underlying[listed]] = True
    known_name = names[today.places.underlying]
    fresh = pl.Series("new_strike", ~listed, dtype=pl.Boolean)
    averages = [
        pl.Series(name, recent.averages[:, column], dtype=pl.Float64).fill_nan(None)
        for column, name in enumerate(_AVERAGES)
    ]
    sessions = pl.Series("history_sessions", recent.sessions, dtype=pl.Int64)
    return [*averages, sessions, fresh if known_name.all() else fresh.set(pl.Series(~known_name), None)]


def _opening(model: VolumeModel, contracts: pl.DataFrame, today: Today) -> pl.Series:
    """The chance that a volume opens positions; null for a small one, on the last day, or without open interest."""
    days = today.places.expiry - today.day
    with np.errstate(invalid="ignore"):
        judged = (today.volume >= opening.LEAST_LOTS) & (days >= 1) & np.isfinite(today.open_interest)
    rows = np.flatnonzero(judged)
    candidates = contracts[rows]
    delta = _numbers(candidates, "delta") if "delta" in candidates.columns else np.full(len(rows), np.nan)
    price = _numbers(candidates, "mid") if "mid" in candidates.columns else np.full(len(rows), np.nan)
    design = opening.design(today.volume[rows], today.open_interest[rows], delta, days[rows], price)
    chance = np.full(len(judged), np.nan)
    chance[rows] = opening.opening_chance(design, model.learned.opening)
    return pl.Series("opening_chance", chance).fill_nan(None)


def _numbers(contracts: pl.DataFrame, column: str) -> NDArray[np.float64]:
    """A numeric column with NaN for null."""
    values = contracts[column].cast(pl.Float64)
    return (values.fill_null(np.nan) if values.null_count() else values).to_numpy()


def _spots(contracts: pl.DataFrame, places: Places, names: int, day: int) -> NDArray[np.float64]:
    """Spot of every name: what its rows tell, else what put-call parity says of its nearest expiry, else its deltas.

    Carrying yesterday's price forward instead would make the strikes at the money of a day that moved look far away.
    """
    spot = _numbers(contracts, "spot")
    if "forward" in contracts.columns:
        implied = _numbers(contracts, "forward") * _numbers(contracts, "discount")
        spot = np.where(np.isfinite(spot), spot, implied)
    told = np.flatnonzero(np.isfinite(spot))[::-1]
    result = np.full(names, np.nan)
    result[places.underlying[told]] = spot[told]
    for iv, delta in (("iv", "delta"), ("vendor_iv", "vendor_delta")):
        if {iv, delta} <= set(contracts.columns) and np.isnan(result).any():
            deltas = _numbers(contracts, delta)
            result = fill_spot(result, places, _numbers(contracts, iv), deltas, places.expiry - day)
    return result


def _earnings(names: tuple[str, ...], day: int, events: pl.DataFrame | None) -> NDArray[np.float32]:
    """1 for every name with an earnings date within a day of the session."""
    if events is None or events.is_empty():
        return np.zeros(len(names), np.float32)
    near = events.filter((pl.col("kind") == "earnings") & ((pl.col("date").to_physical() - day).abs() <= 1))
    return np.isin(names, near["underlying"].to_numpy()).astype(np.float32)
