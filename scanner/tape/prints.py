"""The column contract of a tape: one row a print.

Every source of a tape ends in this frame and everything later starts from it. Instants are whole nanoseconds and never
pass through a float. Rows are sorted by time and sequence. Null means that the source does not tell:

====================  ==================================================================================================
``source``            the vendor or file format the print came from
``simulated``         true for prints that no market ever made
``session_date``      the exchange's session, by its New York date
``underlying``        the stock, ETF or index
``contract``          compact OSI symbol
``time``              when the consolidated tape had it, UTC, nanoseconds
``sequence``          the tape's or the vendor's running number, unique within source and session; null: none is given
``price``             dollars for one share
``size``              contracts
``exchange``          the venue's market identifier code, or the vendor's own word for it; null: not told
``condition``         how it came about (:mod:`scanner.tape.conditions`); null: not told
``cancelled``         true where the source marks the print itself as cancelled later
``told_side``         ``buy`` or ``sell``: the aggressor's side as the source tells it; null: it does not
``bid`` ``ask``       the best quotes standing strictly before the print, dollars; null: not known
``bid_size`` ...      contracts at them; null: not known
``quote_time``        since when those quotes stood; null: not told
``underlying_price``  price of the underlying at the print, dollars; null: not known
====================  ==================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scanner.errors import SourceError
from scanner.market.calendar import NEW_YORK
from scanner.market.symbology import parse_osi_column, underlying_of
from scanner.tape.conditions import CODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

NANOSECONDS = pl.Datetime("ns", "UTC")
SIDES = pl.Enum(["buy", "sell"])
SCHEMA = pl.Schema(
    {
        "source": pl.Categorical(),
        "simulated": pl.Boolean(),
        "session_date": pl.Date(),
        "underlying": pl.Categorical(),
        "contract": pl.Categorical(),
        "time": NANOSECONDS,
        "sequence": pl.Int64(),
        "price": pl.Float64(),
        "size": pl.Int32(),
        "exchange": pl.Categorical(),
        "condition": CODES,
        "cancelled": pl.Boolean(),
        "told_side": SIDES,
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        "bid_size": pl.Int32(),
        "ask_size": pl.Int32(),
        "quote_time": NANOSECONDS,
        "underlying_price": pl.Float64(),
    }
)
REQUIRED = ("contract", "time", "price", "size")
_FALSE = ("simulated", "cancelled")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with prints: a stable ``code``, in words, how many, and the first of them.

    What concerns a tape as a whole is of 0 prints.
    """

    code: str
    reason: str
    prints: int
    example: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        if not self.prints:
            return self.reason
        shown = f", such as {self.example}" if self.example else ""
        return f"{self.prints:,} print{'' if self.prints == 1 else 's'}: {self.reason}{shown}"


@dataclass(frozen=True, slots=True)
class Tape:
    """Prints that obey the contract, and what was found wrong on the way: refused prints, and notes on others."""

    prints: pl.DataFrame
    problems: tuple[Problem, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether any print is of no market."""
        return bool(self.prints["simulated"].any())


def empty() -> pl.DataFrame:
    """A tape without prints."""
    return pl.DataFrame(schema=SCHEMA)


def conform(frame: pl.DataFrame, *, source: str) -> Tape:
    """Cast, complete, check and order prints so that they are a tape; what cannot be one is refused and counted.

    ``frame`` has at least contract, time, price and size, where ``contract`` is written in any dialect. ``source``
    fills that column where it is missing, the New York date of the print is its session, and the root tells the
    underlying. Raises SourceError where a column is missing or cannot be what it should.
    """
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise SourceError(f"no tape: columns missing: {', '.join(missing)}", "malformed_tape")
    if not _is_complete(frame):
        frame = _typed(_complete(frame, source))
    problems: list[Problem] = []
    counts = frame.select(wrong.sum().alias(code) for code, _, wrong in _REFUSED).row(0)
    for code, reason, wrong in _REFUSED if any(counts) else ():
        found = frame.filter(wrong)
        if found.height:
            problems.append(Problem(code, f"refused, {reason}", found.height, _example(found)))
            frame = frame.filter(~wrong)
    frame, again = _each_once(frame)
    in_order = _in_order(frame)
    if not in_order:
        late = frame.select((pl.col("time") < pl.col("time").cum_max()).sum()).item()
        problems.append(Problem("unsorted", "come after later ones; put in order", late))
        frame = frame.sort("time", "sequence", maintain_order=True, nulls_last=True)
    return Tape(frame, (*problems, *again))


_REFUSED = (
    ("no_contract", "no contract symbol can be read", pl.col("contract").is_null()),
    ("no_time", "no time", pl.col("time").is_null()),
    ("no_size", "no size, or none above 0", ~(pl.col("size") > 0).fill_null(value=False)),
    ("no_price", "no price, or a negative one", ~(pl.col("price") >= 0).fill_null(value=False)),
)


def _is_complete(frame: pl.DataFrame) -> bool:
    """Whether a frame has the very columns of a tape, and its symbols are compact ones that can be read."""
    if frame.schema != SCHEMA or any(frame[name].null_count() for name in ("underlying", "session_date", *_FALSE)):
        return False
    symbols = frame["contract"].unique().drop_nulls().cast(pl.String)
    return bool((parse_osi_column(symbols)["contract"] == symbols).all())


def _complete(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """What the symbol, the time and the source tell, where the frame does not."""
    spelled = frame["contract"].cast(pl.String)
    known = spelled.unique().drop_nulls().to_frame("spelled")
    parsed = parse_osi_column(known["spelled"])
    names = known.with_columns(
        parsed["contract"],
        pl.Series("named", [None if root is None else underlying_of(root) for root in parsed["root"]], dtype=pl.String),
    )
    names = names.with_columns(pl.col("contract").cast(pl.Categorical), pl.col("named").cast(pl.Categorical))
    frame = frame.with_columns(spelled=spelled.cast(pl.Categorical)).drop("contract")
    frame = frame.join(
        names.with_columns(pl.col("spelled").cast(pl.Categorical)), on="spelled", how="left", maintain_order="left"
    )
    if "underlying" in frame.columns:
        frame = frame.with_columns(pl.coalesce(pl.col("underlying").cast(pl.Categorical), "named").alias("underlying"))
    else:
        frame = frame.rename({"named": "underlying"})
    filled = {"source": pl.lit(source), "simulated": pl.lit(value=False), "cancelled": pl.lit(value=False)}
    return frame.with_columns(value.alias(name) for name, value in filled.items() if name not in frame.columns)


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of the contract in their dtypes; what is no number is null, and so is NaN."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    frame = frame.with_columns(absent)
    try:
        frame = frame.with_columns(pl.col("time").cast(NANOSECONDS), pl.col("quote_time").cast(NANOSECONDS))
        day = pl.col("time").dt.convert_time_zone(str(NEW_YORK)).dt.date()
        frame = frame.with_columns(session_date=pl.coalesce(pl.col("session_date").cast(pl.Date), day))
        frame = frame.select(pl.col(name).cast(dtype, strict=False) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"no tape: a column has the wrong type: {error}", "malformed_tape") from error
    floats = [name for name, dtype in SCHEMA.items() if dtype == pl.Float64]
    return frame.with_columns(pl.col(floats).fill_nan(None), pl.col(_FALSE).fill_null(value=False))


def _each_once(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    """Every print with a sequence once; equal prints without one are separate fills, and stay."""
    numbered = frame["sequence"].is_not_null()
    if not numbered.any() or (numbered.all() and (frame["sequence"].diff().drop_nulls() > 0).all()):
        return frame, []
    again = numbered & ~frame.select(pl.struct("session_date", "sequence").is_first_distinct()).to_series()
    if not again.any():
        return frame, []
    problem = Problem(
        "duplicate", "refused, their sequence came before", int(again.sum()), _example(frame.filter(again))
    )
    return frame.filter(~again), [problem]


def _in_order(frame: pl.DataFrame) -> bool:
    return bool(frame.select((pl.col("time") >= pl.col("time").shift(1)).fill_null(value=True).all()).item())


def _example(found: pl.DataFrame) -> str:
    row = found.row(0, named=True)
    return " ".join(str(row[name]) for name in ("contract", "time", "size", "price") if row[name] is not None)


def contracts_of(prints: pl.DataFrame) -> pl.DataFrame:
    """What the symbols of a tape tell, one row a contract: ``contract root expiry right strike``."""
    symbols = prints["contract"].unique().drop_nulls()
    parsed = parse_osi_column(symbols)
    return parsed.with_columns(pl.col("contract").cast(pl.Categorical))


def array(column: pl.Series) -> NDArray[Any]:
    """A column of a tape as an array for kernels: where nothing is known NaN, of sizes -1, of instants the smallest."""
    plain = column.to_physical() if column.dtype == NANOSECONDS else column
    if plain.null_count():
        nothing = np.nan if plain.dtype.is_float() else -1 if plain.dtype == pl.Int32 else np.iinfo(np.int64).min
        plain = plain.fill_null(nothing)
    return plain.to_numpy()


def sessions(prints: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    """The prints of each session, oldest first."""
    for (day,), part in sorted(prints.partition_by("session_date", as_dict=True).items()):
        yield day, part
