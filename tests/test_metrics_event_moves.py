"""What is priced for an event alone, and what came: by arithmetic that a reader can follow."""

from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
from standard import calendar

from scanner.metrics import event_moves as moves

SESSION = date(2026, 7, 20)  # a Monday
EVENT = date(2026, 7, 29)  # a Wednesday
# Ordinary days bring .04 of variance a year; the event alone .0025, one standard deviation of 5 %.
EXPIRIES = {date(2026, 7, 24): 4, date(2026, 7, 31): 11, date(2026, 8, 21): 32}


def events(*rows: tuple[date, str, str | None]) -> pl.DataFrame:
    schema = {"date": pl.Date, "kind": pl.String, "when": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def term(event: date = EVENT, first: date | None = None, *, smile: bool = True) -> pl.DataFrame:
    rows = []
    for expiry, days in EXPIRIES.items():
        if first is None or expiry >= first:
            years = days / 365
            total = 0.04 * years + (0.0025 if expiry > event else 0.0)
            rows.append((expiry, days, years, math.sqrt(total / years), math.sqrt(total) if smile else None))
    names = ["expiry", "dte", "years", "atm_iv", "smile_move_pct"]
    return pl.DataFrame(
        rows, schema=dict(zip(names, [pl.Date, pl.Int64, *[pl.Float64] * 3], strict=True)), orient="row"
    )


@pytest.mark.parametrize("smile", [True, False])
def test_the_variance_that_ordinary_days_do_not_explain_is_the_event_s(smile: bool) -> None:
    (found,) = moves.priced(events((EVENT, "deliveries", "before_open")), term(smile=smile))
    assert found.move == pytest.approx(0.05, abs=1e-12)
    assert found.mean_absolute == pytest.approx(0.05 * math.sqrt(2 / math.pi), abs=1e-12)
    assert (found.kind, found.expiry, found.ordinary) == ("deliveries", date(2026, 7, 31), date(2026, 7, 24))
    assert found.by_smile is smile


def test_without_an_expiry_before_the_event_the_one_after_next_tells_what_ordinary_days_bring() -> None:
    (found,) = moves.priced(events((EVENT, "earnings", "after_close")), term(first=date(2026, 7, 31)))
    assert found.move == pytest.approx(0.05, abs=1e-12)
    assert found.ordinary == date(2026, 8, 21)


def test_two_events_before_the_same_expiry_cannot_be_told_apart() -> None:
    both = events((EVENT, "earnings", "after_close"), (date(2026, 7, 28), "launch", None))
    found = list(moves.priced(both, term()))
    assert [item.move for item in found] == [None, None]
    assert found[0].reason == "launch 2026-07-28 falls before the same expiry"


@pytest.mark.parametrize(
    ("expiries", "reason"),
    [
        (term().head(1), "no expiry after it has a volatility"),
        (term(first=date(2026, 8, 21)), "no expiry tells what ordinary days bring"),
        (term(event=date(2027, 1, 1)), "no more is priced than for ordinary days"),
    ],
)
def test_what_cannot_be_told_has_a_reason(expiries: pl.DataFrame, reason: str) -> None:
    (found,) = moves.priced(events((EVENT, "earnings", "after_close")), expiries)
    assert (found.move, found.reason) == (None, reason)


def test_an_expiry_of_the_very_day_holds_what_is_told_before_the_open_alone() -> None:
    friday = date(2026, 7, 31)
    before, after, unknown = (
        next(moves.priced(events((friday, "earnings", when)), term(event=date(2026, 7, 30))))
        for when in ("before_open", "after_close", None)
    )
    assert before.expiry == friday
    # Told after the close it is in the next expiry alone, of which the variance of the week is then ordinary.
    assert after.expiry == date(2026, 8, 21)
    assert (unknown.expiry, unknown.ordinary) == (date(2026, 8, 21), date(2026, 7, 24))


def test_dividends_and_splits_are_no_news_and_what_is_over_is_not_ahead() -> None:
    known = events(
        (EVENT, "dividend", None), (EVENT, "split", None), (SESSION, "earnings", "before_open"),
        (SESSION, "launch", "after_close"), (EVENT, "earnings", None),
    )  # fmt: skip
    assert moves.coming(known, SESSION)["kind"].to_list() == ["launch", "earnings"]


CLOSES = pl.DataFrame(
    {
        "session_date": [date(2026, 7, day) for day in (14, 15, 16, 17, 20)],
        "close": [100.0, 110.0, 99.0, 99.0, 108.9],
    }
)


def test_a_move_is_between_the_closes_that_the_event_lies_between() -> None:
    known = events(
        (date(2026, 7, 15), "earnings", "before_open"), (date(2026, 7, 15), "launch", "after_close"),
        (date(2026, 7, 18), "deliveries", None), (date(2026, 7, 16), "rumour", None),
        (date(2026, 7, 1), "earnings", "before_open"), (SESSION, "earnings", "after_close"),
    )  # fmt: skip
    found = moves.realised(known, CLOSES, SESSION, calendar)
    told = {(item.kind, item.day.day): item for item in found}
    assert told["earnings", 15].move == pytest.approx(0.10)
    assert told["launch", 15].move == pytest.approx(-0.10)
    # Saturday's: from Friday's close to Monday's.
    assert told["deliveries", 18].move == pytest.approx(0.10)
    assert told["rumour", 16].reason == "the table of events does not say when on that day"
    assert told["earnings", 1].reason == "the close of 2026-06-30 is not known"
    # What is told after this close has not moved anything yet.
    assert ("earnings", 20) not in told
