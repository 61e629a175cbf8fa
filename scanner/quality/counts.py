"""What a chain says about itself and about the sessions before it: the counts that the quality gate decides on.

One row for each underlying, found for all underlyings of a chain frame at once.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.history.panel import Panel
from scanner.history.same_session import gathered, rows_in
from scanner.kernels.columns import floats, nullable
from scanner.kernels.groups import Groups
from scanner.market.calendar import NEW_YORK
from scanner.quality.implied_spots import implied_spots

# How many past sessions a chain is compared with. Past that, a feed that changed its shape for good is the new normal.
LOOK_BACK = 5
# Sessions of the exchange; what lies further back tells nothing of today's listing.
FURTHEST_BACK = 10
_TRADE_DAY = pl.col("last_trade_time").dt.convert_time_zone(str(NEW_YORK)).dt.date()
_TRADED = pl.col("volume") > 0
_TWO_SIDED = (pl.col("bid") > 0) & (pl.col("ask") > 0)
# No option is worth more than what it delivers: a call the underlying, a put its strike.
_MOST = pl.when(pl.col("right") == "C").then("spot").otherwise("strike")


def session_volume() -> pl.Expr:
    """Volume of the session itself: a contract whose last trade lies before the session has not traded in it.

    Some vendors leave the volume of the day a contract last traded in place until it trades again.
    """
    carried = _TRADED & (pl.col("session_date") > _TRADE_DAY)
    return pl.when(carried).then(0).otherwise(pl.col("volume")).cast(pl.Int64).alias("volume")


def gather(chain: pl.DataFrame, panel: Panel, previous: pl.DataFrame | None) -> pl.DataFrame:
    """All evidence on a chain frame: one row for each underlying, in name order; null where there is none."""
    chain = chain.with_columns(raw_volume="volume", day=_TRADE_DAY).with_columns(session_volume())
    found = chain.group_by("underlying").agg(_own())
    for more in (implied_spots(chain), _against_snapshot(chain, previous), _against_past(chain, panel)):
        found = found.join(more, on="underlying", how="left")
    return found.sort("underlying")


def _own() -> list[pl.Expr]:
    """What the chain says by itself."""
    dated = (pl.col("raw_volume") > 0) & pl.col("day").is_not_null()
    quoted = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    known = pl.any_horizontal(pl.col("volume", "open_interest", "bid", "ask", "last").is_not_null())
    zero = pl.max_horizontal(pl.col("bid", "ask").fill_null(0.0)) == 0
    named = {
        "session_date": pl.col("session_date").first(),
        "quote_time": pl.col("quote_time").max(),
        "oi_asof": pl.col("oi_asof").max(),
        "known": known.sum(),
        "expired": (pl.col("expiry") < pl.col("session_date")).sum(),
        "volume": pl.col("raw_volume").sum(),
        "newest_trade": pl.col("day").filter(dated).max(),
        "later_share": (pl.col("day") > pl.col("session_date")).filter(dated).mean(),
        "quoted": quoted.sum(),
        "zero_quoted": (quoted & zero).sum(),
        "two_sided": _TWO_SIDED.sum(),
        "crossed": (_TWO_SIDED & (pl.col("bid") > pl.col("ask"))).sum(),
        "absurd": (_TWO_SIDED & ~pl.col("nonstandard") & (pl.col("bid") > _MOST)).sum(),
        "spot": pl.col("spot").drop_nulls().first(),
        "least_strike": pl.col("strike").filter(~pl.col("nonstandard")).min(),
        "most_strike": pl.col("strike").filter(~pl.col("nonstandard")).max(),
    }
    return [expression.alias(name) for name, expression in named.items()]


def _against_snapshot(chain: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    """How far cumulative volume fell since the snapshot before in the same session."""
    if previous is None or previous.is_empty():
        return pl.DataFrame(schema={"underlying": pl.String, "fell": pl.Int64, "fell_rows": pl.UInt32})
    rows = rows_in(previous, chain)
    before = gathered(previous.select(session_volume()).to_series(), rows)
    same = pl.col("session_date") == gathered(previous["session_date"], rows)
    fall = (pl.col("before") - pl.col("volume")).clip(0)
    return (
        chain.select("underlying", "volume", before=before, same=same)
        .filter("same")
        .group_by("underlying")
        .agg(
            fell=fall.sum(),
            fell_rows=(fall > 0).sum(),
            before_volume=pl.col("before").sum(),
            before_rows=(pl.col("before") > 0).sum(),
        )
    )


def _against_past(chain: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """Comparisons with the newest sessions of the panel."""
    rows = panel.rows_of(chain)
    newest = chain.select(pl.col("session_date").min()).item()
    between, before = panel.calendar.sessions_between, newest - timedelta(days=1)
    back = (len(between(day, before)) for day in panel.sessions[-LOOK_BACK:])
    recent = sum(count <= FURTHEST_BACK for count in back)
    columns = range(len(panel.sessions) - 1, len(panel.sessions) - 1 - recent, -1)
    open_interest = floats(chain["open_interest"]).astype(np.float32)
    names, known = Groups.of(chain, ("underlying",)), Groups.of(panel.contracts, ("underlying",))
    remembered = pl.concat(
        [_newest_column(known, panel, columns), _usual_volume(known, panel, columns)], how="horizontal"
    )
    found = names.keys.join(remembered, on="underlying", how="left", maintain_order="left")
    found = found.with_columns(
        chain["session_date"].gather(names.firsts()),
        pl.Series("oi_session", panel.sessions, dtype=pl.Date).gather(found["column"]),
        **_repeats(names, chain, panel, rows, columns, open_interest),
        **_open_interest(names, found["column"], panel, rows, open_interest),
    )
    missing = _missing(panel, rows, found.drop_nulls("column"))
    return found.join(missing, on="underlying", how="left").drop("column", "session_date")


def _repeats(
    names: Groups,
    chain: pl.DataFrame,
    panel: Panel,
    rows: npt.NDArray[np.int32],
    columns: range,
    open_interest: npt.NDArray[np.float32],
) -> dict[str, pl.Series]:
    """The past session whose volumes a name is most alike to, by the share of traded contracts that agree.

    A repeat holds the trades of its own newest day, whatever its label, so volumes from before that day are left out.
    """
    carried = pl.col("day") < pl.col("day").max().over("underlying")
    dated = pl.when(carried).then(0).otherwise(pl.col("raw_volume"))
    volume = floats(chain.select(dated).to_series()).astype(np.float32)
    share, traded = np.full((len(columns), len(names)), -1.0), np.zeros((len(columns), len(names)), np.int64)
    other_oi = np.zeros_like(traded)
    for place, column in enumerate(columns):
        old_volume, old_oi = at(panel.volume, rows, column), at(panel.open_interest, rows, column)
        # A session that is not trusted is all NaN, and is like nothing.
        both = ((volume > 0) | (old_volume > 0)) & np.isfinite(old_volume)
        same_oi = (open_interest == old_oi) | (np.isnan(open_interest) & np.isnan(old_oi))
        traded[place], other_oi[place] = names.count(both), names.count(both & ~same_oi)
        np.divide(names.count(both & (volume == old_volume)), traded[place], out=share[place], where=traded[place] > 0)
    if not len(columns):
        return {}
    best, every = share.argmax(axis=0), np.arange(len(names))
    there = pl.Series(traded[best, every] > 0)
    sessions = pl.Series([panel.sessions[column] for column in columns], dtype=pl.Date)
    values = {
        "like_session": sessions.gather(best),
        "like_share": pl.Series(share[best, every]),
        "like_traded": pl.Series(traded[best, every]),
        "like_oi": pl.Series(other_oi[best, every] == 0),
    }
    return {name: column.set(~there, None) for name, column in values.items()}


def _open_interest(
    names: Groups,
    newest: pl.Series,
    panel: Panel,
    rows: npt.NDArray[np.int32],
    open_interest: npt.NDArray[np.float32],
) -> dict[str, npt.NDArray[np.generic]]:
    """Open interest beside that of the ``newest`` past session (column of the panel) which has some, by name."""
    column_of = newest.fill_null(-1).to_numpy()[names.numbers()]
    here = (rows >= 0) & (column_of >= 0)
    old_oi, old_volume = np.full((2, len(rows)), np.nan, np.float32)
    old_oi[here] = panel.open_interest[rows[here], column_of[here]]
    old_volume[here] = panel.volume[rows[here], column_of[here]]
    change = open_interest - old_oi
    changed = np.isfinite(change) & (change != 0)
    return {
        "compared": names.count(np.isfinite(change)),
        "changed": names.count(changed),
        "traded_then": names.count(old_volume > 0),
        "impossible": names.count(change > old_volume),
        "changed_beside_volume": names.count(changed & np.isfinite(old_volume)),
        "oi_now": np.nan_to_num(names.sums(open_interest.astype(np.float64), np.isfinite(old_oi))),
        "oi_then": np.nan_to_num(names.sums(old_oi.astype(np.float64))),
        "live_here": names.count(old_oi > 0),
    }


def _missing(panel: Panel, rows: npt.NDArray[np.int32], names: pl.DataFrame) -> pl.DataFrame:
    """Contracts with open interest in the newest past session that have not expired and are not in the chain."""
    absent = np.ones(panel.contracts.height, bool)
    absent[rows[rows >= 0]] = False
    gone = (
        panel.contracts["underlying", "expiry"]
        .with_columns(row=pl.Series(np.arange(len(absent))))
        .filter(pl.Series(absent))
    )
    of_names = names.select("underlying", "column", "session_date")
    gone = gone.join(of_names, on="underlying").filter(pl.col("expiry") >= pl.col("session_date"))
    held = panel.open_interest[gone["row"].to_numpy(), gone["column"].to_numpy()]
    return gone.filter(pl.Series(held > 0)).group_by("underlying").agg(missing=pl.len())


def _newest_column(known: Groups, panel: Panel, columns: range) -> pl.DataFrame:
    """``underlying column``: of each name that is known, the newest column that holds any open interest of it."""
    found = np.full(len(known), -1)
    for column in reversed(columns):
        found[known.any(np.isfinite(panel.open_interest[:, column]))] = column
    return known.keys.with_columns(column=pl.Series(found).set(pl.Series(found < 0), None))


def _usual_volume(known: Groups, panel: Panel, columns: range) -> pl.DataFrame:
    """``least_volume known_sessions``: the smallest total among the past sessions, and how many of them are known."""
    totals = np.full((len(columns) + 1, len(known)), np.nan)
    for place, column in enumerate(columns):
        totals[place] = known.sums(panel.volume[:, column].astype(np.float64))
    return pl.DataFrame(
        [nullable("least_volume", np.fmin.reduce(totals)), pl.Series("known_sessions", np.isfinite(totals).sum(axis=0))]
    )


def at(matrix: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], column: int) -> npt.NDArray[np.float32]:
    """One column of a panel's matrix for each chain row; NaN where the contract is not in the panel."""
    if not len(matrix):
        return np.full(len(rows), np.nan, np.float32)
    values: npt.NDArray[np.float32] = matrix[rows, column]
    values[rows < 0] = np.nan
    return values
