"""``scanner curve`` shows the curve that discounts, and fetches a newer one when asked to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from quoted_chains import EXPIRIES, quoted_chain, years_to
from standard import calendar
from typer.testing import CliRunner

from scanner.app import clock
from scanner.app.preparing import pricing
from scanner.cli.app import command_line
from scanner.config import load
from scanner.pricing.curve import refreshed
from scanner.sources import treasury

HEADING = 'Date,"1 Mo","1.5 Month","2 Mo","3 Mo","4 Mo","6 Mo","1 Yr","2 Yr"'
OF_2025 = f"{HEADING}\n12/31/2025,3.74,3.74,3.70,3.67,3.65,3.59,3.48,3.47\n"
OF_2026 = f"{HEADING}\n01/05/2026,3.70,3.70,3.66,3.62,3.60,3.55,3.46,3.46\n"

Answer = Callable[[int, str], None]


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that names a file for the yields, on the sixth of January 2026."""
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 1, 6, 15, 0, tzinfo=UTC))
    path = tmp_path / "config.yaml"
    path.write_text("pricing: {curve: yields.csv}\n")
    return path


@pytest.fixture
def answer(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Lets a server on the loopback interface stand for the Treasury."""
    monkeypatch.setattr(treasury, "ADDRESS", httpserver.url_for("/") + "{year}.csv")

    def respond(year: int, text: str) -> None:
        httpserver.expect_oneshot_request(f"/{year}.csv").respond_with_data(text, content_type="text/csv")

    return respond


def run(*arguments: str, expected: int = 0) -> str:
    result = CliRunner().invoke(command_line(), ["curve", *arguments])
    assert result.exit_code == expected, result.output + repr(result.exception)
    return result.output


def test_without_a_file_the_built_in_curve_is_shown_with_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 1, 6, 15, 0, tzinfo=UTC))
    config = tmp_path / "config.yaml"
    config.write_text("source: simulated\n")
    shown = run("--config", str(config)).splitlines()
    assert shown[0] == "Treasury curve of 2025-07-11, the newest known, 179 days before the session"
    # 6 Mo 4.31 %: 2 ln(1 + 0.0431 / 2) = 4.264 %.
    assert " 0.500 years   4.264%" in shown


def test_a_refresh_fetches_the_years_since_the_last_known_day_and_keeps_them(configured: Path, answer: Answer) -> None:
    answer(2025, OF_2025)
    answer(2026, OF_2026)
    assert run("--refresh", "--config", str(configured)).startswith("Treasury curve of 2026-01-05\n")
    kept = refreshed(configured.with_name("yields.csv"))
    assert [str(day) for day in kept.dates[-3:]] == ["2025-07-11", "2025-12-31", "2026-01-05"]
    assert run("--config", str(configured)).startswith("Treasury curve of 2026-01-05\n")


def test_the_next_refresh_asks_for_the_newest_year_alone_and_loses_nothing(
    configured: Path, answer: Answer, httpserver: HTTPServer
) -> None:
    configured.with_name("yields.csv").write_text(OF_2025.replace("12/31/2025", "01/02/2026"))
    answer(2026, OF_2026)
    run("--refresh", "--config", str(configured))
    assert [request.path for request, _ in httpserver.log] == ["/2026.csv"]
    assert [str(day) for day in refreshed(configured.with_name("yields.csv")).dates[-2:]] == [
        "2026-01-02",
        "2026-01-05",
    ]


def test_what_is_no_curve_leaves_the_file_as_it_was(configured: Path, answer: Answer) -> None:
    file = configured.with_name("yields.csv")
    file.write_text(OF_2026)
    answer(2026, "<html>Access denied</html>")
    result = CliRunner().invoke(command_line(), ["curve", "--refresh", "--config", str(configured)])
    assert "expected the columns" in str(result.exception)
    assert file.read_text() == OF_2026


def test_a_refusal_of_the_treasury_is_told(configured: Path, httpserver: HTTPServer, answer: Answer) -> None:
    httpserver.expect_request("/2025.csv").respond_with_data("", status=403)
    result = CliRunner().invoke(command_line(), ["curve", "--refresh", "--config", str(configured)])
    assert "HTTP 403" in str(result.exception)


def test_a_refresh_without_a_file_to_keep_it_in_says_what_to_write(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("source: simulated\n")
    result = CliRunner().invoke(command_line(), ["curve", "--refresh", "--config", str(config)])
    assert "pricing: {curve: treasury.csv}" in str(result.exception)


def test_chains_are_discounted_by_the_configured_file(configured: Path) -> None:
    configured.with_name("yields.csv").write_text("Date,1 Mo,1 Yr\n06/02/2025,20.00,20.00\n")
    priced = pricing(load(configured)).price(quoted_chain(), calendar).expiries
    # 20 % a year, paid twice: a factor of 1 / 1.1 every half year.
    expected = [1.1 ** (-2 * years_to(expiry)) for expiry in EXPIRIES]
    assert priced["discount"].to_list() == pytest.approx(expected, rel=1e-12)


def test_a_configured_file_that_is_missing_is_an_error_that_says_how_to_get_it(configured: Path) -> None:
    result = CliRunner().invoke(command_line(), ["curve", "--config", str(configured)])
    assert "yields.csv" in str(result.exception)
    assert "scanner curve --refresh" in str(result.exception)
