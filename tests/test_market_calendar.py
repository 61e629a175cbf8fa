"""The calendar: expected dates and hours are the exchange's published ones, worked out by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time

import exchange_calendars
import polars as pl
import pytest
from standard import calendar

from scanner.errors import CalendarError


def test_every_session_and_its_hours_are_those_of_exchange_calendars():
    """Where this fails after an upgrade of that library, run `python tools/write_calendar.py`."""
    known = exchange_calendars.get_calendar("XNYS", start="2004-01-01", end="2032-12-31").schedule
    days = calendar.sessions_between(date(2004, 1, 1), date(2032, 12, 31))
    assert days == [stamp.date() for stamp in known.index]
    assert [calendar.session_open(day) for day in days] == known["open"].to_list()
    assert [calendar.session_close(day) for day in days] == known["close"].to_list()


@pytest.mark.parametrize(
    "holiday",
    [
        date(2024, 6, 19),  # Juneteenth
        date(2025, 4, 18),  # Good Friday
        date(2026, 5, 25),  # Memorial Day
        date(2026, 7, 3),  # Independence Day, observed
        date(2025, 1, 9),  # national day of mourning
        date(2025, 9, 6),  # a Saturday
    ],
)
def test_holidays_and_weekends_are_no_sessions(holiday):
    assert not calendar.is_session(holiday)
    with pytest.raises(ValueError, match=str(holiday)):
        calendar.session_close(holiday)


def test_the_session_before_a_holiday_is_found_across_it():
    assert calendar.previous_session(date(2024, 6, 20)) == date(2024, 6, 18)
    assert calendar.next_session(date(2024, 6, 18)) == date(2024, 6, 20)
    assert calendar.previous_session(date(2026, 5, 26), 2) == date(2026, 5, 21)
    assert calendar.sessions_between(date(2026, 7, 1), date(2026, 7, 7)) == [
        date(2026, 7, 1),
        date(2026, 7, 2),
        date(2026, 7, 6),
        date(2026, 7, 7),
    ]


@pytest.mark.parametrize(
    ("day", "opened", "closed"),
    [
        # daylight saving began on 2026-03-08 and ends on 2026-11-01
        (date(2026, 3, 6), datetime(2026, 3, 6, 14, 30, tzinfo=UTC), datetime(2026, 3, 6, 21, 0, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 9, 13, 30, tzinfo=UTC), datetime(2026, 3, 9, 20, 0, tzinfo=UTC)),
        (date(2026, 11, 2), datetime(2026, 11, 2, 14, 30, tzinfo=UTC), datetime(2026, 11, 2, 21, 0, tzinfo=UTC)),
        # the day after Thanksgiving closes at 13:00
        (date(2025, 11, 28), datetime(2025, 11, 28, 14, 30, tzinfo=UTC), datetime(2025, 11, 28, 18, 0, tzinfo=UTC)),
    ],
)
def test_hours_follow_new_york_through_daylight_saving_and_half_days(day, opened, closed):
    assert (calendar.session_open(day), calendar.session_close(day)) == (opened, closed)


def test_quotes_seen_at_night_or_on_a_weekend_belong_to_the_session_before():
    friday = date(2026, 7, 24)
    assert calendar.session_of(datetime(2026, 7, 25, 3, 44, tzinfo=UTC)) == friday
    assert calendar.session_of(datetime(2026, 7, 27, 13, 29, tzinfo=UTC)) == friday
    assert calendar.session_of(datetime(2026, 7, 27, 13, 30, tzinfo=UTC)) == date(2026, 7, 27)


def test_the_elapsed_part_of_a_session_runs_from_nothing_to_all_of_it():
    assert calendar.elapsed_fraction(datetime(2026, 7, 24, 13, 30, tzinfo=UTC)) == 0.0
    assert calendar.elapsed_fraction(datetime(2026, 7, 24, 16, 45, tzinfo=UTC)) == 0.5
    assert calendar.elapsed_fraction(datetime(2026, 7, 25, 3, 0, tzinfo=UTC)) == 1.0


@pytest.mark.parametrize(
    ("expiry", "settlement", "instant"),
    [
        (date(2025, 9, 12), "PM", datetime(2025, 9, 12, 20, 0, tzinfo=UTC)),
        (date(2026, 11, 20), "AM", datetime(2026, 11, 20, 14, 30, tzinfo=UTC)),
        (date(2025, 11, 28), "PM", datetime(2025, 11, 28, 18, 0, tzinfo=UTC)),
        (date(2015, 1, 17), "PM", datetime(2015, 1, 16, 21, 0, tzinfo=UTC)),  # a Saturday, as monthlies carried then
        (date(2038, 1, 15), "PM", datetime(2038, 1, 15, 21, 0, tzinfo=UTC)),  # beyond the calendar: an ordinary close
    ],
)
def test_expiry_instants_are_in_new_york_by_settlement(expiry, settlement, instant):
    assert calendar.expiry_instant(expiry, settlement) == instant
    column = calendar.expiry_instants(pl.Series([expiry, expiry]), pl.Series([settlement, settlement]))
    assert column.to_list() == [instant, instant]


@pytest.mark.parametrize(
    ("day", "monthly"),
    [
        (date(2026, 8, 21), True),
        (date(2026, 8, 14), False),
        (date(2025, 4, 17), True),  # the third Friday is Good Friday
        (date(2015, 1, 17), True),
        (date(2026, 6, 18), True),  # the third Friday is Juneteenth
        (date(2026, 8, 20), False),
    ],
)
def test_monthly_expiries_are_third_fridays_or_the_session_before(day, monthly):
    assert calendar.is_monthly_expiry(day) is monthly


@pytest.mark.parametrize(
    ("day", "monthly"),
    [
        # Thirty days before the third Fridays of 21 August, 18 September, 16 October 2026 and 15 January 2027.
        (date(2026, 7, 22), True),
        (date(2026, 8, 19), True),
        (date(2026, 9, 16), True),
        (date(2026, 12, 16), True),
        (date(2026, 7, 29), False),
        (date(2026, 8, 21), False),  # the third Friday itself
        (date(2025, 3, 18), True),  # thirty days later is Good Friday: a Tuesday, as it was
        (date(2025, 3, 19), False),
        (date(2024, 6, 18), True),  # the Wednesday is Juneteenth
        (date(2026, 5, 19), True),  # thirty days after the 20th is Juneteenth
        (date(2040, 1, 18), True),  # beyond the calendar, where no holiday is known
    ],
)
def test_options_on_volatility_expire_thirty_days_before_the_next_third_friday(day, monthly):
    assert calendar.is_monthly_expiry(day, "VIX") is monthly


def test_a_holiday_announced_later_moves_the_monthly_expiries():
    amended = calendar.amended({date(2026, 9, 18): None})
    assert amended.is_monthly_expiry(date(2026, 9, 17))
    assert amended.is_monthly_expiry(date(2026, 8, 18), "VIX")
    assert calendar.is_monthly_expiry(date(2026, 8, 19), "VIX")


def test_index_options_close_a_quarter_of_an_hour_late():
    assert calendar.option_close(date(2026, 8, 20), "SPX") == datetime(2026, 8, 20, 20, 15, tzinfo=UTC)
    assert calendar.option_close(date(2026, 8, 20), "GOOG") == datetime(2026, 8, 20, 20, 0, tzinfo=UTC)
    assert calendar.option_close(date(2026, 11, 27), "XLE") == datetime(2026, 11, 27, 18, 15, tzinfo=UTC)


def test_quotes_of_the_close_outlast_the_price_of_what_trades_on():
    day, close = date(2026, 7, 30), datetime(2026, 7, 30, 20, 0, tzinfo=UTC)
    assert calendar.quotes_outlast_spot(day, "SPY", close)
    assert not calendar.quotes_outlast_spot(day, "AAPL", close)
    assert not calendar.quotes_outlast_spot(day, "SPY", datetime(2026, 7, 30, 19, 59, tzinfo=UTC))
    assert not calendar.quotes_outlast_spot(date(2026, 8, 1), "SPY", close)


def test_a_bare_date_means_that_sessions_close():
    assert calendar.parse_instant("2025-09-05") == datetime(2025, 9, 5, 20, 0, tzinfo=UTC)
    assert calendar.parse_instant("20250905") == datetime(2025, 9, 5, 20, 0, tzinfo=UTC)
    assert calendar.parse_instant("2025-W36-5") == datetime(2025, 9, 5, 20, 0, tzinfo=UTC)
    assert calendar.parse_instant(" 2025-09-05t19:30:00z") == datetime(2025, 9, 5, 19, 30, tzinfo=UTC)
    assert calendar.parse_instant("2025-09-05T15:30:00-04:00") == datetime(2025, 9, 5, 19, 30, tzinfo=UTC)
    assert calendar.parse_instant("2025-09-05T15:30:00") == datetime(2025, 9, 5, 15, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="2025-09-06"):
        calendar.parse_instant("2025-09-06")
    with pytest.raises(ValueError, match="yesterday"):
        calendar.parse_instant("yesterday")
    for beyond in ("1999-01-01T00:00Z", "0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59"):
        with pytest.raises(ValueError, match=beyond.partition("+")[0]):
            calendar.parse_instant(beyond)


FRIDAY, SATURDAY = date(2027, 3, 12), date(2027, 3, 13)


def test_a_closure_that_is_announced_makes_another_calendar_and_leaves_the_first_as_it_is():
    assert calendar.expiry_instant(FRIDAY, "PM") == datetime(2027, 3, 12, 21, 0, tzinfo=UTC)
    closed = calendar.amended({FRIDAY: None})
    assert not closed.is_session(FRIDAY)
    assert closed.previous_session(date(2027, 3, 15)) == date(2027, 3, 11)
    assert closed.expiry_instant(FRIDAY, "PM") == datetime(2027, 3, 11, 21, 0, tzinfo=UTC)
    assert calendar.is_session(FRIDAY)
    assert calendar.expiry_instant(FRIDAY, "PM") == datetime(2027, 3, 12, 21, 0, tzinfo=UTC)


def test_a_closure_can_be_taken_back_and_what_says_the_same_is_the_same_calendar():
    closed = calendar.amended({FRIDAY: None})
    reopened = closed.amended({FRIDAY: (time(9, 30), time(16, 0))})
    assert reopened.is_session(FRIDAY)
    assert reopened == calendar != closed
    assert (reopened.fingerprint == calendar.fingerprint, closed.fingerprint == calendar.fingerprint) == (True, False)
    assert [reopened.told_later(FRIDAY), closed.told_later(date(2027, 3, 11))] == ["", ""]
    assert closed.told_later(FRIDAY) != ""


def test_a_calendar_does_not_change_with_what_it_was_made_of():
    changes = {FRIDAY: None, SATURDAY: (time(10, 0), time(12, 30))}
    made = calendar.amended(changes)
    changes.clear()
    assert (made.is_session(FRIDAY), made.is_session(SATURDAY)) == (False, True)
    with pytest.raises(AttributeError):
        made.days = ()


def test_odd_hours_can_be_put_into_the_calendar_at_a_weekend_too():
    amended = calendar.amended({SATURDAY: (time(10, 0), time(12, 30))})
    assert amended.session_open(SATURDAY) == datetime(2027, 3, 13, 15, 0, tzinfo=UTC)
    assert amended.session_close(SATURDAY) == datetime(2027, 3, 13, 17, 30, tzinfo=UTC)
    assert amended.next_session(FRIDAY) == SATURDAY


def test_two_calendars_asked_in_turns_or_side_by_side_do_not_meet():
    """One is closed on a Friday, one closes at 13:00, one at 16:00, which in winter is 21:00 UTC."""
    wanted = {
        None: datetime(2027, 3, 11, 21, 0, tzinfo=UTC),
        (time(9, 30), time(13, 0)): datetime(2027, 3, 12, 18, 0, tzinfo=UTC),
        (time(9, 30), time(16, 0)): datetime(2027, 3, 12, 21, 0, tzinfo=UTC),
    }
    made = {hours: calendar.amended({FRIDAY: hours}) for hours in wanted}

    def ask(hours):
        one = made[hours]
        return [(one.expiry_instant(FRIDAY, "PM"), one.session_of(wanted[hours])) for _ in range(50)]

    with ThreadPoolExecutor(6) as pool:
        for hours, answers in zip([*wanted] * 4, pool.map(ask, [*wanted] * 4), strict=True):
            assert set(answers) == {(wanted[hours], wanted[hours].date())}


@pytest.mark.parametrize("day", [date(2003, 9, 4), date(2033, 1, 5)])
def test_a_day_beyond_the_calendar_is_an_error_that_says_what_it_knows(day):
    noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    asked = [
        lambda: calendar.session_of(noon),
        lambda: calendar.session_close(day),
        lambda: calendar.previous_session(day),
        lambda: calendar.next_session(day),
        lambda: calendar.amended({day: None}),
    ]
    for ask in asked:
        with pytest.raises(CalendarError, match="which knows 2004-01-01 to 2032-12-31"):
            ask()


def test_the_ends_of_the_calendar_have_no_neighbours_beyond_them():
    assert calendar.session_of(datetime(2032, 12, 31, 20, tzinfo=UTC)) == date(2032, 12, 31)
    assert calendar.previous_session(date(2033, 1, 1)) == date(2032, 12, 31)
    assert calendar.next_session(date(2003, 12, 31)) == date(2004, 1, 2)
    assert [calendar.is_covered(date(2004, 1, day)) for day in (2, 5)] == [False, True]
    with pytest.raises(CalendarError):
        calendar.next_session(date(2032, 12, 31))
    with pytest.raises(CalendarError):
        calendar.previous_session(date(2004, 1, 2))
