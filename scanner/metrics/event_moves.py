"""What options price for an event alone, whatever its kind, and what the price then did.

The events are those of the user's table: earnings, a delivery report, a launch. Total variance is taken to grow evenly
on ordinary days; what an expiry holds beyond that, where an event lies before it, is the event's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from scanner.history.past import previous
from scanner.market.calendar import Calendar
from scanner.market.corporate_events import NO_NEWS

# A normal variable's mean absolute value, in standard deviations.
MEAN_ABSOLUTE = math.sqrt(2 / math.pi)


@dataclass(frozen=True, slots=True)
class Priced:
    """One event and what is priced for it.

    ``move`` is one standard deviation as a part of the price, null with a ``reason``. It is the variance to ``expiry``,
    the first one that holds the event, less what ordinary days to it bring; those are told by ``ordinary``, an expiry
    before the event or, where there is none, by what the next one adds. ``by_smile`` tells whether the variances are
    those of all strikes' prices, or of the volatility at the money.
    """

    kind: str
    day: date
    when: str | None
    move: float | None
    reason: str | None = None
    expiry: date | None = None
    ordinary: date | None = None
    by_smile: bool = False

    @property
    def mean_absolute(self) -> float | None:
        """The mean size of the move that is priced: what sizes of past moves are held against."""
        return None if self.move is None else MEAN_ABSOLUTE * self.move


def coming(events: pl.DataFrame, session: date, *, closed: bool = True) -> pl.DataFrame:
    """``date kind when`` of the events that quotes of a session hold in their future, the nearest first.

    ``events`` is of one name. At the close (``closed``) what was told before that session's open is over.
    """
    news = events.filter(~pl.col("kind").is_in(NO_NEWS))
    still = pl.col("date") > session
    today = (pl.col("date") == session) & pl.col("when").eq_missing("after_close")
    if not closed:
        today = pl.col("date") == session
    return news.filter(still | today).sort("date", "kind").select("date", "kind", "when")


def priced(events: pl.DataFrame, expiries: pl.DataFrame) -> Iterator[Priced]:
    """What each of some events of one name is priced at.

    ``events`` is as :func:`coming` gives it, ``expiries`` as :func:`scanner.metrics.exposures.by_expiry`. Of several
    events before the same expiry none can be told from the others; then only their sum is known, and no move is told.
    """
    term = _variances(expiries)
    for row in events.iter_rows(named=True):
        told = {name: row[name] for name in ("kind", "when")} | {"day": row["date"]}
        after = [point for point in term if _holds(point["expiry"], row)]
        before = [point for point in term if not _may_hold(point["expiry"], row)]
        if not after:
            yield Priced(**told, move=None, reason="no expiry after it has a volatility")
            continue
        first, *later = after
        others = [other for other in events.iter_rows(named=True) if other != row and _between(other, before, first)]
        if others:
            yield Priced(
                **told, move=None, reason=f"{others[0]['kind']} {others[0]['date']} falls before the same expiry"
            )
            continue
        yield _alone(told, first, before[-1] if before else None, later[0] if later else None, events)


def _between(event: Mapping[str, Any], before: list[dict[str, Any]], first: Mapping[str, Any]) -> bool:
    """Whether an event may lie between the last expiry before another one and the first that holds that."""
    return _may_hold(first["expiry"], event) and not (before and _holds(before[-1]["expiry"], event))


def _alone(
    told: Mapping[str, Any],
    first: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    later: Mapping[str, Any] | None,
    events: pl.DataFrame,
) -> Priced:
    held = events.filter(pl.col("date") > first["expiry"])["date"].min()
    quiet_later = later is not None and (held is None or later["expiry"] < held)
    other = before if before is not None else (later if quiet_later else None)
    if other is None:
        return Priced(**told, move=None, reason="no expiry tells what ordinary days bring", expiry=first["expiry"])
    by_smile = first["smile"] is not None and other["smile"] is not None
    of_first, of_other = ((point["smile"] if by_smile else point["money"]) for point in (first, other))
    if of_first is None or of_other is None:
        return Priced(**told, move=None, reason="no volatility at the money", expiry=first["expiry"])
    if before is not None:
        ordinary = of_other * first["years"] / other["years"]
    else:
        ordinary = first["years"] * (of_other - of_first) / (other["years"] - first["years"])
    known = {"expiry": first["expiry"], "ordinary": other["expiry"], "by_smile": by_smile}
    variance = of_first - ordinary
    if variance <= 0:
        return Priced(**told, move=None, reason="no more is priced than for ordinary days", **known)
    return Priced(**told, move=math.sqrt(variance), **known)


def _variances(expiries: pl.DataFrame) -> list[dict[str, Any]]:
    """``expiry years smile money`` of the expiries ahead: total variance by all strikes and at the money."""
    ahead = expiries.filter(
        (pl.col("years") > 0) & (pl.col("atm_iv").is_not_null() | pl.col("smile_move_pct").is_not_null())
    )
    ahead = ahead.unique("expiry", keep="first").sort("expiry")
    chosen = ahead.select(
        "expiry", "years", smile=pl.col("smile_move_pct") ** 2, money=pl.col("atm_iv") ** 2 * pl.col("years")
    )
    return list(chosen.iter_rows(named=True))


def _holds(expiry: date, event: Mapping[str, Any]) -> bool:
    """Whether an option that expires then surely lives through an event."""
    day: date = event["date"]
    return expiry > day or (expiry == day and event["when"] == "before_open")


def _may_hold(expiry: date, event: Mapping[str, Any]) -> bool:
    """Whether it may: nobody says at what hour the event of its last day is."""
    day: date = event["date"]
    return expiry > day or (expiry == day and event["when"] != "after_close")


@dataclass(frozen=True, slots=True)
class Realised:
    """One past event: the sessions between whose closes it lies, and the move; null with a ``reason``."""

    kind: str
    day: date
    session_before: date | None
    session_after: date | None
    move: float | None
    reason: str | None = None


def realised(events: pl.DataFrame, closes: pl.DataFrame, session: date, calendar: Calendar) -> list[Realised]:
    """What the price did over each event of one name that was over by a session's close, the newest first.

    ``closes`` is ``session_date close`` of the name on one basis. Before the open: the close before it to that day's;
    after the close: to the next one; on a day without a session: over it. Where nobody says when, it is not judged.
    """
    known = dict(closes.drop_nulls("close").select("session_date", "close").iter_rows())
    news = events.filter(~pl.col("kind").is_in(NO_NEWS) & (pl.col("date") <= session))
    found = []
    for day, kind, when in news.sort("date", descending=True).select("date", "kind", "when").iter_rows():
        before, after = around(day, when, calendar)
        if before is None or after is None:
            found.append(Realised(kind, day, None, None, None, "the table of events does not say when on that day"))
        elif after > session:
            continue
        elif before not in known or after not in known:
            missing = before if before not in known else after
            found.append(Realised(kind, day, before, after, None, f"the close of {missing} is not known"))
        else:
            found.append(Realised(kind, day, before, after, known[after] / known[before] - 1))
    return found


def around(day: date, when: str | None, calendar: Calendar) -> tuple[date, date] | tuple[None, None]:
    """The sessions between whose closes an event lies; two Nones where nobody says when on a day of trading it was."""
    last = previous(day, calendar)
    if last is None or (calendar.is_session(day) and when is None):
        return None, None
    if not calendar.is_session(day):
        return last, calendar.next_session(last)
    return (last, day) if when == "before_open" else (day, calendar.next_session(day))
