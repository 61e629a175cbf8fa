"""OSI contract symbols, and what a root says about its contracts.

A compact OSI symbol is ROOT + YYMMDD + C or P + strike in thousandths (8 digits): ``GOOG250912C00235000``. It is read
from the right, because roots may start or end with a digit (``2SPX``, ``GOOG1``) and only the last fifteen characters
have a fixed length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Right = Literal["C", "P"]
ExerciseStyle = Literal["american", "european"]
Settlement = Literal["AM", "PM"]

_DECORATION = re.compile(r"[\s_\-.]")
_OSI = re.compile(r"^([0-9A-Z]{1,6})(\d{2})(\d{2})(\d{2})([CP])(\d{8})$")
_PREFIX = "O:"
_NAME = re.compile(r"[0-9A-Z^$._][0-9A-Z^$._/ -]{0,31}")
_OSI_COLUMN = r"^([0-9A-Z]{1,6})(\d{6})([CP])(\d{8})$"


@dataclass(frozen=True, slots=True)
class Contract:
    """One option series. ``strike`` is in dollars; ``expiry`` is the date in the symbol, never shifted."""

    root: str
    expiry: date
    right: Right
    strike: float

    @property
    def osi(self) -> str:
        """The compact OSI symbol, without padding."""
        return format_osi(self.root, self.expiry, self.right, self.strike)


@dataclass(frozen=True, slots=True)
class RootInfo:
    """What a root says: its underlying, settlement, style, and whether the deliverable is non-standard."""

    underlying: str
    settlement: Settlement
    exercise_style: ExerciseStyle
    nonstandard: bool
    multiplier: int = 100


# Cash-settled index roots, from the exchanges' product pages: root -> (underlying, settlement, style).
_INDEX_ROOTS: dict[str, tuple[str, Settlement, ExerciseStyle]] = {
    "SPX": ("SPX", "AM", "european"),
    "SPXW": ("SPX", "PM", "european"),
    "XSP": ("XSP", "PM", "european"),
    "NDX": ("NDX", "AM", "european"),
    "NDXP": ("NDX", "PM", "european"),
    "XND": ("XND", "PM", "european"),
    "RUT": ("RUT", "AM", "european"),
    "RUTW": ("RUT", "PM", "european"),
    "MRUT": ("MRUT", "PM", "european"),
    "DJX": ("DJX", "AM", "european"),
    "VIX": ("VIX", "AM", "european"),
    "VIXW": ("VIX", "AM", "european"),
    "OEX": ("OEX", "PM", "american"),
    "XEO": ("OEX", "PM", "european"),
}
INDEX_UNDERLYINGS = frozenset(underlying for underlying, _, _ in _INDEX_ROOTS.values())

# A leading digit marks a FLEX series: its settlement and style (product notes of the exchanges).
_FLEX: dict[str, tuple[Settlement, ExerciseStyle]] = {
    "1": ("AM", "american"),
    "2": ("AM", "european"),
    "3": ("PM", "american"),
    "4": ("PM", "european"),
}


def is_name(text: str) -> bool:
    """Whether a text may be the symbol of an underlying: ``GOOG``, ``BRK.B``, ``BF/B``, ``^SPX``."""
    return _NAME.fullmatch(text) is not None


def parse_osi(text: str) -> Contract:
    """Read one contract symbol in any common dialect: compact, space-padded, ``O:`` prefixed, with ``_`` or ``-``.

    Raises ValueError naming the symbol and what is wrong with it.
    """
    compact = _DECORATION.sub("", text.upper().removeprefix(_PREFIX))
    match = _OSI.match(compact)
    if match is None:
        raise ValueError(f"{text!r} is not a contract symbol; expected ROOT + YYMMDD + C/P + 8 digits of strike")
    root, year, month, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError as error:
        raise ValueError(f"{text!r} holds an impossible expiry date {year}{month}{day}") from error
    return Contract(root, expiry, "C" if right == "C" else "P", int(strike) / 1000)


def format_osi(root: str, expiry: date, right: str, strike: float) -> str:
    """The compact OSI symbol. Raises ValueError where the strike does not fit thousandths in eight digits."""
    thousandths = round(strike * 1000)
    if not 0 <= thousandths <= 99_999_999 or abs(thousandths - strike * 1000) > 1e-4:
        raise ValueError(f"strike {strike!r} of {root} does not fit an OSI symbol (thousandths, below 100,000)")
    if right not in ("C", "P"):
        raise ValueError(f"right {right!r} of {root} is neither C nor P")
    return f"{root}{expiry:%y%m%d}{right}{thousandths:08d}"


@lru_cache(maxsize=65_536)
def root_info(root: str) -> RootInfo:
    """What the root alone tells; adjusted roots (``GOOG1``), FLEX (``2SPX``) and minis (``AAPL7``) are non-standard."""
    if root in _INDEX_ROOTS:
        underlying, settlement, style = _INDEX_ROOTS[root]
        return RootInfo(underlying, settlement, style, nonstandard=False)
    if len(root) > 1 and root[0] in _FLEX and root[1:].isalpha():
        settlement, style = _FLEX[root[0]]
        return RootInfo(root_info(root[1:]).underlying, settlement, style, nonstandard=True)
    if len(root) > 1 and root[-1].isdigit() and root[:-1].isalpha():
        return RootInfo(root[:-1], "PM", "american", nonstandard=True, multiplier=10 if root[-1] == "7" else 100)
    return RootInfo(root, "PM", "american", nonstandard=False)


def plain_ticker(symbol: str) -> str:
    """A ticker as it is compared: ``BRK.B``, ``BRK-B`` and ``brkb`` are one, and so are ``^SPX`` and ``SPX``."""
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())


def unmarked(symbol: str) -> str:
    """A ticker as it is written: in capitals, without the mark that some vendors put before an index."""
    return symbol.strip().upper().lstrip("_^$")


def each_once(symbols: Iterable[str]) -> tuple[str, ...]:
    """Tickers in their order, each once, by the spelling it has first."""
    first: dict[str, str] = {}
    for symbol in symbols:
        first.setdefault(plain_ticker(symbol), symbol)
    return tuple(first.values())


def underlying_of(root: str) -> str:
    """The underlying a root belongs to: ``SPXW`` -> ``SPX``, ``GOOG1`` -> ``GOOG``, ``GOOG`` -> ``GOOG``."""
    return root_info(root).underlying


def parse_osi_column(symbols: pl.Series) -> pl.DataFrame:
    """Read a whole column of symbols at once.

    Returns a frame of the same height with ``contract`` (compact OSI), ``root``, ``expiry`` (Date), ``right`` and
    ``strike`` (dollars); all five are null where the symbol cannot be read, so that one bad row costs itself alone.
    """
    import polars as pl

    compact = (
        pl.col("symbol").str.to_uppercase().str.strip_prefix(_PREFIX).str.replace_all(r"[\s_\-.]", "").alias("contract")
    )
    date_digits = pl.col("contract").str.extract(_OSI_COLUMN, 2)
    parsed = (
        symbols.cast(pl.String)
        .to_frame("symbol")
        .select(compact)
        .select(
            "contract",
            root=pl.col("contract").str.extract(_OSI_COLUMN, 1),
            expiry=("20" + date_digits).str.to_date("%Y%m%d", strict=False),
            right=pl.col("contract").str.extract(_OSI_COLUMN, 3).cast(pl.Enum(["C", "P"])),
            # Dividing a column by a constant multiplies by its reciprocal; rounding makes 65710 the same 65.71 as text.
            strike=(pl.col("contract").str.extract(_OSI_COLUMN, 4).cast(pl.Int64) / 1000).round(3),
        )
    )
    readable = pl.col("expiry").is_not_null()
    return parsed.select(pl.when(readable).then(pl.col(name)).alias(name) for name in parsed.columns)


def format_osi_column() -> pl.Expr:
    """The compact OSI symbol from the columns ``root expiry right strike``, as a polars expression."""
    import polars as pl

    thousandths = (pl.col("strike") * 1000).round().cast(pl.Int64).cast(pl.String).str.zfill(8)
    return pl.concat_str(
        pl.col("root"), pl.col("expiry").dt.strftime("%y%m%d"), pl.col("right").cast(pl.String), thousandths
    )
