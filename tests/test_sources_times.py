"""Moments and dates as vendors, spreadsheets and browsers write them.

The written dates are what ICU (``Intl.DateTimeFormat`` of a browser) makes of 2026-08-20 17:45 UTC in New York.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.sources.formats import times

NEW_YORK = ZoneInfo("America/New_York")
QUARTER_TO_TWO = datetime(2026, 8, 20, 17, 45, tzinfo=UTC)
# 2026-08-20 17:45:00 UTC is 1,787,247,900 seconds after 1970 (20,685 days of 86,400 and 63,900).
EPOCH = 20_685 * 86_400 + 63_900


@pytest.mark.parametrize(
    "text",
    [
        "2026-08-20T13:45:00-04:00",
        "2026-08-20T13:45-04:00",
        "2026-08-20T13:45-0400",
        "2026-08-20 13:45:00-04",
        "2026-08-20 13:45:00 -04:00",
        "2026-08-20T17:45Z",
        "2026-08-20t17:45:00z",
        "2026-08-20T17:45:00z",
        "2026-08-20t13:45:00-04:00",
        "2026-08-20t17:45:00.000z",
        "2026-08-20 17:45:00z",
        "20260820t174500z",
        "2026-08-20 17:45:00.000 Z",
        "2026-08-20T17:45:00.000000000Z",
        "2026-08-20T17:45:00+00:00",
        "2026-08-20 17:45:00 UTC",
        "2026-08-20 18:45+01:00",
        "2026-08-20 23:15:00+05:30",
        "2026-08-20 13:45:00",
        "2026-08-20 13:45",
        "2026-08-20T13:45:00.0",
        "2026-08-20 13:45:00 EDT",
        "2026-08-20 12:45:00 EST",
        "2026-08-20 13:45 America/New_York",
        "2026-08-20T13:45:00-04:00[America/New_York]",
        "2026-08-20 12:45 America/Chicago",
        "2026-08-20 1:45 PM",
        "2026-08-20 01:45:00 pm",
        "8/20/2026 1:45:00 PM",
        "08/20/2026 13:45",
        "20/08/2026 13:45",
        "20.08.2026 13:45:00",
        "20-Aug-2026 13:45",
        "Thu Aug 20 2026 13:45:00 GMT-0400",
        "Thursday, August 20, 2026 1:45 PM EDT",
        "20260820T134500-0400",
        "20260820134500",
        "20260820 1345",
        "202608201345",
        str(EPOCH),
        f"{EPOCH}.0",
        f"{EPOCH}000",
        f"{EPOCH}000000",
        f"{EPOCH}000000000",
        f" {EPOCH}000 ",
    ],
)
def test_every_common_spelling_of_a_moment_is_read(text: str) -> None:
    read = times.instants(pl.Series([text]), "America/New_York")
    assert read.to_list() == [QUARTER_TO_TWO]


@pytest.mark.parametrize(
    "text",
    [
        "August 20, 2026 at 1:45 PM EDT",
        "August 20, 2026 at 1:45 p.m. EDT",
        "20 August 2026 at 13:45 GMT-4",
        "20 August 2026 at 1:45 pm GMT-4",
        "20. August 2026 um 13:45 GMT-4",
        "20 août 2026 à 13:45 UTC−4",
        "20 août 2026 à 13 h 45 HAE",
        "20 de agosto de 2026 a las 13:45 GMT-4",
        "20 agosto 2026 alle ore 13:45 GMT-4",
        "20 de agosto de 2026 às 13:45 GMT-4",
        "20 augustus 2026 om 13:45 EDT",
        "20 augusti 2026 kl. 13:45 GMT−4",
        "20. august 2026 kl. 13.45 GMT-4",
        "20. elokuuta 2026 klo 13.45 UTC-4",
        "20 sierpnia 2026 13:45 GMT-4",
        "20. srpna 2026 v 13:45 EDT",
        "2026. augusztus 20. 13:45 GMT-4",
        "20 august 2026 la 13:45 GMT-4",
        "20 Ağustos 2026 13:45 GMT-4",
        "20 августа 2026 г. в 13:45 GMT-4",
        "20 серпня 2026 р. о 13:45 GMT-4",
        "20 Agustus 2026 pukul 13.45 EDT",
        "2026年8月20日 13:45 GMT-4",
        "2026年8月20日 GMT-4 13:45",
        "2026年8月20日 下午1:45 [EDT]",
        "2026년 8월 20일 오후 1:45 GMT-4",
        "2026. 8. 20. PM 1:45:00",
        "2026/8/20 13:45:00",
        "20. 8. 2026 13:45:00",
        "20.8.2026, 13.45.00",
        "20-8-2026, 13:45:00",
    ],
)
def test_the_date_line_of_a_browser_is_read_in_its_language(text: str) -> None:
    assert times.moment(text, NEW_YORK) == QUARTER_TO_TWO


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "13:45",
        "2026-08-20",
        "20 August 2026",
        "5/6/2026 13:45",  # of May or of June
        "5-6-2026, 13:45:00",
        "20 listopada 2026 13:45",  # of November in Poland, of October in Croatia
        "20 Αυγούστου 2026 στις 1:45 μ.μ. GMT-4",
        "2026年8月20日 晚上8:09",
        "20 August 2026 at 13:45 LMT",
        "20 สิงหาคม 2569 เวลา 13:45 GMT-4",
        "2026-08-20 25:45:00",
        "2026-08-20 13:45 PM",
        "2026-02-30 13:45:00",
        "2026-03-08 02:30:00",  # the hour that spring skips
        "2026-08-20 13:45:00 Mars/Phobos",
        "2026-08-20T13:45:00+99:99",
        "0001-01-01 00:00:00",
        "1970-01-01T00:00:00Z",
        "2033-01-03 10:00:00",
        "9999-12-31T23:59:59Z",
        "20/1/2569 12:45:00",  # a year of the Buddhist calendar
        "-62135596800",
        "17",
        "1e400",
        "",
        "\x00",
    ],
)
def test_what_is_no_moment_or_may_be_two_is_not_guessed(text: str) -> None:
    assert times.instants(pl.Series([text]), "America/New_York").to_list() == [None]


def test_one_date_that_can_be_read_in_one_way_only_tells_the_order_of_its_column() -> None:
    european = pl.Series(["05/06/2026 13:45", "20/08/2026 13:45"])
    american = pl.Series(["05/06/2026 13:45", "08/20/2026 13:45"])
    assert times.instants(european, "UTC").dt.date().to_list() == [date(2026, 6, 5), date(2026, 8, 20)]
    assert times.instants(american, "UTC").dt.date().to_list() == [date(2026, 5, 6), date(2026, 8, 20)]


def test_the_doubled_hour_of_autumn_counts_as_summers() -> None:
    read = times.instants(pl.Series(["2026-11-01 01:30:00", "2026-11-01 01:30"]), "America/New_York")
    assert read.to_list() == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)] * 2


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([QUARTER_TO_TWO]),
        pl.Series([datetime(2026, 8, 20, 13, 45)]),
        pl.Series([datetime(2026, 8, 20, 12, 45, tzinfo=ZoneInfo("America/Chicago"))]),
        pl.Series([EPOCH]),
        pl.Series([EPOCH * 1000.0]),
        pl.Series([EPOCH * 10**9]),
    ],
    ids=["aware", "naive", "Chicago", "seconds", "milliseconds as floats", "nanoseconds"],
)
def test_typed_columns_are_read_as_what_they_are(column: pl.Series) -> None:
    assert times.instants(column, "America/New_York").to_list() == [QUARTER_TO_TWO]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-08-28", "20260828", "2026/08/28", "8/28/2026", "28/8/2026", "28.8.2026", "28-08-2026"),
        *("28-Aug-2026", "28 Aug 2026", "Fri Aug 28 2026", "August 28, 2026", "28 août 2026", "2026年8月28日"),
        *("2026-08-28 00:00:00", "2026-08-28T16:00:00-04:00", "8/28/2026 12:00:00 AM", "1787875200", "1787875200000"),
        "2026-08-28t16:00:00z",
        "20260828.0",
    ],
)
def test_every_common_spelling_of_a_date_is_read(text: str) -> None:
    assert times.day(text) == date(2026, 8, 28)


@pytest.mark.parametrize(
    "text",
    [
        "2026-08-2\x048",
        "2026-08-2\x04",
        "2026-08-28x",
        "2026-08-2815",
        "2026-13-01",
        "28",
        "260828",
        "46262",
        "1612",
        "",
        "Aug",
    ],
)
def test_a_date_with_something_else_behind_it_is_none(text: str) -> None:
    assert times.day(text) is None


@pytest.mark.parametrize("text", ["2026-08-28 13:4\x1e5", "2026-08-2\x04 13:45", "178723\x1f9800"])
def test_a_moment_with_a_control_character_in_it_is_none(text: str) -> None:
    assert times.moment(text, NEW_YORK) is None


@pytest.mark.parametrize("text", ["2026-08-2<", "2026-08-2\ufffd", "2026-08-2= 13:45", "08/2@/2026", "2 Aug 2026 ^"])
def test_what_a_sign_that_no_date_has_may_hide_is_not_guessed(text: str) -> None:
    assert times.day(text) is None
    assert times.moment(text, NEW_YORK) is None


@pytest.mark.parametrize(
    "damaged", ["2026-08-2{}", "2026-08-{}1", "2026-0{}-21", "2026-{}8-21", "2026-10-2{}", "{}8/21/2026", "08/2{}/2026"]
)
def test_nothing_that_stands_in_a_digits_place_is_passed_over(damaged: str) -> None:
    signs = sorted(set(map(chr, range(33, 0x250))) - set("0123456789\xa0"))
    assert [sign for sign in signs if times.day(damaged.format(sign)) is not None] == []
    assert [sign for sign in signs if times.moment(f"{damaged.format(sign)} 13:45", NEW_YORK) is not None] == []


@pytest.mark.parametrize("text", ["2026-08-2", "2026-8-02", "2026-08-2 13:45", "2026-08-2, 13:45:00"])
def test_a_date_that_begins_with_its_year_has_both_noughts_or_none(text: str) -> None:
    assert times.day(text) is None
    assert times.moment(text, NEW_YORK) is None


@given(st.text(max_size=40))
def test_no_text_makes_reading_a_moment_or_a_date_fail(text: str) -> None:
    assert isinstance(times.moment(text, NEW_YORK), datetime | None)
    assert isinstance(times.day(text), date | None)


@given(st.datetimes(datetime(2005, 1, 1), datetime(2032, 1, 1)), st.sampled_from(["T", " "]), st.integers(-14, 14))
def test_iso_with_any_offset_is_the_instant_that_python_reads(local: datetime, between: str, hours: int) -> None:
    text = f"{local.isoformat(between)}{hours:+03d}:00"
    assert times.instants(pl.Series([text]), "America/New_York").to_list() == [
        datetime.fromisoformat(text).astimezone(UTC)
    ]
