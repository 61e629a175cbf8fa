"""What the exchanges list that is no option on a stock: facts about products, from the exchanges' specifications.

Cash-settled index options settle in the morning or at the close, are exercised at expiry alone or before it, and some
are priced off a future. Some options trade a quarter of an hour longer than their underlying.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Settlement = Literal["AM", "PM"]
ExerciseStyle = Literal["american", "european"]
# Which of an index's expiries a root is listed for: the standard monthly ones, all the others, or every one.
Listed = Literal["monthly", "others", "all"]


@dataclass(frozen=True, slots=True)
class IndexRoot:
    """A root of cash-settled index options."""

    root: str
    underlying: str
    settlement: Settlement
    exercise_style: ExerciseStyle
    listed: Listed = "all"
    multiplier: int = 100


# The standard root of an index comes first.
_INDEX_ROOTS = (
    IndexRoot("SPX", "SPX", "AM", "european", "monthly"),
    IndexRoot("SPXW", "SPX", "PM", "european"),
    IndexRoot("SPXPM", "SPX", "PM", "european", "monthly"),  # until May 2017, SPXW since
    IndexRoot("XSP", "XSP", "PM", "european"),
    IndexRoot("NANOS", "NANOS", "PM", "european", multiplier=1),
    IndexRoot("NDX", "NDX", "AM", "european", "monthly"),
    IndexRoot("NDXP", "NDX", "PM", "european"),
    IndexRoot("XND", "XND", "PM", "european"),
    IndexRoot("NQX", "NQX", "PM", "european"),
    IndexRoot("MNX", "MNX", "AM", "european"),
    IndexRoot("RUT", "RUT", "AM", "european", "monthly"),
    IndexRoot("RUTW", "RUT", "PM", "european"),
    IndexRoot("MRUT", "MRUT", "PM", "european"),
    IndexRoot("RUI", "RUI", "AM", "european"),
    IndexRoot("RLG", "RLG", "AM", "european"),
    IndexRoot("RLV", "RLV", "AM", "european"),
    IndexRoot("DJX", "DJX", "AM", "european"),
    IndexRoot("OEX", "OEX", "PM", "american"),
    IndexRoot("XEO", "OEX", "PM", "european"),
    IndexRoot("VIX", "VIX", "AM", "european", "monthly"),
    IndexRoot("VIXW", "VIX", "AM", "european", "others"),
    IndexRoot("SPIKE", "SPIKE", "AM", "european"),
    IndexRoot("RVX", "RVX", "AM", "european"),
    IndexRoot("VXN", "VXN", "AM", "european"),
    IndexRoot("OVX", "OVX", "AM", "european"),
    IndexRoot("GVZ", "GVZ", "AM", "european"),
    IndexRoot("VXEEM", "VXEEM", "AM", "european"),
    IndexRoot("VXST", "VXST", "AM", "european"),
    *(IndexRoot(root, root, "PM", "european") for root in ("MXEA", "MXEF", "MXACW", "MXUSA", "MXWLD")),
    # The sectors of the S&P 500.
    *(
        IndexRoot(root, root, "AM", "european")
        for root in ("SIXB", "SIXC", "SIXE", "SIXI", "SIXM", "SIXR", "SIXRE", "SIXT", "SIXU", "SIXV", "SIXY")
    ),
)
INDEX_ROOTS = {item.root: item for item in _INDEX_ROOTS}
INDEX_UNDERLYINGS = frozenset(item.underlying for item in _INDEX_ROOTS)

# Options on these indices of volatility are priced off the future of their expiry, which the index itself is not.
VOLATILITY_INDICES = frozenset({"VIX", "SPIKE", "RVX", "VXN", "OVX", "GVZ", "VXEEM", "VXST"})

# Funds and notes whose options trade until a quarter past the close, as brokers list them from the exchanges' notices.
_LATE_CLOSING_FUNDS = frozenset(
    {
        "DBA", "DBB", "DBC", "DBO", "DBS", "DIA", "EEM", "EFA", "FXI", "IWM", "IWN", "IWO", "IWV", "IYR", "KBE", "KRE",
        "LQD", "MDY", "MOO", "OEF", "QQQ", "SLX", "SPY", "SVXY", "TLT", "UNG", "UUP", "UVIX", "UVXY", "VIXM", "VIXY",
        "VXX", "VXZ", "XHB", "XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY", "XME", "XRT",
    }
)  # fmt: skip

# Options on some stocks trade from 07:30 to 09:25 and until 16:15 New York as well, since this day at the earliest: the
# approval named it, vendors began in the following month. Which stocks is reviewed twice a year.
EXTENDED_HOURS_FROM = date(2026, 7, 13)
# How long before the open the first of them may be.
EARLY_TRADING = timedelta(hours=2)
LATE_TRADING = timedelta(minutes=15)


def index_roots(underlying: str) -> tuple[IndexRoot, ...]:
    """The roots of an index, the standard one first; of a root that vendors treat as an index (``XEO``), it alone.

    Empty for what is no index.
    """
    if underlying in INDEX_UNDERLYINGS:
        return tuple(item for item in _INDEX_ROOTS if item.underlying == underlying)
    return (INDEX_ROOTS[underlying],) if underlying in INDEX_ROOTS else ()


def priced_off_future(underlying: str) -> bool:
    """Whether what calls and puts of an expiry imply is a future, and says nothing of the index itself."""
    return underlying in VOLATILITY_INDICES


def closes_late(underlying: str) -> bool:
    """Whether options trade until a quarter past the close; those that expire that day stop at the close."""
    return underlying in _LATE_CLOSING_FUNDS or bool(index_roots(underlying))
