"""From clean rows to finished chains: one for each underlying, session and moment, each contract once.

What a chain's moment is. Vendors stamp files when they make them, not when the quotes were true. The quotes of a chain
are taken to describe the payload's time less the vendor's delay, but no later than the session's close (after it they
stand still), and no earlier than the newest trade in them (which proves they are at least that new).

Whose open interest it is. Nobody's feed says. The clearing house publishes the close of session D overnight, and feeds
turn over between about 06:00 and 10:30 New York on the next session. So a payload seen after 10:30 holds the previous
close, one seen before 06:00 or on a day without trading the close before that, and one seen between is null: it cannot
be known from the clock.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from scanner import chain, sessions
from scanner.errors import ChainError
from scanner.sources.formats import plausible
from scanner.sources.formats.base import Findings

KEY: dict[str, pl.DataType | type[pl.DataType]] = {
    "underlying": pl.String,
    "session_date": pl.Date,
    "quote_time": chain.INSTANT,
    "seen_at": chain.INSTANT,
}
_TURNS_OVER, _TURNED_OVER = time(6, 0), time(10, 30)
_NEXT_SESSION_FROM = time(18, 0)  # index options trade overnight; that belongs to the session ahead
_NOMINAL_CLOSE = time(16, 0)
_UNQUOTED_SHARE = 0.95
CLOCK_SKEW = timedelta(minutes=5)


def keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with every column that tells their chain, null where the format is silent."""
    return rows.with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in KEY.items() if name not in rows.columns
    )


def build(
    rows: pl.DataFrame, *, source: str, delay: timedelta, findings: Findings, late: bool = False
) -> tuple[pl.DataFrame | None, tuple[str, ...]]:
    """One chain from the rows of one key, and notes on how its times were told; None where no row is left.

    ``late`` says that ``seen_at`` is only an upper bound: then the newest trade stands for the moment of the quotes.
    """
    rows = _once_each(rows, findings)
    if rows.is_empty():
        return None, ()
    notes: list[str] = []
    rows = without_later_trades(_quotes(rows), findings)
    newest = _newest(rows, "last_trade_time")
    seen_at = _first(rows, "seen_at")
    quote_time = _first(rows, "quote_time")
    session = _first(rows, "session_date")
    if session is None:
        session = _opened(quote_time) if quote_time else _session(rows, newest, seen_at, delay)
        if session is None:
            findings.add("no session can be told: no date, no trade times, no time in the file's name", None, 0)
            return None, ()
    if not sessions.is_covered(session):
        known = f"{sessions.FIRST} to {sessions.LAST}"
        reason = f"labelled {session}, outside the exchange's calendar, which knows {known}"
        findings.add(reason, rows["line"][0], rows.height)
        return None, ()
    rows = plausible.possible(rows, session, findings)
    if rows.is_empty():
        return None, ()
    known_at = seen_at or quote_time
    rows = _dated_open_interest(rows, open_interest_session(known_at) if known_at else _previous(session))
    if quote_time is None:
        quote_time, how = _quote_time(session, newest, seen_at, delay, late=late)
        notes += [how] if how else []
    quote_time = stamped(quote_time, session, _first(rows, "underlying"), label=_first(rows, "quote_time") is not None)
    rows = rows.with_columns(
        source=pl.lit(source),
        simulated=pl.lit(value=False),
        session_date=pl.lit(session),
        quote_time=pl.lit(quote_time).cast(chain.INSTANT),
    )
    try:
        return chain.conform(rows), tuple(notes)
    except ChainError as error:
        findings.add(f"{session}: {error}", None, rows.height)
        return None, ()


def _dated_open_interest(rows: pl.DataFrame, asof: date | None) -> pl.DataFrame:
    """Give each known open interest the session it is of: what the file says, else ``asof``."""
    assumed = pl.lit(asof, dtype=pl.Date)
    dated = pl.coalesce("oi_asof", assumed) if "oi_asof" in rows.columns else assumed
    return rows.with_columns(oi_asof=pl.when(pl.col("open_interest").is_not_null()).then(dated))


def _once_each(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Each contract once: of identical rows one is kept, rows that contradict each other are all refused."""
    if not rows["contract"].is_duplicated().any():
        return rows
    values = [name for name in rows.columns if name != "line"]
    again = ~rows.select(pl.struct(values).is_first_distinct()).to_series()
    kept = rows.filter(~again)
    if again.any():
        findings.add("the same row again; kept once", rows["line"].filter(again)[0], int(again.sum()))
    doubled = kept["contract"].is_duplicated()
    if doubled.any():
        wrong = kept.filter(doubled)
        findings.add(
            f"{wrong['contract'][0]} appears more than once with different values; every such row refused",
            wrong["line"][0],
            wrong.height,
        )
    return kept.filter(~doubled)


def _quotes(rows: pl.DataFrame) -> pl.DataFrame:
    """Null the quotes of contracts that have none: an ask of zero, and the bid of zero beside it.

    A chain in which nothing is quoted keeps its zeros, so that one can tell "all zero" from "not given".
    """
    if not {"bid", "ask"} <= set(rows.columns):
        return rows
    bid, ask = pl.col("bid").fill_null(0.0), pl.col("ask").fill_null(0.0)
    given = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    unquoted = rows.select((given & (bid == 0) & (ask == 0)).sum() >= _UNQUOTED_SHARE * given.sum()).item()
    if unquoted:
        return rows
    return rows.with_columns(
        bid=pl.when((bid > 0) | (ask > 0) | pl.col("ask").is_null()).then("bid"),
        ask=pl.when(ask > 0).then("ask"),
    )


def without_later_trades(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Null trade times later than the payload that tells of them."""
    for name in ("last_trade_time", "spot_time"):
        if name not in rows.columns:
            continue
        early = (rows[name] > rows["seen_at"] + CLOCK_SKEW).fill_null(value=False)
        if early.any():
            wrong = rows.filter(early)
            findings.add(f"{name} is later than the file itself; left out", wrong["line"][0], wrong.height)
            rows = rows.with_columns(pl.when(~early).then(name).alias(name))
    return rows


def _newest(rows: pl.DataFrame, name: str) -> datetime | None:
    if name not in rows.columns:
        return None
    newest = rows[name].max()
    return newest if isinstance(newest, datetime) else None


def _first(rows: pl.DataFrame, name: str) -> Any:
    """What all rows of a chain have in common."""
    return rows[name][0]


def _session(rows: pl.DataFrame, newest: datetime | None, seen_at: datetime | None, delay: timedelta) -> date | None:
    """The session of a chain without a label: that of its newest trade, else the newest to have opened when seen."""
    spot_time = _newest(rows, "spot_time")
    traded = [_trading_day(newest) if newest else None, _opened(spot_time) if spot_time else None]
    days = [day for day in traded if day is not None]
    if days:
        return max(days)
    return None if seen_at is None else _opened(seen_at - delay)


def _trading_day(trade: datetime) -> date | None:
    """The session an option traded in."""
    local = trade.astimezone(sessions.NEW_YORK)
    day = local.date() + timedelta(days=1) if local.time() >= _NEXT_SESSION_FROM else local.date()
    return day if sessions.is_session(day) else _previous(day)


def _opened(instant: datetime) -> date | None:
    """The newest session to have opened; None outside the calendar."""
    try:
        return sessions.session_of(instant)
    except ValueError:
        return None


def _quote_time(
    session: date, newest: datetime | None, seen_at: datetime | None, delay: timedelta, *, late: bool
) -> tuple[datetime, str]:
    """The moment the quotes describe, and a note where it had to be assumed."""
    close = close_of(session)
    if seen_at is None:
        moment, how = close, "no time given: the quotes are taken as those of the session's close"
    else:
        moment, how = min(seen_at - delay, close), ""
        if late and newest is not None and newest.astimezone(sessions.NEW_YORK).date() == session:
            moment = newest
            how = "the file's name says when it was filed, not when it was pulled: the newest trade stands for it"
    return (moment if newest is None else max(moment, newest)), how


def close_of(day: date) -> datetime:
    """The close of a session; 16:00 New York for labels that are no session."""
    if sessions.is_session(day):
        return sessions.session_close(day)
    return sessions.at_new_york(day, _NOMINAL_CLOSE)


def stamped(quote_time: datetime, session: date, underlying: str, *, label: bool) -> datetime:
    """The moment of quotes, no later than trading in the underlying's options ended: then they stand still.

    A trade of a later day than the session's, unlike a stamp, proves that the session's label is wrong, and is kept.
    """
    ended = sessions.option_close(session, underlying) if sessions.is_session(session) else close_of(session)
    return min(quote_time, ended) if label or sessions.new_york_date(quote_time) == session else quote_time


def open_interest_session(seen_at: datetime) -> date | None:
    """The session whose close the open interest in a payload describes; None where the clock cannot tell."""
    local = seen_at.astimezone(sessions.NEW_YORK)
    day = local.date()
    if not sessions.is_session(day) or local.time() < _TURNS_OVER:
        return _previous(day, 2)
    return _previous(day) if local.time() >= _TURNED_OVER else None


def _previous(day: date, count: int = 1) -> date | None:
    """An earlier session; None before the calendar begins."""
    try:
        return sessions.previous_session(day, count)
    except ValueError:
        return None
