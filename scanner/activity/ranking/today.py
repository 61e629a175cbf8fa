"""Today's contracts ranked: how often as much comes on this watchlist, and which of them tell one story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.opening import Traded, opening_chance
from scanner.activity.ranking.keys import Day, Listing, five_sessions, keys
from scanner.activity.ranking.money import surprise_of
from scanner.activity.ranking.past import Past
from scanner.activity.ranking.rates import LEAST_SESSIONS
from scanner.activity.ranking.stories import linked
from scanner.activity.rehearsal import sizes_before, usual_volume
from scanner.fields import FAMILIES
from scanner.history.panel import Panel
from scanner.kernels.columns import floats, nullable, run_numbers

if TYPE_CHECKING:
    from scanner.activity import VolumeModel

# How the places of a list are shared out: among the families, and what is left to alerts of whole names and expiries.
SHARES = (0.53, 0.30, 0.12)
WIDE_SHARE = 0.05
# What is looked at of the contracts that are ranked: of a hundred columns no others are copied.
_LOOKED_AT = (
    *("underlying", "root", "expiry", "strike", "right", "volume", "combined_surprise", "premium"),
    *("roll_suspect", "delta", "mid"),
)


def rank(contracts: pl.DataFrame, completed: pl.Series, panel: Panel, model: VolumeModel) -> pl.DataFrame:
    """Add ``once_in_sessions family story premium_surprise volume_5 volume_usual_5 opening_chance`` to a scored chain.

    ``contracts`` is sorted by root, expiry, strike and right and has ``roll_suspect``; ``completed`` is the volume as
    the session would end if the rest of it went as usual. Rows and order stay. ``once_in_sessions`` is 0 where a
    contract takes part in no family, null where its volume is not known and everywhere while fewer than six sessions
    could be ranked; ``family`` is the one it is rarest in; ``story`` numbers what is told together, null for what has
    no key.
    """
    listing, names = _listing(contracts, completed, panel, model)
    layout, past = model.layout, model.past
    usual = np.full(names, np.nan)
    usual[: len(panel.underlyings)] = usual_volume(layout, layout.sessions)
    day = Day.of(listing, layout.panel.volume, layout.panel.open_interest, layout.sessions, usual)
    few, name = contracts.select(name for name in _LOOKED_AT if name in contracts.columns)[day.at], listing.name[day.at]
    sizes = sizes_before(layout, layout.sessions, names - len(panel.underlyings))
    rolled = few["roll_suspect"].fill_null(value=False).to_numpy()
    chance = opening_chance(_traded(few, listing, day), model.learned.opening)
    found = keys(listing, day, sizes, chance, rolled)
    told = np.asarray(np.isfinite(found).any(axis=0))
    rates = _rates(found, past, len(np.unique(listing.name)))
    family = np.where(told, np.argmin(np.nan_to_num(rates, nan=np.inf), axis=0), -1)
    story = _stories(contracts, few, day, told)
    in_five, usually = five_sessions(listing.volume[day.at], day.past)
    ranked = pl.DataFrame(
        {
            "once_in_sessions": nullable("once_in_sessions", 1.0 / np.fmin.reduce(rates, axis=0)),
            "family": pl.Series([None if number < 0 else FAMILIES[number] for number in family], dtype=pl.String),
            "story": story,
            "premium_surprise": _money(few["premium"], story, name, past),
            "volume_5": pl.Series(in_five).cast(pl.Int64),
            "volume_usual_5": usually,
            "opening_chance": nullable("opening_chance", chance),
        }
    )
    # All others are ranked by a row of nulls behind these.
    place = np.full(contracts.height, ranked.height)
    place[day.at] = np.arange(ranked.height)
    whole = contracts.hstack(pl.concat([ranked, ranked.clear(1)])[place])
    if past is None or past.counted is None:
        return whole
    nothing_rare = pl.when(pl.col("combined_surprise").is_not_null()).then(0.0)
    return whole.with_columns(pl.coalesce("once_in_sessions", nothing_rare))


def unranked(model: VolumeModel, names: pl.Series) -> pl.DataFrame:
    """Why nothing can be said of how often as much comes: ``underlying field reason``; no rows where it can."""
    past = model.past
    ranked = 0 if past is None else int(past.sessions.max(initial=0))
    reason = f"{ranked} of {LEAST_SESSIONS} sessions to count over"
    names = names.cast(pl.String).sort() if past is None or past.counted is None else names.cast(pl.String).head(0)
    columns = {"field": "once_in_sessions", "reason": reason}
    return pl.DataFrame({"underlying": names}).with_columns(
        pl.lit(value).alias(name) for name, value in columns.items()
    )


def _traded(few: pl.DataFrame, listing: Listing, day: Day) -> Traded:
    """What is known of the volumes of a day's contracts, for the chance that they open positions."""
    at, unknown = day.at, np.full(len(day.at), np.nan)
    delta, price = (floats(few[name]) if name in few.columns else unknown for name in ("delta", "mid"))
    return Traded(
        listing.volume[at],
        listing.open_interest[at],
        delta,
        listing.days[at],
        price,
        day.opened,
        day.mean,
        listing.surprise[at],
        day.beside,
    )


def _rates(found: NDArray[np.float64], past: Past | None, names: int) -> NDArray[np.float64]:
    """Stories as rare a session on the whole list, by family, shape (families, rows)."""
    counted = None if past is None else past.counted
    if past is None or counted is None:
        return np.full_like(found, np.nan)
    more = max(names / past.names_counted, 1.0)
    rates = [of.rate(mine) * more / share for of, mine, share in zip(counted, found, SHARES, strict=True)]
    return np.maximum(np.stack(rates), 1e-6)


def _stories(contracts: pl.DataFrame, few: pl.DataFrame, day: Day, told: NDArray[np.bool_]) -> pl.Series:
    """The number of the story of every contract of a day; null for one that has no key."""
    place = pl.Series("place", run_numbers(contracts["root", "expiry", "strike"])[day.at])
    rows = few.with_columns(place, surprise=pl.col("combined_surprise"))
    story = np.full(len(told), -1, np.int64)
    story[told] = linked(rows.filter(pl.Series(told)))
    return pl.Series("story", story, dtype=pl.Int64).replace(-1, None)


def _money(premium: pl.Series, story: pl.Series, name: NDArray[np.int64], past: Past | None) -> pl.Series:
    """How rare the premium of the whole story is for the name, for each of its contracts."""
    if past is None:
        return pl.Series([None] * len(story), dtype=pl.Float64)
    together = pl.when(pl.col("story").is_not_null()).then(pl.col("premium").sum().over("story"))
    summed = pl.DataFrame({"premium": premium, "story": story}).with_columns(premium=together)
    return nullable("premium_surprise", surprise_of(floats(summed["premium"]), name, past.money))


def _listing(contracts: pl.DataFrame, completed: pl.Series, panel: Panel, model: VolumeModel) -> tuple[Listing, int]:
    """The chain as arrays, and how many names there are; those that the panel does not know come last."""
    known = model.layout.panel.underlyings
    fresh = sorted(set(contracts["underlying"].unique()) - set(known))
    numbered = {name: number for number, name in enumerate((*known, *fresh))}
    listing = Listing(
        panel.rows_of(contracts),
        contracts["underlying"].replace_strict(numbered, return_dtype=pl.Int64).to_numpy(),
        run_numbers(contracts["root", "expiry"]),
        (contracts["right"] == "C").to_numpy(),
        contracts.select((pl.col("expiry") - pl.col("session_date")).dt.total_days()).to_series().to_numpy(),
        floats(contracts["volume"]),
        floats(completed),
        floats(contracts["open_interest"]),
        floats(contracts["volume_surprise"]),
        floats(contracts["volume_surprise_5"]),
    )
    return listing, len(numbered)
