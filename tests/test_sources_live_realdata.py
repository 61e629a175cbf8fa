"""Recorded bodies of real vendors through the adapters that would have fetched them."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from live_sources import source_of
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

pytestmark = pytest.mark.realdata


def of(path: Path) -> Any:
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def answering(server: HTTPServer, answers: dict[str, Any]) -> str:
    """A server that answers by what a path and query hold; anything else is refused."""

    def answer(request: Request) -> Response:
        for part, document in answers.items():
            if part in request.full_path:
                return Response(json.dumps(document), content_type="application/json")
        return Response("{}", 404)

    server.expect_request(re.compile(".*")).respond_with_handler(answer)
    return server.url_for("")


def test_recorded_tradier_rows_come_out_as_they_are(real_data: Path, httpserver: HTTPServer) -> None:
    recorded = of(real_data / "tradier" / "tradier_option_rows.json")
    rows = [row for row in recorded["options"]["option"] if row["underlying"] == "TSLA"]
    days = sorted({row["expiration_date"] for row in rows})
    answers: dict[str, Any] = {"/expirations": {"expirations": {"date": days if len(days) > 1 else days[0]}}}
    for day in days:
        of_day = [row for row in rows if row["expiration_date"] == day]
        answers[f"expiration={day}"] = {"options": {"option": of_day if len(of_day) > 1 else of_day[0]}}
    answers["/quotes"] = {"quotes": {"quote": {"symbol": "TSLA", "last": 218.89, "close": None}}}
    now = datetime(2024, 1, 12, 17, 10, tzinfo=UTC)
    (fetched,) = source_of("tradier", answering(httpserver, answers)).chains(["TSLA"], now)
    assert fetched.chain is not None, fetched.error
    assert fetched.chain.height == len(rows)
    call = fetched.chain.filter(pl.col("contract") == "TSLA240119C00290000").row(0, named=True)
    # As in the file: 619 traded, 24 hours' worth of greeks beside them, and a bid that a volatility fits.
    assert (call["volume"], call["bid"], call["ask"], call["vendor_iv"]) == (619, 0.01, 0.02, 0.701844)
    assert (call["session_date"], call["oi_asof"], call["spot"]) == (date(2024, 1, 12), date(2024, 1, 11), 218.89)
    put = fetched.chain.filter(pl.col("contract") == "TSLA240119P00290000").row(0, named=True)
    assert (put["volume"], put["open_interest"], put["vendor_iv"]) == (0, 835, None)  # bid_iv is 0 there


@pytest.mark.parametrize(("name", "contracts"), [("HOOD", 1390), ("GME", 1286), ("LUNR", 732)])
def test_recorded_schwab_chains_come_out_whole(
    name: str, contracts: int, real_data: Path, httpserver: HTTPServer
) -> None:
    document = of(real_data / "schwab-json" / f"{name}_options_data.json.gz")
    now = datetime(2025, 4, 10, 20, 30, tzinfo=UTC)
    sides = ("callExpDateMap", "putExpDateMap")

    def of_the_span(request: Request) -> Response:
        """What the vendor has of the expiries from one date to another; a span without one is a failure to it."""
        first, last = (request.args[name] for name in ("fromDate", "toDate"))
        held = {
            side: {key: value for key, value in document[side].items() if first <= key[:10] <= last} for side in sides
        }
        status = "SUCCESS" if any(held.values()) else "FAILED"
        return Response(json.dumps({**document, **held, "status": status}), content_type="application/json")

    httpserver.expect_request(re.compile(".*/chains")).respond_with_handler(of_the_span)
    (fetched,) = source_of("schwab", httpserver.url_for("")).chains([name], now)
    assert fetched.chain is not None, fetched.error
    assert fetched.chain.height == contracts
    assert fetched.chain["session_date"].unique().to_list() == [date(2025, 4, 10)]
    traded = sum(
        one["totalVolume"]
        for side in sides
        for strikes in document[side].values()
        for listed in strikes.values()
        for one in listed
    )
    assert fetched.chain["volume"].sum() == traded


@pytest.mark.parametrize(
    ("file", "name", "contracts"),
    [("delayed_quotes_options_AAPL.json.gz", "AAPL", 3576), ("options_clx.json.gz", "CLX", 306)],
)
def test_recorded_cboe_chains_come_out_whole(
    file: str, name: str, contracts: int, real_data: Path, httpserver: HTTPServer
) -> None:
    document = of(real_data / "cboe-json" / file)
    now = datetime(2026, 7, 25, 14, 0, tzinfo=UTC)
    (fetched,) = source_of("cboe", answering(httpserver, {f"/options/{name}.json": document})).chains([name], now)
    assert fetched.chain is not None, fetched.error
    assert fetched.chain.height == contracts
    assert fetched.chain["session_date"].unique().to_list() == [date(2026, 7, 24)]
    assert fetched.chain["volume"].sum() == sum(one["volume"] for one in document["data"]["options"])
