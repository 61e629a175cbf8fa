"""Who is traded in the simulated market, and what kind of name each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from scanner.errors import SourceError


class Expiries(Enum):
    """Which expiries a name lists beside its monthly ones."""

    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Name:
    """One underlying.

    ``level`` is the dollar price its path stays around; ``volatility`` annual; ``beta`` its share of the market's
    moves (market volatility 15 %); ``activity`` the natural log of the contracts a typical near-the-money option
    expiring today trades; ``width`` scales quoted spreads; ``step`` is the finest strike interval, dollars; ``cycle``
    the quarterly cycle of its monthlies (1 January, 2 February, 3 March); ``penny`` quotes every price in cents;
    ``near`` how strongly trading gathers in the next expiries.
    """

    symbol: str
    level: float
    volatility: float
    beta: float
    activity: float
    width: float
    step: float
    expiries: Expiries = Expiries.WEEKLY
    cycle: int = 1
    leaps: bool = True
    penny: bool = False
    near: float = 1.0
    dividend_yield: float = 0.0
    monthly_root: str | None = None
    other_root: str | None = None

    @property
    def is_index(self) -> bool:
        """Whether its monthly contracts settle in the morning under a root of their own."""
        return self.other_root is not None

    def root(self, monthly: bool) -> str:
        """The option root of a monthly contract or of any other."""
        return (self.monthly_root if monthly else self.other_root) or self.symbol


_DAILY, _MONTHLY = Expiries.DAILY, Expiries.MONTHLY
_NAMES = (
    Name("SPY", 640, 0.15, 1.0, 11.5, 0.3, 2, _DAILY, cycle=3, penny=True, dividend_yield=0.012),
    Name("QQQ", 575, 0.19, 1.2, 11.0, 0.35, 2.5, _DAILY, cycle=3, penny=True, dividend_yield=0.006),
    Name("IWM", 235, 0.21, 1.1, 10.6, 0.4, 1, _DAILY, cycle=3, penny=True, dividend_yield=0.011),
    Name(
        "SPX",
        6450,
        0.15,
        1.0,
        10.5,
        0.8,
        25,
        _DAILY,
        cycle=3,
        dividend_yield=0.012,
        monthly_root="SPX",
        other_root="SPXW",
    ),
    Name("AAPL", 235, 0.26, 1.1, 10.9, 0.8, 2.5),
    Name("AMD", 160, 0.46, 1.5, 10.3, 1.0, 2.5),
    Name("AMZN", 230, 0.31, 1.2, 10.5, 0.8, 2.5),
    Name("BA", 230, 0.33, 1.0, 9.3, 2.0, 2.5, cycle=2),
    Name("BAC", 50, 0.26, 1.1, 9.3, 1.2, 0.5),
    Name("CLX", 122, 0.24, 0.4, 7.2, 5.0, 2.5, _MONTHLY, leaps=False),
    Name("COIN", 305, 0.70, 2.0, 10.0, 2.0, 5),
    Name("DIS", 117, 0.27, 0.9, 9.0, 1.6, 1),
    Name("F", 11.7, 0.34, 1.1, 9.2, 1.0, 0.5, cycle=3),
    Name("GLD", 330, 0.17, 0.1, 10.0, 1.0, 2.5, cycle=3, penny=True),
    Name("GOOG", 207, 0.28, 1.1, 10.3, 1.2, 2.5, cycle=3),
    Name("INTC", 24.5, 0.48, 1.2, 10.0, 1.0, 0.5),
    Name("JPM", 298, 0.23, 1.0, 9.4, 1.6, 5, cycle=3),
    Name("KHC", 27.5, 0.24, 0.4, 7.4, 3.0, 0.5, _MONTHLY),
    Name("KO", 68, 0.16, 0.4, 8.5, 1.6, 0.5, cycle=2),
    Name("META", 745, 0.32, 1.2, 10.6, 1.0, 10, cycle=3),
    Name("MSFT", 500, 0.22, 1.0, 10.4, 1.0, 5),
    Name("NFLX", 1230, 0.33, 1.1, 9.6, 2.2, 10),
    Name("NVDA", 172, 0.45, 1.7, 11.0, 0.5, 2.5, cycle=3),
    Name("PFE", 25, 0.25, 0.5, 8.6, 1.2, 0.5, cycle=3),
    Name("PLTR", 157, 0.60, 1.6, 10.8, 1.0, 2.5, cycle=2),
    Name("TLT", 87, 0.13, -0.1, 10.0, 0.8, 0.5, cycle=3, penny=True, dividend_yield=0.04),
    Name("TSLA", 345, 0.58, 1.7, 11.2, 0.6, 10, cycle=3),
    Name("UBER", 95, 0.36, 1.2, 9.2, 1.4, 1, cycle=3),
    Name("WMT", 100, 0.21, 0.6, 9.0, 1.4, 1, cycle=3),
    Name("XLF", 53, 0.17, 1.0, 9.2, 1.0, 0.5, cycle=3, penny=True, dividend_yield=0.014),
    Name("XOM", 112, 0.24, 0.7, 9.2, 1.4, 1),
)
NAMES: dict[str, Name] = {name.symbol: name for name in _NAMES}


def known(symbols: Iterable[str]) -> tuple[Name, ...]:
    """The names of some symbols, in the order given. Raises SourceError for the first that does not exist here."""
    found = []
    for symbol in symbols:
        if symbol not in NAMES:
            raise SourceError(unknown(symbol), code="unknown_symbol")
        found.append(NAMES[symbol])
    return tuple(found)


def unknown(symbol: str, listed: Iterable[str] = NAMES) -> str:
    """What to tell somebody who asks for a name that is not there."""
    return f"unknown symbol {symbol!r}: this simulated market lists only {', '.join(sorted(listed))}"
