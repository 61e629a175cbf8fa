"""Chains whose quotes another library (QuantLib) computed from a known forward and smile, for tests of the pricing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

import polars as pl
import QuantLib as ql  # noqa: N813 - the library's own usage

from scanner import chain

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
    return chain.conform(
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
