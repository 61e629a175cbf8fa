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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from scanner.errors import ChainError
from scanner.market import chain, symbology
from scanner.market.calendar import FIRST, LAST, NEW_YORK, Calendar, at_new_york, new_york_date
from scanner.market.parts import without_empty_quotes
from scanner.sources.formats import plausible, volumes
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
_EXPIRIES_NAMED = 3
_TIMES_OF_TRADES = ("last_trade_time", "spot_time")
CLOCK_SKEW = timedelta(minutes=5)


def keyed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with every column that tells their chain, null where the format is silent."""
    return rows.with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in KEY.items() if name not in rows.columns
    )


@dataclass(frozen=True)
class Payload:
    """What is known of the rows of one chain besides themselves.

    ``source`` and ``delay`` are the format's, ``calendar`` tells the sessions. ``late`` says that ``seen_at`` is only
    an upper bound: then the newest trade stands for the moment of the quotes. ``days`` are the dates in the file's
    name; ``beside`` tells whether other parts of the name are of a session. ``now`` is the clock's time: what claims to
    be from after it is not believed; None where there is no clock to hold it against.
    """

    source: str
    calendar: Calendar
    delay: timedelta = timedelta()
    late: bool = False
    days: tuple[date, ...] = ()
    beside: Callable[[date], bool] = lambda day: False
    now: datetime | None = None


@dataclass(frozen=True)
class Built:
    """A finished chain, None where no row is left, and notes on how its times were told.

    ``perhaps`` are later sessions that its time or its file's name says, though nothing in it traded then. An expiry
    far away may not trade for days; other parts of its chain know.
    """

    chain: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    perhaps: frozenset[date] = frozenset()


def build(rows: pl.DataFrame, payload: Payload, findings: Findings) -> Built:
    """One chain from the rows of one key."""
    calendar = payload.calendar
    rows = _once_each(rows, findings)
    if rows.is_empty():
        return Built()
    rows = trades_before_seen(_seen_in_the_past(without_empty_quotes(rows), payload, findings), findings)
    try:
        told = _told_session(rows, payload)
    except _UntoldError as error:
        findings.add(str(error), None, 0)
        return Built()
    session = told.session
    rows = _plausible(rows, session, calendar, findings)
    if rows.is_empty():
        return Built()
    rows = _volume_of(session, rows, calendar) if session in told.perhaps else rows
    rows = volumes.of_session(rows, session, findings)
    seen_at, quote_time = _first(rows, "seen_at"), _first(rows, "quote_time")
    timed = quote_time is not None or seen_at is not None
    known_at = seen_at or quote_time
    asof = open_interest_session(known_at, calendar) if known_at else _previous(session, calendar)
    notes = [*_assumed_roots(rows, calendar), told.how]
    stated = quote_time
    if quote_time is None:
        quote_time, how = _quote_time(session, _newest(rows, "last_trade_time"), seen_at, payload)
        notes.append(how)
    quote_time = stamped(quote_time, session, _first(rows, "underlying"), calendar, label=stated is not None)
    # A time that is stated is held against the clock as it is: before the open it becomes that of a close long past.
    early = not_yet(session, stated or quote_time, payload, timed=timed)
    if early:
        findings.add(early, rows["line"][0], rows.height)
        return Built()
    rows = rows.with_columns(
        oi_asof=_date_of_open_interest(rows, asof),
        source=pl.lit(payload.source),
        simulated=pl.lit(value=False),
        session_date=pl.lit(session),
        quote_time=pl.lit(quote_time).cast(chain.INSTANT),
    )
    try:
        return Built(chain.conform(rows, calendar), tuple(note for note in notes if note), told.perhaps)
    except ChainError as error:
        findings.add(f"{session}: {error}", None, rows.height)
        return Built()


@dataclass(frozen=True)
class _Told:
    """The session of a chain, a note on how it was told, and the later ones it may be of."""

    session: date
    how: str = ""
    perhaps: frozenset[date] = frozenset()


class _UntoldError(Exception):
    """Nothing tells the session of a chain, or what does contradicts itself; the text says how."""


def _assumed_roots(rows: pl.DataFrame, calendar: Calendar) -> Iterator[str]:
    """A note on the expiries that hold contracts of either settlement where the source names no roots."""
    if not rows["root_assumed"].any():
        return
    silent = rows.filter("root_assumed").select("underlying", "root", "expiry").unique().sort("expiry")
    doubtful = [row for row in silent.iter_rows() if symbology.is_ambiguous(row[0], row[2], calendar)]
    if doubtful:
        name, root, _ = doubtful[0]
        days = ", ".join(f"{day}" for *_, day in doubtful[:_EXPIRIES_NAMED])
        more = f" and {len(doubtful) - _EXPIRIES_NAMED} more" if len(doubtful) > _EXPIRIES_NAMED else ""
        yield (
            f"{name}: the source names no roots, and expiries {days}{more} may be settled at the open or at the close: "
            f"they are taken for {root}, at the open"
        )


def _date_of_open_interest(rows: pl.DataFrame, asof: date | None) -> pl.Expr:
    """The session that each known open interest is of: what the file says, else ``asof``."""
    assumed = pl.lit(asof, dtype=pl.Date)
    dated = pl.coalesce("oi_asof", assumed) if "oi_asof" in rows.columns else assumed
    return pl.when(pl.col("open_interest").is_not_null()).then(dated)


def _once_each(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Each contract once: of identical rows one is kept, rows that contradict each other are all refused."""
    if rows["contract"].n_unique() == rows.height:
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


def _seen_in_the_past(rows: pl.DataFrame, payload: Payload, findings: Findings) -> pl.DataFrame:
    """Null the time a payload gives itself where it has not come yet."""
    seen_at = _first(rows, "seen_at")
    if seen_at is None or not still_to_come(seen_at, payload.now):
        return rows
    findings.add(f"its time, {seen_at:%Y-%m-%d %H:%M} UTC, has not come yet; not believed", None, 0)
    return rows.with_columns(seen_at=pl.lit(None, dtype=chain.INSTANT))


def still_to_come(moment: datetime, now: datetime | None) -> bool:
    """Whether a moment is later than the clock says, by more than clocks differ; never so where there is no clock."""
    return now is not None and moment > now + CLOCK_SKEW


def trades_before_seen(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """No trade later than the payload that tells of it: single ones lose their time, but most of them refute it."""
    if not any(_later(rows, name) for name in _TIMES_OF_TRADES):
        return rows
    if "last_trade_time" in rows.columns:
        early = (rows["last_trade_time"] > rows["seen_at"] + CLOCK_SKEW).sum()
        if 2 * early > rows["last_trade_time"].count():
            seen_at = _first(rows, "seen_at")
            findings.add(f"its time, {seen_at:%Y-%m-%d %H:%M} UTC, is before most trades in it; not believed", None, 0)
            return rows.with_columns(seen_at=pl.lit(None, dtype=chain.INSTANT))
    return without_later_trades(rows, findings)


def without_later_trades(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Null trade times later than the payload that tells of them."""
    for name in _TIMES_OF_TRADES:
        if not _later(rows, name):
            continue
        early = (rows[name] > rows["seen_at"] + CLOCK_SKEW).fill_null(value=False)
        if early.any():
            wrong = rows.filter(early)
            findings.add(f"{name} is later than the file itself; left out", wrong["line"][0], wrong.height)
            rows = rows.with_columns(pl.when(~early).then(name).alias(name))
    return rows


def _later(rows: pl.DataFrame, name: str) -> bool:
    """Whether a time may be later than the payload in some row, by the ends of both columns."""
    newest = rows[name].max() if name in rows.columns else None
    oldest = rows["seen_at"].min()
    return isinstance(newest, datetime) and isinstance(oldest, datetime) and newest > oldest + CLOCK_SKEW


def _plausible(rows: pl.DataFrame, session: date, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """The rows without what cannot be in a chain of that session; none where the calendar does not know it."""
    if not calendar.is_covered(session):
        known = f"{FIRST} to {LAST}"
        reason = f"labelled {session}, outside the exchange's calendar, which knows {known}"
        findings.add(reason, rows["line"][0], rows.height)
        return rows.clear()
    return plausible.possible(rows, session, calendar, findings)


def _newest(rows: pl.DataFrame, name: str) -> datetime | None:
    if name not in rows.columns:
        return None
    newest = rows[name].max()
    return newest if isinstance(newest, datetime) else None


def _first(rows: pl.DataFrame, name: str) -> Any:
    """What all rows of a chain have in common."""
    return rows[name][0]


def _told_session(rows: pl.DataFrame, payload: Payload) -> _Told:
    """The session of a chain: its label, that of its quotes, or what :func:`_session` finds. Raises _UntoldError."""
    label, quote_time = _first(rows, "session_date"), _first(rows, "quote_time")
    if label is not None:
        return _Told(label)
    return _session(rows, payload) if quote_time is None else _Told(_quoted(quote_time, payload.calendar))


def _session(rows: pl.DataFrame, payload: Payload) -> _Told:
    """The session of a chain without a label or a time of its quotes.

    It is that of its newest trade, else the newest to have opened when it was seen, else the date in the file's name:
    names say expiries, and days of filing, too. Where nothing in it traded in the session that its time or its name
    says, other parts of the chain may confirm that session. Raises _UntoldError.
    """
    newest, spot_time, seen_at = _newest(rows, "last_trade_time"), _newest(rows, "spot_time"), _first(rows, "seen_at")
    calendar = payload.calendar
    traded = [
        _trading_day(newest, calendar) if newest else None,
        _opened(spot_time, calendar) if spot_time else None,
    ]
    days = [day for day in traded if day is not None]
    seen = None if seen_at is None else _opened(seen_at - payload.delay, calendar)
    last = rows["expiry"].max()
    assert isinstance(last, date)
    if days:
        session = max(days)
        claimed = {*_possible(rows, payload.days), *([seen] if seen and not payload.late else [])}
        perhaps = frozenset(day for day in claimed if session < day <= last)
        confirmed = [day for day in perhaps if payload.beside(day)]
        if confirmed:
            return _Told(
                max(confirmed), "nothing in it traded in its session, which other parts of the chain tell", perhaps
            )
        if payload.days and session not in payload.days:
            named = f"the file's name says {payload.days[0]}, but its newest trade is of {session}"
            return _Told(session, f"{named}: taken as that session", perhaps)
        return _Told(session, perhaps=perhaps)
    session = seen or _named(rows, payload.days)
    if session > last:
        raise _UntoldError(f"it is said to be of {session}, but every contract in it had expired on {last}")
    return _Told(session)


def _volume_of(session: date, rows: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Rows without the volume of contracts that last traded before a session: feeds that do not reset still show it."""
    begun = at_new_york(_previous(session, calendar) or session, _NEXT_SESSION_FROM)
    return rows.with_columns(volume=pl.when(pl.col("last_trade_time") < begun).then(0).otherwise("volume"))


def _named(rows: pl.DataFrame, days: tuple[date, ...]) -> date:
    """The one date in a file's name that can be the session of its contracts. Raises _UntoldError."""
    if not days:
        raise _UntoldError("no session can be told: no date, no trade times, no time in the file's name")
    possible = _possible(rows, days)
    if len(possible) == 1:
        return possible.pop()
    named = " and ".join(str(day) for day in days)
    if possible:
        raise _UntoldError(f"no session can be told: the file's name says {named}, and nothing in it tells which")
    raise _UntoldError(
        f"no session can be told: the file's name says {named}, its contracts expire no later, and it has no trade "
        "times"
    )


def _possible(rows: pl.DataFrame, days: tuple[date, ...]) -> set[date]:
    """The days on which all contracts may have been quoted: not later than any expires, nor as the only ones expire."""
    if not days:
        return set()
    expiries = sorted(chain.distinct(rows["expiry"]))
    return {day for day in days if day < expiries[0] or (day == expiries[0] and len(expiries) > 1)}


def _quoted(quote_time: datetime, calendar: Calendar) -> date:
    """The session quotes are of. Raises _UntoldError."""
    session = _opened(quote_time, calendar)
    if session is None:
        raise _UntoldError(
            f"quoted {quote_time:%Y-%m-%d}, outside the exchange's calendar, which knows {FIRST} to {LAST}"
        )
    return session


def _trading_day(trade: datetime, calendar: Calendar) -> date | None:
    """The session an option traded in."""
    local = trade.astimezone(NEW_YORK)
    day = local.date() + timedelta(days=1) if local.time() >= _NEXT_SESSION_FROM else local.date()
    return day if calendar.is_session(day) else _previous(day, calendar)


def _opened(instant: datetime, calendar: Calendar) -> date | None:
    """The newest session to have opened; None outside the calendar."""
    try:
        return calendar.session_of(instant)
    except ValueError:
        return None


def _quote_time(
    session: date, newest: datetime | None, seen_at: datetime | None, payload: Payload
) -> tuple[datetime, str]:
    """The moment the quotes describe, and a note where it had to be assumed."""
    close = close_of(session, payload.calendar)
    if seen_at is None:
        moment, how = close, "no time given: the quotes are taken as those of the session's close"
    else:
        moment, how = min(seen_at - payload.delay, close), ""
        if payload.late and newest is not None and new_york_date(newest) == session:
            moment = newest
            how = "the file's name says when it was filed, not when it was pulled: the newest trade stands for it"
    return (moment if newest is None else max(moment, newest)), how


def not_yet(session: date, quote_time: datetime, payload: Payload, *, timed: bool) -> str:
    """Why a chain cannot be from where it says, as that has not come yet; empty where it has."""
    now, calendar = payload.now, payload.calendar
    if now is None or not calendar.is_covered(session):
        return ""
    local = (now + CLOCK_SKEW).astimezone(NEW_YORK)
    # A session's index options trade from the evening before.
    overnight = local.time() >= _NEXT_SESSION_FROM
    day = _next(local.date(), calendar) if overnight else local.date()
    clock = f"it is {now:%Y-%m-%d %H:%M} UTC by this machine's clock"
    if session > day:
        return f"of {session}, a session that has not come yet ({clock}); refused"
    if still_to_come(quote_time, now) and not timed:
        return (
            f"its session {session} has not closed yet ({clock}) and nothing in it says when its quotes are from: "
            "refused; give their time, or wait for the close"
        )
    if still_to_come(quote_time, now):
        return f"its quotes are of {quote_time:%Y-%m-%d %H:%M} UTC, which has not come yet ({clock}); refused"
    return ""


def close_of(day: date, calendar: Calendar) -> datetime:
    """The close of a session; 16:00 New York for labels that are no session."""
    if calendar.is_session(day):
        return calendar.session_close(day)
    return at_new_york(day, _NOMINAL_CLOSE)


def stamped(quote_time: datetime, session: date, underlying: str, calendar: Calendar, *, label: bool) -> datetime:
    """The moment of quotes, no later than trading in the underlying's options ended: then they stand still.

    A trade of a later day than the session's, unlike a stamp, proves that the session's label is wrong, and is kept.
    """
    held = calendar.is_session(session)
    ended = calendar.option_close(session, underlying) if held else close_of(session, calendar)
    return min(quote_time, ended) if label or new_york_date(quote_time) == session else quote_time


def open_interest_session(seen_at: datetime, calendar: Calendar) -> date | None:
    """The session whose close the open interest in a payload describes; None where the clock cannot tell."""
    local = seen_at.astimezone(NEW_YORK)
    day = local.date()
    if not calendar.is_session(day) or local.time() < _TURNS_OVER:
        return _previous(day, calendar, 2)
    return _previous(day, calendar) if local.time() >= _TURNED_OVER else None


def _next(day: date, calendar: Calendar) -> date:
    """The session after a day; the day itself beyond the calendar."""
    try:
        return calendar.next_session(day)
    except ValueError:
        return day


def _previous(day: date, calendar: Calendar, count: int = 1) -> date | None:
    """An earlier session; None before the calendar begins."""
    try:
        return calendar.previous_session(day, count)
    except ValueError:
        return None
