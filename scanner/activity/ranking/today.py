"""Today's contracts ranked: how often as much comes on this watchlist, and which of them tell one story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.opening import Traded, opening_chance
from scanner.activity.ranking.keys import Day, Listing, five_sessions, keys
from scanner.activity.ranking.past import Past
from scanner.activity.ranking.rates import LEAST_SESSIONS
from scanner.activity.ranking.stories import linked
from scanner.activity.rehearsal import usual_volume
from scanner.fields import FAMILIES
from scanner.history.panel import Panel
from scanner.kernels.columns import floats, integers, nullable, run_numbers
from scanner.kernels.groups import Groups
from scanner.market.levels import NAME

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


def rank(
    contracts: pl.DataFrame, completed: pl.Series, panel: Panel, model: VolumeModel, names: Groups | None = None
) -> pl.DataFrame:
    """Add ``once_in_sessions family story premium_surprise volume_5 volume_usual_5 opening_chance`` to a scored chain.

    ``contracts`` is sorted by root, expiry, strike and right and has ``roll_suspect``; ``completed`` is the volume as
    the session would end if the rest of it went as usual. Rows and order stay. ``once_in_sessions`` is 0 where a
    contract takes part in no family, null where its volume is not known and everywhere while fewer than six sessions
    could be ranked; ``family`` is the one it is rarest in; ``story`` numbers what is told together, null for what has
    no key. ``names`` are the contracts by name, where they are known.
    """
    names = names or Groups.of(contracts, NAME)
    listing, count = _listing(contracts, completed, panel, model, names)
    layout, past = model.layout, model.past
    usual = np.full(count, np.nan)
    usual[: len(panel.underlyings)] = usual_volume(layout, layout.sessions)
    day = Day.of(listing, layout.panel.volume, layout.panel.open_interest, layout.sessions, usual)
    few, name = contracts.select(name for name in _LOOKED_AT if name in contracts.columns)[day.at], listing.name[day.at]
    rolled = few["roll_suspect"].fill_null(value=False).to_numpy()
    chance = opening_chance(_traded(few, listing, day), model.learned.opening)
    found = keys(listing, day, model.sizes.with_room(count), chance, rolled)
    told = np.asarray(np.isfinite(found).any(axis=0))
    rates = _rates(found, past, len(names))
    family = np.where(told, np.argmin(np.nan_to_num(rates, nan=np.inf), axis=0), -1)
    story = _stories(contracts, few, day, told)
    in_five, usually = five_sessions(listing.volume[day.at], day.past)
    nothing = np.full(contracts.height, np.nan)
    counted = past is not None and past.counted is not None
    rare_in_none = np.where(contracts["combined_surprise"].is_not_null(), 0.0, np.nan) if counted else nothing
    # All others have no place among those that are ranked.
    places = np.full(contracts.height, -1)
    places[day.at] = np.arange(len(day.at))
    place = pl.Series(places).set(pl.Series(places < 0), None)
    return contracts.hstack(
        [
            _spread("once_in_sessions", 1.0 / np.fmin.reduce(rates, axis=0), day.at, rare_in_none),
            pl.Series("family", FAMILIES).gather(pl.Series(family).set(pl.Series(family < 0), None)).gather(place),
            story.gather(place),
            _spread("premium_surprise", _money(few["premium"], story, name, past), day.at, nothing),
            pl.Series("volume_5", in_five).cast(pl.Int64).gather(place),
            _spread("volume_usual_5", usually, day.at, nothing),
            _spread("opening_chance", chance, day.at, nothing),
        ]
    )


def _spread(name: str, values: NDArray[np.float64], at: NDArray[np.int64], others: NDArray[np.float64]) -> pl.Series:
    """A column of all rows: ``values`` of those ``at``, and ``others`` where there are none; null for NaN."""
    whole = others.copy()
    whole[at] = np.where(np.isnan(values), whole[at], values)
    return nullable(name, whole)


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


def _money(premium: pl.Series, story: pl.Series, name: NDArray[np.int64], past: Past | None) -> NDArray[np.float64]:
    """How rare the premium of the whole story is for the name, for each of its contracts; NaN where not known."""
    if past is None:
        return np.full(len(story), np.nan)
    together = pl.when(pl.col("story").is_not_null()).then(pl.col("premium").sum().over("story"))
    summed = pl.DataFrame({"premium": premium, "story": story}).select(together).to_series()
    return past.premiums.surprise(floats(summed), name)


def _listing(
    contracts: pl.DataFrame, completed: pl.Series, panel: Panel, model: VolumeModel, names: Groups
) -> tuple[Listing, int]:
    """The chain as arrays, and how many names there are; those that the panel does not know come last."""
    known = model.layout.panel.underlyings
    listed = names.keys["underlying"].to_list()
    numbered = {name: number for number, name in enumerate((*known, *sorted(set(listed) - set(known))))}
    listing = Listing(
        panel.rows_of(contracts),
        np.array([numbered[name] for name in listed], np.int64)[names.numbers()],
        run_numbers(contracts["root", "expiry"]),
        (contracts["right"] == "C").to_numpy(),
        (integers(contracts["expiry"]) - integers(contracts["session_date"])).astype(np.int64),
        floats(contracts["volume"]),
        floats(completed),
        floats(contracts["open_interest"]),
        floats(contracts["volume_surprise"]),
        floats(contracts["volume_surprise_5"]),
    )
    return listing, len(numbered)
