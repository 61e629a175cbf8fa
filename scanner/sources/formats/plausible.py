"""What cannot be, seen beside the rest of its chain: one value that no market makes must not decide a sum.

What cannot be by itself (a negative price, more contracts than are ever traded) has gone before, in the cleaning.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import polars as pl

from scanner.kernels.columns import median
from scanner.market import chain
from scanner.market.calendar import Calendar
from scanner.sources.formats.base import Findings

# FLEX options may be listed for fifteen years, which is longer than any other.
LONGEST_YEARS = 15
# Open interest is of the session, or of one in the year before it.
OLDEST_DAYS = 366
# No option is worth more than the dearer of its underlying and its strike; even the offers that nobody is meant to take
# stay within a few times that.
TIMES_ITS_WORTH = 10.0
# Within one chain the underlying does not double.
TIMES_THE_USUAL_SPOT = 2.0
PRICES = ("bid", "ask", "last")
# Three quarters of a chain's volatilities are above 300 % for a few names on a few days only; in percent they are above
# 5. Where no prices tell, a few contracts far from the money are too few to say.
SELDOM_ABOVE, NEVER_BELOW_IN_PERCENT, _FEWEST = 3.0, 5.0, 10
# Percent are a hundred times the decimal; what the straddle tells is right to within a factor of two or three.
_LIKE_PERCENT = (30.0, 300.0)
_SHORTEST_DAYS = 5
# A contract's volatility is of the size of those around it, its expiry's and the nine nearest strikes' among them: by a
# quarter of them, for half a column may be written in percent. No wing is as steep as thirty times that.
_BESIDE, QUARTER, _FEWEST_BESIDE = 9, 0.25, 3


def possible(rows: pl.DataFrame, session: date, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """The rows of one chain without what cannot be in a session; what goes is reported."""
    rows = _dated(_alive(rows, session, calendar, findings), session, findings)
    rows = _quotes(_spots(rows, findings), findings)
    return _vendor_volatility(rows, session, findings)


def _alive(rows: pl.DataFrame, session: date, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """Only contracts that could trade in a session: not expired before it, and not longer to go than any is listed.

    A whole expiry that ended with the session before, and traded, is kept: it shows that the label is a session late,
    which the quality gate judges. One in which nothing traded was left behind.
    """
    traded = (pl.col("volume") > 0).any() if "volume" in rows.columns else pl.lit(value=False)
    whole = ((pl.len() >= chain.WHOLE_EXPIRY) & traded).over("expiry")
    late = (pl.col("expiry") == calendar.previous_session(session)) & whole
    last = date(session.year + LONGEST_YEARS + 1, 12, 31)
    if session <= rows["expiry"].min() and rows["expiry"].max() <= last:  # type: ignore[operator]
        return rows
    for gone, what in (
        ((pl.col("expiry") < session) & ~late, f"expired before the session {session}"),
        (pl.col("expiry") > last, f"expires more than {LONGEST_YEARS} years after the session {session}"),
    ):
        rows = _refuse(rows, gone, "expiry", what, findings)
    return rows


def _dated(rows: pl.DataFrame, session: date, findings: Findings) -> pl.DataFrame:
    """Only rows whose open interest is said to be of the session or of one in the year before it, or of none."""
    if "oi_asof" not in rows.columns:
        return rows
    known = pl.col("oi_asof").is_between(session - timedelta(days=OLDEST_DAYS), session)
    what = f"has open interest of a day that is not in the year to the session {session}"
    return _refuse(rows, (~known).fill_null(value=False), "oi_asof", what, findings)


def _refuse(rows: pl.DataFrame, bad: pl.Expr, name: str, what: str, findings: Findings) -> pl.DataFrame:
    wrong = rows.filter(bad)
    if wrong.is_empty():
        return rows
    findings.add(f"{wrong['contract'][0]} ({wrong[name][0]}) {what}; row refused", wrong["line"][0], wrong.height)
    return rows.filter(~bad)


def _spots(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Null prices of the underlying that are not of the size of the others in the chain."""
    if "spot" not in rows.columns:
        return rows
    usual = median(rows["spot"])
    if usual is None:
        return rows
    least, most = usual / TIMES_THE_USUAL_SPOT, usual * TIMES_THE_USUAL_SPOT
    if least <= rows["spot"].min() and rows["spot"].max() <= most:  # type: ignore[operator]
        return rows
    strange = (~rows["spot"].is_between(least, most)).fill_null(value=False)
    wrong = rows.filter(strange)
    reason = f"spot {wrong['spot'][0]:g} is far from the {usual:g} of the rest of the chain; left out"
    findings.add(reason, wrong["line"][0], wrong.height)
    return rows.with_columns(pl.when(~strange).then("spot").alias("spot"))


def _quotes(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Null prices of options that are many times what the option could deliver.

    What it could deliver is taken from its strike, the spot and the usual strike of the chain, the greatest of them, so
    that neither a spot nor a strike that is wrong costs a good quote.
    """
    named = [name for name in PRICES if name in rows.columns]
    # What is no more than that of the usual strike is within every bound.
    within = TIMES_ITS_WORTH * (median(rows["strike"]) or 0.0)
    if all((rows[name].max() or 0.0) <= within for name in named):  # type: ignore[operator]
        return rows
    spot = pl.col("spot") if "spot" in rows.columns else pl.lit(None, dtype=pl.Float64)
    most = TIMES_ITS_WORTH * pl.max_horizontal("strike", spot, pl.col("strike").median())
    beyond_any = rows.select((pl.col(name) > most).fill_null(value=False) for name in named)
    for name in named:
        beyond = beyond_any[name]
        if beyond.any():
            wrong = rows.filter(beyond)
            reason = (
                f"{name} {wrong[name][0]:g} of {wrong['contract'][0]} is many times what it could deliver; left out"
            )
            findings.add(reason, wrong["line"][0], wrong.height)
            rows = rows.with_columns(pl.when(~beyond).then(name).alias(name))
    return rows


def _vendor_volatility(rows: pl.DataFrame, session: date, findings: Findings) -> pl.DataFrame:
    """Volatilities given in percent, as the decimals they stand for; null where prices do not tell which they are."""
    if "vendor_iv" not in rows.columns or (rows["vendor_iv"].max() or 0.0) <= SELDOM_ABOVE:  # type: ignore[operator]
        return rows
    given = rows["vendor_iv"].drop_nulls()
    usual = given.quantile(QUARTER)
    if usual is None or (usual <= SELDOM_ABOVE and given.max() <= NEVER_BELOW_IN_PERCENT):  # type: ignore[operator]
        return rows
    if usual <= SELDOM_ABOVE:
        around = _around(rows, QUARTER).list.max()
        high = (rows["vendor_iv"] > NEVER_BELOW_IN_PERCENT) & (rows["vendor_iv"] >= _LIKE_PERCENT[0] * around)
        return _written_otherwise(rows, high, around, findings)
    ratio = _times_the_straddle(rows, session)
    if ratio is not None and _LIKE_PERCENT[0] <= ratio <= _LIKE_PERCENT[1]:
        findings.add(f"vendor_iv is in percent (three quarters of it above {usual:.4g}): read as such", None, 0)
        around = _around(rows, 1 - QUARTER).list.min()
        low = (rows["vendor_iv"] < NEVER_BELOW_IN_PERCENT) & (rows["vendor_iv"] * _LIKE_PERCENT[0] <= around)
        return _written_otherwise(rows, low, around, findings).with_columns(pl.col("vendor_iv") / 100)
    if ratio is None and usual >= NEVER_BELOW_IN_PERCENT and len(given) >= _FEWEST:
        reason = f"three quarters of vendor_iv are above {usual:.4g}, and no prices tell whether in percent; left out"
        findings.add(reason, rows["line"][0], len(given))
        return rows.with_columns(vendor_iv=pl.lit(None, dtype=pl.Float64))
    return rows


def _around(rows: pl.DataFrame, quantile: float) -> pl.Series:
    """A quantile of the volatilities of each row's expiry and one of those of the strikes beside it, as a list.

    Where an expiry has too few it is the whole chain's.
    """
    value = pl.col("vendor_iv")
    beside = value.rolling_quantile(quantile, "nearest", window_size=_BESIDE, min_samples=1, center=True)
    expiry = pl.concat_list(beside.over("expiry"), value.quantile(quantile).over("expiry"))
    given = rows.select("expiry", "strike", "vendor_iv").with_row_index().drop_nulls("vendor_iv")
    told = given.sort("expiry", "strike").select(
        "index",
        around=pl.when(pl.len().over("expiry") >= _FEWEST_BESIDE)
        .then(expiry)
        .otherwise(pl.concat_list(value.quantile(quantile))),
    )
    index = rows.select(pl.int_range(pl.len(), dtype=pl.get_index_type()).alias("index"))
    return index.join(told, on="index", how="left", maintain_order="left")["around"]


def _written_otherwise(rows: pl.DataFrame, wrong: pl.Series, around: pl.Series, findings: Findings) -> pl.DataFrame:
    """Null volatilities that are written in percent among decimals, or as decimals among percent."""
    wrong = wrong.fill_null(value=False)
    if not wrong.any():
        return rows
    first = int(wrong.arg_max() or 0)
    contract, value = rows["contract"][first], rows["vendor_iv"][first]
    reason = f"vendor_iv {value:g} of {contract}, where those around it are near {around[first]:.3g}; left out"
    findings.add(reason, rows["line"][first], int(wrong.sum()))
    return rows.with_columns(vendor_iv=rows["vendor_iv"].set(wrong, None))


def _times_the_straddle(rows: pl.DataFrame, session: date) -> float | None:
    """How many times the volatility that call and put at the money tell the vendor's is: a median over the chain.

    Call and put together cost about 0.8 S sigma sqrt(T) where they cost the same (Brenner and Subrahmanyam, 1988).
    """
    missing = [name for name in PRICES if name not in rows.columns]
    priced = rows.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in missing).with_columns(
        price=pl.when(pl.col("bid") > 0, pl.col("ask") >= pl.col("bid"))
        .then((pl.col("bid") + pl.col("ask")) / 2)
        .otherwise("last"),
        days=(pl.col("expiry") - session).dt.total_days(),
    )
    priced = priced.filter(pl.col("price") > 0, pl.col("vendor_iv") > 0, pl.col("days") >= _SHORTEST_DAYS)
    key = ["root", "expiry", "strike"]
    calls, puts = (priced.filter(pl.col("right") == right) for right in ("C", "P"))
    both = calls.join(puts.select(*key, put="price"), on=key)
    straddle, apart = pl.col("price") + pl.col("put"), (pl.col("price") - pl.col("put")).abs()
    worth = 2 * pl.lit(1 / math.sqrt(2 * math.pi)) * pl.col("strike") * (pl.col("days") / 365).sqrt()
    return median(both.filter(apart <= straddle / 4).select(pl.col("vendor_iv") * worth / straddle).to_series())
