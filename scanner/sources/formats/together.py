"""Chains of many names at once: those of a table about which there is nothing to say.

One name's rows are small, and building its chain costs the same whether it has ten rows or ten thousand; a whole market
has thousands of names. So what :mod:`scanner.sources.formats.building` asks of each chain is asked here of all chains
of a table together. Those that pass unchanged become one frame for each session and moment; a chain of which a single
row is odd is left to be built by itself, with everything that is to be reported of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.errors import ChainError
from scanner.kernels.columns import floats
from scanner.kernels.groups import Groups
from scanner.market import chain, products
from scanner.market.chain import distinct
from scanner.market.parts import UNQUOTED_SHARE, is_quoted, without_empty_quotes
from scanner.sources.formats import building, plausible
from scanner.sources.formats.building import KEY, Payload


@dataclass(frozen=True)
class Together:
    """Finished chains, all names of a session and moment in one frame, and the rows of all other chains."""

    chains: tuple[pl.DataFrame, ...]
    rest: pl.DataFrame


def build(rows: pl.DataFrame, payload: Payload) -> Together:
    """The chains of a clean table (:func:`~scanner.sources.formats.building.keyed`) that can be built together.

    Each is row for row what building it alone gives, with nothing to report.
    """
    groups = Groups.of(rows, list(KEY))
    told = _told(rows, groups, payload)
    usual = told.filter(pl.col("moment").is_not_null())
    if usual.is_empty():
        return Together((), rows)
    chains: list[pl.DataFrame] = []
    rest: list[pl.DataFrame] = []
    of_key = told[groups.numbers()]
    odd = of_key["moment"].is_null()
    if odd.any():
        rest.append(rows.filter(odd))
    moments = usual.select("session_date", "moment").unique().sort("session_date", "moment")
    for session, moment in moments.iter_rows():
        if moments.height == 1 and not rest:
            mine, dated = rows, of_key["open_interest_of"]
        else:
            chosen = (of_key["session_date"] == session) & (of_key["moment"] == moment)
            chosen = chosen.fill_null(value=False)
            mine, dated = rows.filter(chosen), of_key["open_interest_of"].filter(chosen)
        built, left = _conformed(_completed(mine, dated, moment, payload), mine, payload)
        chains += built
        rest += left
    return Together(tuple(chains), pl.concat(rest).sort("line") if rest else rows.clear())


def _told(rows: pl.DataFrame, groups: Groups, payload: Payload) -> pl.DataFrame:
    """Of each key ``session_date moment open_interest_of``; without a moment where its chain is built by itself."""
    keys = groups.keys.rows()
    indices = {name for name in distinct(groups.keys["underlying"]) if products.index_roots(name)}
    timed = [
        session is not None and quoted is not None and seen is None and name not in indices
        for name, session, quoted, seen in keys
    ]
    usual = np.flatnonzero(_usual(rows, groups, np.array(timed, np.bool_))).tolist()
    dated = {
        (session, quoted): building.open_interest_session(quoted, payload.calendar)
        for session, quoted in dict.fromkeys(keys[number][1:3] for number in usual)
        if payload.calendar.is_covered(session) and not building.not_yet(session, quoted, payload, timed=True)
    }
    told: list[tuple[datetime, date | None] | None] = [None] * len(groups)
    of_moment: dict[tuple[str, date, datetime], int] = {}
    for number in usual:
        name, session, quoted, _ = keys[number]
        if (session, quoted) in dated:
            moment = building.stamped(quoted, session, name, payload.calendar, label=True)
            other = of_moment.setdefault((name, session, moment), number)
            told[number] = (moment, dated[session, quoted])
            if other != number:
                # Two payloads from after the close describe one moment, and stay two chains.
                told[number] = told[other] = None
    return pl.DataFrame(
        [
            groups.keys["session_date"],
            pl.Series("moment", [one and one[0] for one in told], dtype=chain.INSTANT),
            pl.Series("open_interest_of", [one and one[1] for one in told], dtype=pl.Date),
        ]
    )


def _usual(rows: pl.DataFrame, groups: Groups, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of which of the keys asked for :func:`~scanner.sources.formats.building.build` would have nothing to say.

    Most chains are plainly so by what each row says; only the others are looked at as a whole.
    """
    plain = _plainly_usual(rows, groups)
    look = asked & ~plain
    if look.any():
        looked = rows.filter(look[groups.numbers()])
        found = looked.group_by(list(KEY), maintain_order=True).agg(
            pl.all_horizontal(_nothing_odd(rows)).alias("_usual")
        )
        plain[look] = found["_usual"].fill_null(value=False).to_numpy()
    return asked & plain


def _plainly_usual(rows: pl.DataFrame, groups: Groups) -> NDArray[np.bool_]:
    """Of which keys each row by itself tells that nothing in ``_nothing_odd`` is."""
    number = groups.numbers()
    day, expiry = floats(rows["session_date"].cast(pl.Int32)), floats(rows["expiry"].cast(pl.Int32))
    odd = ~((expiry >= day) & (expiry <= day + plausible.LONGEST_YEARS * 365))
    if "oi_asof" in rows.columns:
        # Of what is not known no comparison holds.
        asof = floats(rows["oi_asof"].cast(pl.Int32))
        odd |= (asof < day - plausible.OLDEST_DAYS) | (asof > day)
    dearest = floats(rows["strike"])
    if "spot" in rows.columns:
        spot = floats(rows["spot"])
        first = spot[groups.firsts()][number]
        odd |= ~((spot > 0) & (spot == first) | np.isnan(spot) & np.isnan(first))
        dearest = np.fmax(dearest, spot)
    for name in plausible.PRICES:
        if name in rows.columns:
            odd |= floats(rows[name]) > plausible.TIMES_ITS_WORTH * dearest
    if "vendor_iv" in rows.columns:
        odd |= floats(rows["vendor_iv"]) > plausible.SELDOM_ABOVE
    usual = ~groups.any(odd)
    if {"bid", "ask"} <= set(rows.columns):
        bid, ask = floats(rows["bid"]), floats(rows["ask"])
        given = ~(np.isnan(bid) & np.isnan(ask))
        nothing = given & (np.isnan(bid) | (bid == 0)) & (np.isnan(ask) | (ask == 0))
        usual &= groups.count(nothing) < UNQUOTED_SHARE * groups.count(given)
    return usual


def _nothing_odd(rows: pl.DataFrame) -> list[pl.Expr]:
    """What :func:`~scanner.sources.formats.building.build` would have nothing to say of, as expressions of a group."""
    session = pl.col("session_date").first()
    last = pl.date(session.dt.year() + plausible.LONGEST_YEARS + 1, 12, 31)
    usual = [(pl.col("expiry").min() >= session) & (pl.col("expiry").max() <= last)]
    spot = pl.lit(None, dtype=pl.Float64)
    if "oi_asof" in rows.columns:
        usual.append(
            pl.col("oi_asof")
            .is_between(session - pl.duration(days=plausible.OLDEST_DAYS), session)
            .all(ignore_nulls=True)
        )
    if "spot" in rows.columns:
        spot, middle = pl.col("spot"), pl.col("spot").median()
        most = middle * plausible.TIMES_THE_USUAL_SPOT
        usual.append(spot.is_between(middle / plausible.TIMES_THE_USUAL_SPOT, most).all(ignore_nulls=True))
    worth = plausible.TIMES_ITS_WORTH * pl.max_horizontal("strike", spot, pl.col("strike").median())
    usual += [~(pl.col(name) > worth).any() for name in plausible.PRICES if name in rows.columns]
    if "vendor_iv" in rows.columns:
        given = pl.col("vendor_iv")
        usual.append(
            (given.max() <= plausible.NEVER_BELOW_IN_PERCENT).fill_null(value=True)
            & (given.quantile(plausible.QUARTER) <= plausible.SELDOM_ABOVE).fill_null(value=True)
        )
    if {"bid", "ask"} <= set(rows.columns):
        usual.append(is_quoted())
    return usual


def _completed(rows: pl.DataFrame, dated: pl.Series, moment: datetime, payload: Payload) -> pl.DataFrame:
    """Rows of one session and moment with what building a chain adds to them."""
    given = pl.coalesce("oi_asof", "_asof") if "oi_asof" in rows.columns else pl.col("_asof")
    return (
        without_empty_quotes(rows)
        .with_columns(dated.alias("_asof"))
        .with_columns(oi_asof=pl.when(pl.col("open_interest").is_not_null()).then(given))
        .with_columns(
            source=pl.lit(payload.source),
            simulated=pl.lit(value=False),
            quote_time=pl.lit(moment).cast(chain.INSTANT),
        )
    )


def _conformed(
    rows: pl.DataFrame, given: pl.DataFrame, payload: Payload
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Rows as a chain, and the rows given that must be built by name: those of a name with a contract twice."""
    try:
        return [chain.conform(rows, payload.calendar)], []
    except ChainError:
        doubled = given["underlying"].filter(given["contract"].is_duplicated()).unique()
        odd = given["underlying"].is_in(doubled.implode())
        if not len(doubled) or odd.all():
            return [], [given]
    try:
        return [chain.conform(rows.filter(~odd), payload.calendar)], [given.filter(odd)]
    except ChainError:
        return [], [given]
