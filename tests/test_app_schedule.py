"""The schedule: fire times worked out by hand from the exchange's hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from driven_clock import Driven
from standard import calendar

from scanner.app.triggers import AtSession, DuringSession, OnCron, trigger_for
from scanner.config import Job
from scanner.errors import CalendarError

QUARTER = timedelta(minutes=15)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "fires"),
    [
        (at(2026, 7, 24, 12, 0), at(2026, 7, 24, 13, 45)),  # before the open: open + 15m
        (at(2026, 7, 24, 13, 45), at(2026, 7, 24, 13, 45)),  # exactly on the grid
        (at(2026, 7, 24, 13, 46), at(2026, 7, 24, 14, 0)),
        (at(2026, 7, 24, 20, 1), at(2026, 7, 27, 13, 45)),  # after Friday's close: Monday
        (at(2026, 7, 2, 20, 30), at(2026, 7, 6, 13, 45)),  # over a holiday and a weekend
        (at(2025, 11, 28, 17, 50), at(2025, 11, 28, 18, 0)),  # a half day ends at 13:00
        (at(2025, 11, 28, 18, 1), at(2025, 12, 1, 14, 45)),
        (at(2026, 3, 6, 21, 30), at(2026, 3, 9, 13, 45)),  # daylight saving begins in between
    ],
)
def test_scans_during_the_session_follow_the_exchanges_hours(now, fires):
    assert DuringSession(QUARTER, calendar).get_next_fire_time(None, now) == fires


def test_a_session_has_one_scan_a_quarter_of_an_hour_and_none_twice():
    trigger, fired = DuringSession(QUARTER, calendar), []
    now = at(2026, 7, 24, 12, 0)
    while not fired or fired[-1].date() == now.date():
        fired.append(trigger.get_next_fire_time(fired[-1] if fired else None, now))
    today = fired[:-1]
    assert len(today) == 26  # six and a half hours
    assert {later - earlier for earlier, later in pairwise(today)} == {QUARTER}
    assert fired[-1] == at(2026, 7, 27, 13, 45)


def test_the_closing_scan_waits_for_the_slowest_product_and_the_sources_delay():
    stocks = AtSession("close", ["GOOG"], timedelta(minutes=15), calendar)
    with_index = AtSession("close", ["GOOG", "SPX"], timedelta(minutes=15), calendar)
    morning = at(2026, 7, 24, 12, 0)
    assert stocks.get_next_fire_time(None, morning) == at(2026, 7, 24, 20, 20)  # 16:00 + 15m + 5m
    assert with_index.get_next_fire_time(None, morning) == at(2026, 7, 24, 20, 35)  # 16:15 + 15m + 5m
    assert stocks.get_next_fire_time(at(2026, 7, 24, 20, 20), at(2026, 7, 24, 20, 20)) == at(2026, 7, 27, 20, 20)


def test_a_start_after_midnight_still_finds_the_closing_scan_of_the_coming_session():
    trigger = AtSession("close", ["GOOG"], timedelta(), calendar)
    assert trigger.get_next_fire_time(None, at(2026, 7, 25, 2, 0)) == at(2026, 7, 27, 20, 5)


@pytest.mark.parametrize(
    ("moment", "now", "fires"),
    [
        ("open+30m", at(2026, 7, 24, 12, 0), at(2026, 7, 24, 14, 0)),
        ("open-1h", at(2026, 7, 24, 12, 0), at(2026, 7, 24, 12, 30)),
        ("close-10m", at(2025, 11, 28, 14, 0), at(2025, 11, 28, 17, 50)),  # a half day ends at 13:00
        ("09:45", at(2026, 7, 2, 20, 0), at(2026, 7, 6, 13, 45)),  # 3 July is a holiday
        ("18:00", at(2026, 3, 6, 23, 30), at(2026, 3, 9, 22, 0)),  # daylight saving begins in between
    ],
)
def test_a_job_runs_once_a_session_at_the_moment_it_names(moment, now, fires):
    job = Job(name="x", watchlist="w", at=moment)
    assert trigger_for(job, ["GOOG"], timedelta(minutes=15), calendar, now).get_next_fire_time(None, now) == fires


@pytest.mark.parametrize(
    ("line", "during", "now", "fires"),
    [
        ("30 16 * * 1-5", "always", at(2026, 7, 24, 12, 0), at(2026, 7, 24, 20, 30)),  # a Friday, day 5
        ("30 16 * * 1-5", "always", at(2026, 7, 24, 21, 0), at(2026, 7, 27, 20, 30)),  # no Saturday
        ("0 9 * * 0", "always", at(2026, 7, 24, 12, 0), at(2026, 7, 26, 13, 0)),  # day 0 is Sunday
        ("0 9 * * 5-7/2", "always", at(2026, 7, 24, 14, 0), at(2026, 7, 26, 13, 0)),  # Friday and Sunday
        ("*/20 * * * *", "regular", at(2026, 7, 24, 20, 1), at(2026, 7, 27, 13, 40)),  # the first after 09:30
        ("0 * * * *", "extended", at(2026, 7, 24, 20, 1), at(2026, 7, 24, 21, 0)),  # until 20:00 New York
        ("0 * * * *", "extended", at(2026, 7, 25, 0, 1), at(2026, 7, 27, 8, 0)),  # from 04:00 on
        ("0 12 3 7 *", "regular", at(2026, 7, 1, 0, 0), at(2028, 7, 3, 16, 0)),  # a holiday in 2026; 2027: Saturday
    ],
)
def test_a_crontab_line_means_what_it_means_in_a_crontab_by_new_yorks_clock(line, during, now, fires):
    assert OnCron(line, during, calendar).get_next_fire_time(None, now) == fires


def test_extended_hours_reach_from_four_to_eight():
    job = Job(name="x", watchlist="w", every="2h", during="extended")
    trigger, now, fired = trigger_for(job, ["GOOG"], timedelta(), calendar, at(2026, 7, 24, 0, 0)), None, []
    for _ in range(9):
        now = trigger.get_next_fire_time(now, now or at(2026, 7, 24, 4, 30))
        fired.append(now)
    # 06:00 to 20:00 New York on Friday, then Monday
    assert fired == [*(at(2026, 7, 24, hour) for hour in range(10, 24, 2)), at(2026, 7, 25), at(2026, 7, 27, 10)]


INTRADAY = Job(name="intraday", watchlist="w", every="15m")
CLOSE = Job(name="close", watchlist="w", at="close")
MINUTELY = Job(name="minutely", watchlist="w", every="1m", during="always")


@pytest.fixture
def driven(monkeypatch):
    """Starts a schedule on a clock that the test drives."""
    return lambda begin, *jobs, last_runs=None: Driven(monkeypatch, begin, jobs, last_runs)


def test_a_night_of_sleep_into_the_session_costs_one_late_scan_and_no_more(driven):
    """Closed on Monday at 18:00 New York, opened on Tuesday at 10:00: that of 09:45 runs now, that of 10:15 then."""
    clock = driven(at(2026, 11, 30, 23, 0), INTRADAY, CLOSE)
    clock.jump(at(2026, 12, 1, 15, 0))
    assert clock.runs == [("intraday", at(2026, 12, 1, 15, 0))]
    clock.pass_time(at(2026, 12, 1, 15, 30))
    assert clock.of("intraday")[1:] == [at(2026, 12, 1, 15, 15), at(2026, 12, 1, 15, 30)]


def test_a_scan_of_a_session_that_closed_meanwhile_is_left_out_and_the_close_is_not(driven, caplog):
    caplog.set_level("INFO")
    clock = driven(at(2026, 12, 1, 18, 0), INTRADAY, CLOSE)  # 13:00 New York
    clock.jump(at(2026, 12, 2, 3, 0))  # 22:00
    assert clock.runs == [("close", at(2026, 12, 2, 3, 0))]
    assert "job intraday: too late, for the session has closed; left out" in caplog.text


@pytest.mark.parametrize(("wakes", "ran"), [(at(2026, 12, 2, 14, 29), 1), (at(2026, 12, 2, 14, 31), 0)])
def test_a_missed_close_is_scanned_until_the_next_session_opens(driven, wakes, ran):
    clock = driven(at(2026, 12, 1, 20, 0), CLOSE)
    clock.jump(wakes)
    assert len(clock.runs) == ran
    clock.pass_time(at(2026, 12, 2, 21, 30), timedelta(minutes=1))
    assert clock.of("close")[ran:] == [at(2026, 12, 2, 21, 20)]


def test_a_weekend_of_sleep_scans_fridays_close_once(driven):
    clock = driven(at(2026, 12, 4, 20, 0), INTRADAY, CLOSE)
    for wakes in (at(2026, 12, 5, 9, 0), at(2026, 12, 6, 9, 0), at(2026, 12, 7, 9, 0)):
        clock.jump(wakes)
    assert clock.runs == [("close", at(2026, 12, 5, 9, 0))]


def test_a_confirmation_that_was_missed_is_made_up_for_on_the_closed_market(driven):
    """The open interest of the morning stands until the next one."""
    confirm = Job(name="confirm", watchlist="w", task="confirm", at="open")
    clock = driven(at(2026, 12, 1, 13, 0), confirm)
    clock.jump(at(2026, 12, 2, 3, 0))
    assert clock.of("confirm") == [at(2026, 12, 2, 3, 0)]


def test_a_clock_set_back_by_two_hours_stops_nothing(driven, caplog):
    caplog.set_level("INFO")
    clock = driven(at(2026, 12, 1, 18, 0), MINUTELY, INTRADAY)
    clock.pass_time(at(2026, 12, 1, 18, 5))
    clock.jump(at(2026, 12, 1, 16, 5))
    clock.pass_time(at(2026, 12, 1, 16, 16))
    assert clock.of("minutely")[5:] == [at(2026, 12, 1, 16, minute) for minute in range(6, 17)]
    assert clock.of("intraday")[-1] == at(2026, 12, 1, 16, 15)
    assert "the clock was set back to 2026-12-01 11:05 New York" in caplog.text


def test_a_correction_of_the_clock_by_seconds_runs_nothing_twice(driven):
    clock = driven(at(2026, 12, 1, 15, 14), INTRADAY)
    clock.pass_time(at(2026, 12, 1, 15, 15))
    clock.jump(at(2026, 12, 1, 15, 14, 20))
    clock.pass_time(at(2026, 12, 1, 15, 20))
    assert clock.of("intraday") == [at(2026, 12, 1, 15, 15)]


def test_a_clock_that_was_never_set_loses_no_job_and_no_time(driven):
    clock = driven(at(1970, 1, 1, 0, 0), MINUTELY, INTRADAY, CLOSE)
    clock.jump(at(2026, 12, 1, 15, 7))
    assert clock.runs == [("minutely", at(2026, 12, 1, 15, 7)), ("intraday", at(2026, 12, 1, 15, 7))]
    clock.pass_time(at(2026, 12, 1, 15, 15))
    assert clock.of("intraday")[1:] == [at(2026, 12, 1, 15, 15)]


def test_the_end_of_the_calendar_is_said_and_ends_nothing_else(driven, caplog):
    clock = driven(at(2032, 12, 31, 20, 50), MINUTELY, INTRADAY, CLOSE)  # 15:50 New York, the last session known
    clock.pass_time(at(2033, 1, 4, 20, 0), timedelta(minutes=5))
    assert clock.of("intraday") == [at(2032, 12, 31, 21, 0)]
    assert clock.of("close") == [at(2032, 12, 31, 21, 20)]
    assert clock.of("minutely")[-1] == at(2033, 1, 4, 20, 0)
    assert not clock.schedule.is_over
    late = driven(at(2040, 1, 1, 0, 0), INTRADAY)
    assert "job intraday: never runs: the exchange's calendar ends on 2032-12-31" in caplog.text
    assert late.schedule.is_over


def test_a_start_makes_up_once_for_what_was_missed_since_the_job_last_began(driven):
    last = {"close": at(2026, 11, 30, 21, 20), "intraday": at(2026, 12, 1, 15, 0)}
    clock = driven(at(2026, 12, 2, 2, 0), INTRADAY, CLOSE, last_runs=last)
    clock.pass_time(at(2026, 12, 2, 2, 30))
    assert clock.runs == [("close", at(2026, 12, 2, 2, 0))]
    again = driven(at(2026, 12, 2, 3, 0), INTRADAY, CLOSE, last_runs={**last, "close": at(2026, 12, 2, 2, 0)})
    again.pass_time(at(2026, 12, 2, 4, 0))
    assert again.runs == []


def test_a_run_that_fails_is_said_and_the_others_go_on(driven, caplog):
    clock = driven(at(2026, 12, 1, 15, 14), INTRADAY)

    def fail(_job):
        raise CalendarError("no such day")

    clock.work = fail
    clock.pass_time(at(2026, 12, 1, 15, 20))
    clock.work = clock.note
    clock.pass_time(at(2026, 12, 1, 15, 30))
    assert "job intraday failed: no such day; the schedule goes on" in caplog.text
    assert "Traceback" not in caplog.text
    assert len(clock.runs) == 1


def test_a_year_with_sleeps_and_clocks_set_runs_what_is_due_once_and_nothing_on_a_closed_market(driven):
    """2026: 251 sessions, two of them half days, both changes of daylight saving; hours counted by hand.

    The machine sleeps every 5th night until noon and every 7th afternoon through the close; the clock is set forward or
    back by two hours on the 11th and 13th days, at night, when nothing is due.
    """
    clock = driven(at(2026, 1, 1, 5, 0), INTRADAY, CLOSE)
    days = calendar.sessions_between(date(2026, 1, 1), date(2026, 12, 31))
    half_days = [day for day in days if calendar.session_close(day) - calendar.session_open(day) < timedelta(hours=6)]
    assert (len(days), len(half_days)) == (251, 2)
    expected = 0
    for number, day in enumerate(days):
        opened, closed = calendar.session_open(day), calendar.session_close(day)
        scans = (closed - opened) // QUARTER
        before = len(clock.of("intraday"))
        if number % 11 == 10:
            clock.jump(opened - timedelta(hours=4))
            clock.jump(opened - timedelta(hours=6))
        if number % 13 == 12:
            clock.jump(opened - timedelta(hours=2))
        if number % 5 == 4:
            clock.jump(opened + timedelta(hours=2, minutes=5))  # eight were due: one late run
            expected += scans - 8 + 1
        elif number % 7 == 6:
            clock.pass_time(closed - timedelta(minutes=50), timedelta(minutes=1))  # the last four sleep
            expected += scans - 4
            clock.jump(closed + timedelta(hours=9))
        else:
            expected += scans
        clock.pass_time(closed + timedelta(hours=1), timedelta(minutes=1))
        assert len(clock.of("intraday")) == expected, day
        assert len(clock.of("close")) == number + 1, day
        assert all(opened < moment <= closed for moment in clock.of("intraday")[before:]), day


@pytest.mark.parametrize("every", ["6h", "3h", "1m"])
def test_an_interval_that_fits_a_session_always_comes(every):
    job = Job(name="x", watchlist="w", every=every)
    noon = at(2026, 7, 24, 12, 0)
    fires = trigger_for(job, ["GOOG"], timedelta(), calendar, noon).get_next_fire_time(None, noon)
    assert fires == at(2026, 7, 24, 13, 30) + job.every


def test_what_became_due_during_a_long_scan_is_made_up_for_once_and_said(driven, caplog):
    caplog.set_level("INFO")
    clock = driven(at(2026, 12, 1, 14, 40), INTRADAY)

    def slow(due):
        clock.note(due)
        if len(clock.runs) == 1:
            clock.now += timedelta(minutes=50)

    clock.work = slow
    clock.pass_time(at(2026, 12, 1, 14, 45))
    assert clock.of("intraday") == [at(2026, 12, 1, 14, 45), at(2026, 12, 1, 15, 35)]
    assert "was due at 2026-12-01 10:30 New York and is made up for now; 2 earlier ones are left out" in caplog.text
    clock.pass_time(at(2026, 12, 1, 15, 46))
    assert clock.of("intraday")[2:] == [at(2026, 12, 1, 15, 45)]


def test_what_comes_too_late_is_handed_on_to_be_recorded(driven):
    clock = driven(at(2026, 12, 1, 20, 40), INTRADAY)
    clock.jump(at(2026, 12, 2, 3, 0))
    (left_out,) = clock.left_out
    assert (left_out.at, left_out.runs) == (at(2026, 12, 1, 21, 0), 2)
    assert left_out.too_late == "the session has closed"
