"""OSI contract symbols, the spellings of tickers, and what a root says about its contracts.

A compact OSI symbol is ROOT + YYMMDD + C or P + strike in thousandths (8 digits): ``GOOG250912C00235000``. It is read
from the right, because roots may start or end with a digit (``2SPX``, ``GOOG1``) and only the last fifteen characters
have a fixed length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from scanner.market import products
from scanner.market.calendar import Calendar
from scanner.market.products import ExerciseStyle, IndexRoot, Settlement

if TYPE_CHECKING:
    import polars as pl

Right = Literal["C", "P"]

# More than there are listed: a market's names are spelled over and over in one scan.
_NAMES_HELD = 1 << 14
_DECORATION = r"[\s_\-./]"
_OSI = re.compile(r"([0-9A-Z]{1,6})([0-9]{2})([0-9]{2})([0-9]{2})([CP])([0-9]{8})")
_PREFIX = "O:"
_NAME = re.compile(r"[0-9A-Z^$._][0-9A-Z^$._/ -]{0,31}")
_OSI_COLUMN = r"^([0-9A-Z]{1,6})([0-9]{6})([CP])([0-9]{8})$"
# A symbol has two digits for the year.
FIRST_EXPIRY, LAST_EXPIRY = date(2000, 1, 1), date(2099, 12, 31)
_INDEX_MARK = re.compile(r"^(?:I:|[_^$.]+)")
_CLASS_MARK = re.compile(r"[./\- ]")
_CLASS_SHARE = re.compile(r"^([A-Z]{1,5})[./\- ]([A-Z])$")
# Share classes whose root, which has no mark, is all that many vendors give.
_CLASS_ROOTS = frozenset(
    {
        "BFA", "BFB", "BRKA", "BRKB", "CRDA", "CWENA", "GEFB", "HEIA", "LENB", "LGFA", "LGFB", "MKCV", "MOGA", "NYLDA",
        "PBRA", "RDSA", "RDSB", "STZB", "TAPA", "UHALB",
    }
)  # fmt: skip


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
    """Read one contract symbol in any common dialect: compact, space-padded, ``O:`` prefixed, with ``_ - . /`` in it.

    Raises ValueError naming the symbol and what is wrong with it.
    """
    compact = re.sub(_DECORATION, "", text.upper().removeprefix(_PREFIX))
    match = _OSI.fullmatch(compact)
    if match is None:
        raise ValueError(f"{text!r} is not a contract symbol; expected ROOT + YYMMDD + C/P + 8 digits of strike")
    root, year, month, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError as error:
        raise ValueError(f"{text!r} holds an impossible expiry date {year}{month}{day}") from error
    return Contract(root, expiry, "C" if right == "C" else "P", int(strike) / 1000)


def format_osi(root: str, expiry: date, right: str, strike: float) -> str:
    """The compact OSI symbol.

    Raises ValueError where the strike does not fit thousandths in eight digits, or the expiry a year of two.
    """
    if not FIRST_EXPIRY <= expiry <= LAST_EXPIRY:
        raise ValueError(f"expiry {expiry} of {root} does not fit an OSI symbol ({FIRST_EXPIRY} to {LAST_EXPIRY})")
    thousandths = round(strike * 1000)
    if not 0 <= thousandths <= 99_999_999 or abs(thousandths - strike * 1000) > 1e-4:
        raise ValueError(f"strike {strike!r} of {root} does not fit an OSI symbol (thousandths, below 100,000)")
    if right not in ("C", "P"):
        raise ValueError(f"right {right!r} of {root} is neither C nor P")
    return f"{root}{expiry:%y%m%d}{right}{thousandths:08d}"


@lru_cache(maxsize=65_536)
def root_info(root: str) -> RootInfo:
    """What the root alone tells; adjusted roots (``GOOG1``), FLEX (``2SPX``) and minis (``AAPL7``) are non-standard."""
    if root in products.INDEX_ROOTS:
        return _of_index(products.INDEX_ROOTS[root])
    if len(root) > 1 and root[0] in _FLEX and root[1:].isalpha():
        settlement, style = _FLEX[root[0]]
        return RootInfo(root_info(root[1:]).underlying, settlement, style, nonstandard=True)
    if len(root) > 1 and root[-1].isdigit() and root[:-1].isalpha():
        return RootInfo(root[:-1], "PM", "american", nonstandard=True, multiplier=10 if root[-1] == "7" else 100)
    return RootInfo(root, "PM", "american", nonstandard=False)


def _of_index(item: IndexRoot) -> RootInfo:
    return RootInfo(
        item.underlying, item.settlement, item.exercise_style, nonstandard=False, multiplier=item.multiplier
    )


def contract_info(root: str, underlying: str, expiry: date, calendar: Calendar) -> RootInfo:
    """What root, underlying and expiry tell together: an index's contracts of a root that is not known are the index's.

    Vendors carry roots of before 2010 (``SPT`` of ``SPX``); those settled as the roots of today do at such an expiry.
    """
    info = root_info(root)
    if info.nonstandard or root in products.INDEX_ROOTS or not products.index_roots(underlying):
        return info
    return _of_index(_roots_at(underlying, expiry, calendar)[0])


def root_at(underlying: str, expiry: date | None, calendar: Calendar) -> str:
    """The root of contracts whose source names none: an index's by the expiry, else the ticker without its marks.

    Where several are listed for the expiry (:func:`is_ambiguous`) it is the index's standard one.
    """
    if expiry is not None and FIRST_EXPIRY <= expiry <= LAST_EXPIRY:
        roots = _roots_at(underlying, expiry, calendar)
        if roots:
            return roots[0].root
    return _CLASS_MARK.sub("", underlying)


def is_ambiguous(underlying: str, expiry: date, calendar: Calendar) -> bool:
    """Whether an expiry of an index holds contracts of the morning's settlement and of the close's."""
    return len({item.settlement for item in _roots_at(underlying, expiry, calendar)}) > 1


def _roots_at(underlying: str, expiry: date, calendar: Calendar) -> list[IndexRoot]:
    """The roots of an index that are listed for such an expiry."""
    listed = products.index_roots(underlying)
    if not listed:
        return []
    without = "others" if calendar.is_monthly_expiry(expiry, underlying) else "monthly"
    return [item for item in listed if item.listed != without]


def underlying_of(root: str) -> str:
    """The underlying a root belongs to: ``SPXW`` -> ``SPX``, ``GOOG1`` -> ``GOOG``, ``GOOG`` -> ``GOOG``."""
    return root_info(root).underlying


@lru_cache(_NAMES_HELD)
def ticker(text: str) -> str:
    """A ticker as it is written here: in capitals, no index's marks, a class share's class behind a dot.

    ``^SPX``, ``$SPX.X``, ``I:SPX``, ``.SPX`` and ``_SPX`` are ``SPX``; ``BRK/B``, ``BRK-B``, ``brk b`` are ``BRK.B``.
    """
    parts = share_class(text)
    return _without_index_mark(text) if parts is None else ".".join(parts)


def root_of(text: str) -> str:
    """A root as it stands in symbols: in capitals, without the marks of an index or of a share class."""
    parts = share_class(text)
    return _without_index_mark(text) if parts is None else "".join(parts)


def _without_index_mark(text: str) -> str:
    plain = _INDEX_MARK.sub("", text.strip().upper())
    stem = plain.removesuffix(".X")
    return stem if products.index_roots(stem) else plain


@lru_cache(_NAMES_HELD)
def plain_ticker(text: str) -> str:
    """A ticker as it is compared, and as it stands in roots: ``BRK.B``, ``BRK-B``, ``BRK/B`` and ``brkb``: ``BRKB``."""
    return re.sub(r"[^A-Z0-9]", "", _without_index_mark(text))


def each_once(symbols: Iterable[str]) -> tuple[str, ...]:
    """Tickers in their order, each once, by the spelling it has first."""
    first: dict[str, str] = {}
    for symbol in symbols:
        first.setdefault(plain_ticker(symbol), symbol)
    return tuple(first.values())


def spellings(text: str) -> tuple[str, ...]:
    """Every spelling that vendors use of a ticker: of ``BRK.B`` and of ``BRKB`` with each mark of a class, or none."""
    plain = plain_ticker(text)
    if not 2 <= len(plain) <= 6 or not plain.isalpha():
        return (plain,)
    return (plain, *(f"{plain[:-1]}{mark}{plain[-1]}" for mark in ".-/ "))


def share_class(text: str) -> tuple[str, str] | None:
    """Issuer and class of a class share (``BRK/B``: ``BRK`` and ``B``); None for any other ticker.

    Without a mark a class is told for the best known ones alone: ``BRKB`` is one, ``GOOGL`` is not.
    """
    match = _CLASS_SHARE.match(_without_index_mark(text))
    if match is not None:
        return match[1], match[2]
    plain = plain_ticker(text)
    return (plain[:-1], plain[-1]) if plain in _CLASS_ROOTS else None


@lru_cache(_NAMES_HELD)
def one_spelling(name: str) -> str:
    """A name that was kept: a class share in the spelling of :func:`ticker`, any other as it is."""
    parts = share_class(name)
    return name if parts is None else ".".join(parts)


def written_alike(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose ``underlying`` has each class share in one spelling."""
    names = frame["underlying"].unique().drop_nulls()
    other = {name: written for name in names if (written := one_spelling(name)) != name}
    return frame.with_columns(frame["underlying"].replace(other)) if other else frame


def parse_osi_column(symbols: pl.Series) -> pl.DataFrame:
    """Read a whole column of symbols at once.

    Returns a frame of the same height with ``contract`` (compact OSI), ``root``, ``expiry`` (Date), ``right`` and
    ``strike`` (dollars); all five are null where the symbol cannot be read, so that one bad row costs itself alone.
    """
    import polars as pl

    compact, fits, parts = _osi_steps()
    # One after the other: of a small chain, to plan them as one takes longer than all of them.
    parsed = symbols.cast(pl.String).to_frame("symbol").select(compact).select(fits).select(parts)
    if parsed["expiry"].null_count() == 0:
        return parsed
    readable = parsed["expiry"].is_not_null()
    return parsed.select(pl.when(readable).then(pl.col(name)).alias(name) for name in parsed.columns)


@cache
def _osi_steps() -> tuple[pl.Expr, pl.Expr, tuple[pl.Expr, ...]]:
    """From a column ``symbol`` to what may be compact OSI, to what is, to its parts: made once."""
    import polars as pl

    compact = pl.col("symbol").str.to_uppercase().str.strip_prefix(_PREFIX).str.replace_all(_DECORATION, "")
    # Where the whole fits, each part stands so far from the end; matching it again for each takes three times as long.
    parts = (
        pl.col("contract"),
        pl.col("contract").str.head(-15).alias("root"),
        ("20" + pl.col("contract").str.slice(-15, 6)).str.to_date("%Y%m%d", strict=False).alias("expiry"),
        pl.col("contract").str.slice(-9, 1).cast(pl.Enum(["C", "P"])).alias("right"),
        # Dividing a column by a constant multiplies by its reciprocal; rounding makes 65710 the same 65.71 as text.
        (pl.col("contract").str.tail(8).cast(pl.Int64) / 1000).round(3).alias("strike"),
    )
    return compact.alias("contract"), pl.when(pl.col("contract").str.contains(_OSI_COLUMN)).then("contract"), parts


def format_osi_column() -> pl.Expr:
    """The compact OSI symbol from the columns ``root expiry right strike``, as a polars expression."""
    import polars as pl

    # Padding knows no signs, which costs half of what filling up with zeros does; no strike is below zero.
    thousandths = (pl.col("strike") * 1000).round().cast(pl.Int64).cast(pl.String).str.pad_start(8, "0")
    day = pl.col("expiry").map_batches(_written_days, pl.String)
    return pl.concat_str(pl.col("root"), day, pl.col("right").cast(pl.String), thousandths)


def _written_days(days: pl.Series) -> pl.Series:
    """Days as symbols have them, each written once for all rows of it that stand together."""
    from scanner.kernels.columns import numbered, run_starts

    starts = run_starts(days)
    return days[starts].dt.strftime("%y%m%d").gather(numbered(starts, len(days)))
