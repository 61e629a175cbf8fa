"""Stock prints off the exchanges ("dark pool"): how much, how large, and how rare the largest is.

Off-exchange is whatever is reported to a trade reporting facility: wholesalers that fill retail orders as well as
alternative trading systems. It is about half of a stock's volume and says nothing of a side; the largest single print
says that somebody moved so much at once. Prints whose price was made elsewhere or at another time (average price, prior
reference, contingent, derivatively priced, out of sequence) or in extended hours count as volume, and are no
largest one.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from scanner.errors import SourceError
from scanner.market.calendar import NEW_YORK
from scanner.tape.prints import NANOSECONDS, Problem, Tape

SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "simulated": pl.Boolean(),
        "session_date": pl.Date(),
        "underlying": pl.String(),
        "time": NANOSECONDS,
        "sequence": pl.Int64(),
        "price": pl.Float64(),
        "size": pl.Int64(),
        "off_exchange": pl.Boolean(),
        "regular": pl.Boolean(),
        "cancelled": pl.Boolean(),
    }
)
"""One row a stock print: ``price`` in dollars, ``size`` in shares; ``regular`` says that its price is of its moment."""

_REQUIRED = ("underlying", "time", "price", "size", "off_exchange")
_DEFAULTS = {"simulated": False, "regular": True, "cancelled": False}
# Sessions of a name before its largest print can be held against them, and sessions of all names beside it.
_OWN, _ALL = 5, 20


def conform(frame: pl.DataFrame, *, source: str) -> Tape:
    """Cast, complete, check and order stock prints; what cannot be one is refused and counted.

    ``frame`` has at least ``underlying time price size off_exchange``. Raises SourceError where a column is missing.
    """
    missing = [name for name in _REQUIRED if name not in frame.columns]
    if missing:
        raise SourceError(f"no stock prints: columns missing: {', '.join(missing)}", "malformed_tape")
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    try:
        frame = frame.with_columns(absent).with_columns(pl.col("time").cast(NANOSECONDS))
        day = pl.col("time").dt.convert_time_zone(str(NEW_YORK)).dt.date()
        frame = frame.with_columns(
            pl.coalesce(pl.col("source"), pl.lit(source)).alias("source"),
            pl.coalesce(pl.col("session_date").cast(pl.Date), day).alias("session_date"),
            *(pl.col(name).fill_null(value) for name, value in _DEFAULTS.items()),
        ).select(pl.col(name).cast(dtype, strict=False) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"no stock prints: a column has the wrong type: {error}", "malformed_tape") from error
    problems = []
    for code, reason, wrong in _REFUSED:
        found = frame.filter(wrong)
        if found.height:
            problems.append(Problem(code, f"refused, {reason}", found.height))
            frame = frame.filter(~wrong)
    numbered = frame["sequence"].is_not_null()
    again = (
        numbered & ~frame.select(pl.struct("underlying", "session_date", "sequence").is_first_distinct()).to_series()
    )
    if again.any():
        problems.append(Problem("duplicate", "refused, their number came before", int(again.sum())))
        frame = frame.filter(~again)
    return Tape(frame.sort("time", "sequence", maintain_order=True, nulls_last=True), tuple(problems))


_REFUSED = (
    ("no_name", "no name", (pl.col("underlying").str.len_chars() == 0).fill_null(value=True)),
    ("no_time", "no time", pl.col("time").is_null()),
    ("no_size", "no size, or none above 0", ~(pl.col("size") > 0).fill_null(value=False)),
    ("no_price", "no price, or none above 0", ~(pl.col("price") > 0).fill_null(value=False)),
    ("no_venue", "nothing tells whether they were off the exchanges", pl.col("off_exchange").is_null()),
)


def measure(prints: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """What stock prints of one session say, one row a name.

    ``prints`` have :data:`SCHEMA`; ``before`` has ``underlying session_date dark_pool_largest`` of earlier sessions.
    Returns ``underlying dark_pool_volume dark_pool_share dark_pool_largest dark_pool_surprise``. The share is null
    where there are no prints on exchanges to compare with, the surprise where too few sessions are known.
    """
    off, shares = pl.col("off_exchange"), pl.col("size")
    found = (
        prints.filter(~pl.col("cancelled"))
        .group_by("underlying")
        .agg(
            dark_pool_volume=shares.filter(off).sum(),
            dark_pool_share=pl.when((~off).any()).then(shares.filter(off).sum() / shares.sum()),
            dark_pool_largest=shares.filter(off & pl.col("regular")).max(),
        )
    )
    return found.with_columns(dark_pool_surprise=_surprise(found, before))


def _surprise(today: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """Minus the decimal logarithm of the chance of a largest print at least so many times the name's usual one.

    The usual one is the median of the name's earlier sessions; how many times it, is held against the same of all
    sessions known, each beside the others of its name: a rank among exchangeable ones, (1 + as large) / (1 + all).
    """
    usual, pool = dict[str, float](), list[float]()
    for (name,), rows in before.drop_nulls("dark_pool_largest").group_by("underlying"):
        sizes = rows["dark_pool_largest"].to_numpy().astype(np.float64)
        if len(sizes) >= _OWN:
            usual[str(name)] = float(np.median(sizes))
            pool += [size / float(np.median(np.delete(sizes, place))) for place, size in enumerate(sizes)]
    past = np.sort(pool)
    values: list[float | None] = []
    for name, largest in today.select("underlying", "dark_pool_largest").iter_rows():
        if largest is None or name not in usual or len(past) < _ALL:
            values.append(None)
            continue
        above = len(past) - np.searchsorted(past, largest / usual[name], side="left")
        values.append(-float(np.log10((1 + above) / (1 + len(past)))) + 0.0)
    return pl.Series(values, dtype=pl.Float64)
