"""The exchange's calendars of earnings, dividends and splits, whose shape nobody documents."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import vendor_stubs
from pytest_httpserver import HTTPServer
from vendor_stubs import Behaviour, body

from scanner.sources.access import VendorError
from scanner.sources.base import SourceSettings, VendorOptions
from scanner.sources.companions.nasdaq import Calendars

DAY = date(2026, 7, 20)


def told(server: HTTPServer, kind: str, *rows: Any) -> list[Any]:
    """The events of a calendar with these rows, by name, value and day."""
    inside = {"calendar": {"rows": list(rows)}} if kind == "dividend" else {"rows": list(rows)}
    vendor_stubs.serve(server, "nasdaq", Behaviour(failing={"": body({"data": inside})}))
    options = VendorOptions(url=server.url_for(""), calls_per_minute=100_000)
    events = Calendars(SourceSettings(vendors={"nasdaq": options})).of(kind, DAY)
    return [(name, value, day) for name, day, _, value, _ in events]


@pytest.mark.parametrize("amount", [0.25, "0.25", "$0.25", " $ 0.25 "])
def test_a_dividend_is_read_as_a_number_or_as_money(amount: object, httpserver: HTTPServer) -> None:
    row = {"symbol": "XYZ", "dividend_Rate": amount, "dividend_Ex_Date": "7/20/2026"}
    assert told(httpserver, "dividend", row) == [("XYZ", 0.25, DAY)]


@pytest.mark.parametrize("own", ["07/27/2026", "7/27/2026", "2026-07-27", "next week"])
def test_a_row_of_another_day_is_not_of_the_day_asked_for(own: str, httpserver: HTTPServer) -> None:
    rows = [{"symbol": "ABC", "ratio": "4 : 1", "executionDate": own}, {"symbol": "XYZ", "ratio": "1:10"}]
    assert told(httpserver, "split", *rows) == [("XYZ", 0.1, DAY)]


@pytest.mark.parametrize("ratio", ["5%", "0 : 1", "9000 : 1"])
def test_what_is_no_split_of_options_is_left_out(ratio: str, httpserver: HTTPServer) -> None:
    assert told(httpserver, "split", {"symbol": "XYZ", "ratio": ratio}) == []


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("dividend", {"ticker": "XYZ", "amount": 0.25}),
        ("dividend", {"symbol": "XYZ", "dividend_Rate": "a quarter"}),
        ("split", {"symbol": "XYZ", "splitRatio": "4:1"}),
        ("earnings", {"ticker": "XYZ"}),
    ],
)
def test_a_calendar_in_which_nothing_is_understood_is_not_a_day_without_events(
    kind: str, row: dict[str, object], httpserver: HTTPServer
) -> None:
    with pytest.raises(VendorError, match="none of the 2 rows of nasdaq's calendar"):
        told(httpserver, kind, row, row)


def test_a_day_without_rows_has_no_events(httpserver: HTTPServer) -> None:
    assert told(httpserver, "earnings") == []
