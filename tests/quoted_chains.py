"""Chains whose quotes another library (QuantLib) computed from a known forward and smile, for tests of the pricing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

import polars as pl
import QuantLib as ql  # noqa: N813 - the library's own usage
from standard import conform

from scanner.market import chain

SESSION = date(2025, 6, 2)
QUOTE_TIME = datetime(2025, 6, 2, 20, 0, tzinfo=UTC)
EXPIRIES = (date(2025, 6, 20), date(2025, 7, 18), date(2025, 9, 19))
STRIKES = tuple(float(strike) for strike in range(70, 131, 5))
RATE, DIVIDEND_YIELD, SPOT = 0.04, 0.01, 100.0

Smile = Callable[[float, float], float]


def flat_smile(_strike: float, _years: float) -> float:
    """Thirty per cent at every strike."""
    return 0.30


def years_to(expiry: date) -> float:
    """ACT/365 from the quotes to four in the afternoon of the expiry date in New York (summer time)."""
    return (
        datetime(expiry.year, expiry.month, expiry.day, 20, 0, tzinfo=UTC) - QUOTE_TIME
    ).total_seconds() / 31_536_000


def quoted_chain(
    *,
    root: str = "ABC",
    american: bool = True,
    expiries: Sequence[date] = EXPIRIES,
    strikes: Sequence[float] = STRIKES,
    smile: Smile = flat_smile,
    spot: float = SPOT,
    dividend_yield: float = DIVIDEND_YIELD,
    half_spread: float = 0.01,
    told_spot: float | None = SPOT,
) -> pl.DataFrame:
    """A chain at the close of SESSION, made with ``spot``; ``told_spot`` is what stands in its column."""
    rows = [(expiry, strike, right) for expiry in expiries for strike in strikes for right in ("C", "P")]
    told = [_price(american, right, spot, strike, expiry, dividend_yield, smile) for expiry, strike, right in rows]
    mids = [max(price, 0.0) for price in told]
    frame = pl.DataFrame(
        {
            "expiry": [row[0] for row in rows],
            "strike": [row[1] for row in rows],
            "right": [row[2] for row in rows],
            "bid": [mid - min(half_spread, 0.5 * mid) for mid in mids],
            "ask": [mid + min(half_spread, 0.5 * mid) for mid in mids],
        }
    )
    return conform(
        frame.with_columns(
            source=pl.lit("test"),
            simulated=pl.lit(value=False),
            session_date=pl.lit(SESSION),
            quote_time=pl.lit(QUOTE_TIME).cast(chain.INSTANT),
            underlying=pl.lit(root.removesuffix("W") if root == "SPXW" else root),
            root=pl.lit(root),
            spot=pl.lit(told_spot, dtype=pl.Float64),
            volume=pl.lit(10),
        )
    )


@lru_cache(maxsize=4_096)
def _price(
    american: bool, right: str, spot: float, strike: float, expiry: date, dividend_yield: float, smile: Smile
) -> float:
    """QuantLib's price: the forward formula, or the fixed-point method of Andersen, Lake and Offengenden."""
    kind = ql.Option.Call if right == "C" else ql.Option.Put
    today, last = (ql.Date(day.day, day.month, day.year) for day in (SESSION, expiry))
    ql.Settings.instance().evaluationDate = today
    day_count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend_yield, day_count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, RATE, day_count)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), smile(strike, years_to(expiry)), day_count)
        ),
    )
    exercise = ql.AmericanExercise(today, last) if american else ql.EuropeanExercise(last)
    option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), exercise)
    scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
    option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme) if american else ql.AnalyticEuropeanEngine(process))
    return float(option.NPV())


# Futures on an index of volatility that stands at 17, by the expiry of the options priced off them.
FUTURES = {date(2026, 7, 22): 17.9, date(2026, 7, 29): 18.2, date(2026, 8, 19): 19.2}
FUTURES_STRIKES = (14.0, 16.0, 17.0, 18.0, 19.0, 20.0, 22.0, 25.0)
FUTURES_VOLATILITY = 0.8
_FUTURES_QUOTED = datetime(2026, 7, 15, 15, 30, tzinfo=UTC)


def years_of_future(expiry: date) -> float:
    """ACT/365 from the quotes to half past nine of the expiry date in New York (summer time)."""
    settled = datetime(expiry.year, expiry.month, expiry.day, 13, 30, tzinfo=UTC)
    return (settled - _FUTURES_QUOTED).total_seconds() / 31_536_000


def black(sign: int, forward: float, strike: float, years: float, volatility: float) -> float:
    """Black's price, undiscounted."""
    kind = ql.Option.Call if sign > 0 else ql.Option.Put
    return float(ql.blackFormula(kind, strike, forward, volatility * math.sqrt(years)))


def volatility_chain() -> pl.DataFrame:
    """Options on the index, each expiry priced off its future; 100 contracts open and 10 traded at every strike."""
    rows = [(expiry, strike, right) for expiry in FUTURES for strike in FUTURES_STRIKES for right in ("C", "P")]
    mids = []
    for expiry, strike, right in rows:
        years, sign = years_of_future(expiry), 1 if right == "C" else -1
        mids.append(math.exp(-RATE * years) * black(sign, FUTURES[expiry], strike, years, FUTURES_VOLATILITY))
    frame = pl.DataFrame(rows, schema=["expiry", "strike", "right"], orient="row").with_columns(
        source=pl.lit("test"),
        simulated=pl.lit(value=False),
        session_date=pl.lit(_FUTURES_QUOTED.date()),
        quote_time=pl.lit(_FUTURES_QUOTED).cast(chain.INSTANT),
        underlying=pl.lit("VIX"),
        root=pl.when(pl.col("expiry") == date(2026, 7, 29)).then(pl.lit("VIXW")).otherwise(pl.lit("VIX")),
        spot=pl.lit(17.0),
        volume=pl.lit(10),
        open_interest=pl.lit(100),
        bid=pl.Series([mid - min(0.01, mid / 2) for mid in mids]),
        ask=pl.Series([mid + 0.01 for mid in mids]),
    )
    return conform(frame)
