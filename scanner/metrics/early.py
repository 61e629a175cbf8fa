"""Names whose options traded before the open: how much of a day's volume is usual by then is not known of them.

Since the summer of 2026 options on some stocks trade from 07:30 to 09:25 New York as well. Which ones is reviewed twice
a year, and not every vendor counts those trades: the trades themselves tell, and the configuration tells of names whose
vendor gives no times. What is said of the chance of a volume holds for them as for all others, because it is held
against a whole session; what is said to be usual *by now* would take half a morning's trades for those of a minute.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from scanner.kernels.groups import Groups
from scanner.market import products
from scanner.market.calendar import Calendar
from scanner.market.levels import NAME

# So long after the open more has usually traded since than in the hours before it.
UNTOLD_FOR = timedelta(minutes=30)
_BY_NOW = ("volume_expected", "volume_usual", "volume_multiple")


def names(contracts: pl.DataFrame, calendar: Calendar, by_name: Groups | None = None) -> list[str]:
    """The names of a session's chains of which it is not known what is usual by now; none half an hour after the open.

    Options on indices always trade overnight, and are left out. ``by_name`` are the contracts by name, where known.
    """
    by_name = by_name or Groups.of(contracts, NAME)
    listed = by_name.keys.hstack(
        [contracts["session_date"].gather(by_name.firsts()), by_name.latest(contracts["quote_time"])]
    )
    found = []
    for number, (name, session, quoted) in enumerate(listed.iter_rows()):
        if products.index_roots(name) or not calendar.is_session(session) or session < products.EXTENDED_HOURS_FROM:
            continue
        opened = calendar.session_open(session)
        if quoted >= opened + UNTOLD_FOR:
            continue
        trades = contracts["last_trade_time"].gather(by_name.rows_of(number)).drop_nulls()
        begins = opened - products.EARLY_TRADING
        told = trades.is_empty() and calendar.trades_extended(session, name)
        if told or trades.is_between(begins, opened, closed="left").any():
            found.append(name)
    return found


def without_expectations(contracts: pl.DataFrame, early: list[str]) -> pl.DataFrame:
    """The contracts without what is usual by now of those names."""
    if not early:
        return contracts
    known = ~pl.col("underlying").is_in(early)
    return contracts.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in _BY_NOW)


def reasons(early: list[str], session: date) -> pl.DataFrame:
    """Why it is missing: ``underlying field reason``."""
    said = f"it counts trades from before the open of {session}, of which it is not known how many are usual"
    return pl.DataFrame(
        [(name, field, f"{name}: {said}") for name in early for field in _BY_NOW],
        schema={"underlying": pl.String, "field": pl.String, "reason": pl.String},
        orient="row",
    )
