"""The curve gives the Treasury's rates, says which day they are of, and reads the Treasury's own files."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from scanner.errors import PricingError
from scanner.pricing.curve import built_in, flat, parse, read, refreshed, to_csv

# The first rows of the Treasury's files of two years, with their different columns and its MM/DD/YYYY dates.
OF_2022 = """Date,"1 Mo","2 Mo","3 Mo","6 Mo","1 Yr","2 Yr"
01/04/2022,0.06,0.05,0.08,0.22,0.38,0.77
01/03/2022,0.05,0.06,0.08,0.22,0.40,0.78
"""
OF_2026 = """Date,"1 Mo","1.5 Month","2 Mo","3 Mo","4 Mo","6 Mo","1 Yr"
10/08/2026,4.14,4.14,4.12,,4.01,3.91,3.72
"""


def test_a_par_yield_of_the_table_becomes_a_continuous_rate() -> None:
    # 2025-07-11: 6 Mo 4.31 %. Two half-yearly compoundings of 2.155 % are 2 ln(1.02155) = 4.2642 % continuously.
    assert built_in().rates(date(2025, 7, 11), np.array([0.5]))[0] == pytest.approx(0.0426421, abs=1e-7)


def test_the_rate_between_two_tenors_lies_on_their_line_and_beyond_the_ends_is_flat() -> None:
    curve = built_in()
    day = date(2025, 7, 11)
    at = curve.rates(day, np.array([1 / 365, 1 / 12, 1.0, 1.5, 2.0, 30.0, 50.0]))
    assert at[0] == at[1]
    assert at[3] == pytest.approx((at[2] + at[4]) / 2)
    assert at[5] == at[6]


def test_a_session_without_a_row_uses_the_newest_row_before_it() -> None:
    curve = built_in()
    saturday, friday = date(2025, 6, 14), date(2025, 6, 13)
    assert curve.rates(saturday, np.array([1.0])) == curve.rates(friday, np.array([1.0]))
    assert curve.source(saturday) == "Treasury curve of 2025-06-13"


def test_after_its_last_date_the_curve_stays_and_says_how_old_it_is() -> None:
    curve = built_in()
    late = date(2026, 7, 24)
    assert curve.last_date == date(2025, 7, 11)
    assert curve.rates(late, np.array([1.0])) == curve.rates(curve.last_date, np.array([1.0]))
    assert curve.source(late) == "Treasury curve of 2025-07-11, the newest known, 378 days before the session"


def test_before_its_first_date_the_curve_is_that_of_the_first_and_says_so() -> None:
    curve = built_in()
    assert curve.source(date(2011, 1, 3)) == "Treasury curve of 2021-01-04, the oldest known, for a session before it"
    assert curve.rates(date(2011, 1, 3), np.array([1.0])) == curve.rates(date(2021, 1, 4), np.array([1.0]))


def test_a_tenor_that_was_not_published_is_bridged_by_its_neighbours() -> None:
    # On 2021-01-04 there was no 4 Mo: between 3 Mo and 6 Mo, both 0.09 %, the rate is level.
    rates = built_in().rates(date(2021, 1, 4), np.array([0.25, 1 / 3, 0.5]))
    assert rates[1] == pytest.approx(rates[0])
    assert rates[1] == pytest.approx(2 * math.log1p(0.0009 / 2))


def test_a_flat_curve_has_one_rate_everywhere() -> None:
    curve = flat(0.035)
    assert curve.rates(date(2020, 1, 2), np.array([0.01, 1.0, 10.0])).tolist() == pytest.approx([0.035] * 3)


def test_the_treasurys_files_of_different_years_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "2022.csv").write_text(OF_2022)
    (tmp_path / "2026.csv").write_text(OF_2026)
    curve = read(tmp_path / "2026.csv", tmp_path / "2022.csv")
    assert curve.dates == (date(2022, 1, 3), date(2022, 1, 4), date(2026, 10, 8))
    at = curve.rates(date(2026, 10, 8), np.array([1.5 / 12, 3 / 12]))
    assert at[0] == pytest.approx(2 * math.log1p(0.0414 / 2))
    # The blank 3 Mo lies between 2 Mo (4.12) and 4 Mo (4.01).
    assert at[1] == pytest.approx(2 * math.log1p(0.04065 / 2), abs=1e-7)


def test_a_newer_file_carries_the_built_in_curve_on(tmp_path: Path) -> None:
    (tmp_path / "2026.csv").write_text(OF_2026)
    curve = refreshed(tmp_path / "2026.csv")
    assert curve.last_date == date(2026, 10, 8)
    assert curve.dates[0] == built_in().dates[0]
    assert curve.rates(date(2025, 7, 11), np.array([1.0])) == built_in().rates(date(2025, 7, 11), np.array([1.0]))


def test_days_after_a_date_are_written_as_the_treasury_writes_them() -> None:
    curve = parse({"2022": OF_2022, "2026": OF_2026})
    assert to_csv(curve, after=date(2022, 1, 3)) == (
        "Date,1 Mo,1.5 Mo,2 Mo,3 Mo,4 Mo,6 Mo,1 Yr,2 Yr\n"
        "10/08/2026,4.14,4.14,4.12,,4.01,3.91,3.72,\n"
        "01/04/2022,0.06,,0.05,0.08,,0.22,0.38,0.77\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>Access denied</html>", "expected the columns"),
        ("Date,1 Mo\n2025-13-01,4.0\n", "not the Treasury's daily par yield file"),
        ("Date,1 Mo\n2025-01-02,N/A\n", "not the Treasury's daily par yield file"),
        ("1 Mo,Date\n4.0\n", "not the Treasury's daily par yield file"),
        ("Date,1 Mo\n1/1/99999999999999999999,4.0\n", "not the Treasury's daily par yield file"),
        ("Date,1 Mo\n2025-01-02,inf\n", "a yield of 'inf' percent"),
        ('"' + "x" * 200_000 + '"\n', "field larger than field limit"),
        ("Date,1 Mo\n2025-01-02,\n", "no row with a yield"),
    ],
)
def test_a_file_that_is_no_curve_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(PricingError, match=told) as refused:
        read(path)
    assert str(path) in str(refused.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PricingError, match=r"nowhere\.csv"):
        read(tmp_path / "nowhere.csv")
