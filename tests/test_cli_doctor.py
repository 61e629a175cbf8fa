"""`scanner doctor`: what is well, what is not, and what to do about it, before anything is scanned."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import vendor_stubs
from commands import Commands, Ran
from pytest_httpserver import HTTPServer
from raw_server import serving
from vendor_stubs import KEY, NOW, Behaviour, body
from werkzeug import Response

from scanner.app import clock
from scanner.sources.http import Limits


class Doctor:
    """Runs `scanner doctor` in a folder, with a configuration of its own, at the moment of the stubs' market."""

    def __init__(self, commands: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands, self.folder = commands, folder
        for name in ("TRADIER_TOKEN", "MASSIVE_API_KEY", "POLYGON_API_KEY", "UNUSUAL_WHALES_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(clock, "right_now", lambda: NOW)

    def __call__(self, config: str, *words: object) -> Ran:
        (self.folder / "config.yaml").write_text(f"store: {{path: store}}\nwatchlists: {{mine: [XYZ]}}\n{config}")
        return self.commands("doctor", "--config", self.folder / "config.yaml", *words)

    def checks(self, config: str, *words: object) -> tuple[int, dict[str, dict[str, Any]]]:
        """The exit code, and the checks by area and name."""
        ran = self(config, "--format", "json", *words)
        document = json.loads(ran.out)
        assert document["exit_code"] == ran.code
        return ran.code, {f"{one['area']} {one['name']}".strip(): one for one in document["checks"]}


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Doctor:
    return Doctor(Commands(monkeypatch, capsys), tmp_path, monkeypatch)


def at(name: str, server: HTTPServer) -> str:
    return f"source: {name}\nvendors: {{{name}: {{url: '{server.url_for('')}', calls_per_minute: 10000}}}}\n"


def test_all_is_well_with_a_sample_of_what_came(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_stubs.serve(httpserver, "tradier")
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    code, checks = doctor.checks(at("tradier", httpserver))
    source = checks["source tradier"]
    assert code == 0, checks
    assert {one["verdict"] for one in checks.values()} == {"well"}
    sample = source["facts"]["sample"]
    assert sample["contract"] == "XYZ260724C00100000"
    assert (sample["bid"], sample["ask"], sample["volume"], sample["open_interest"]) == (1.9, 2.0, 5210, 1890)
    assert (sample["oi_asof"], source["facts"]["contracts"]) == ("2026-07-15", 8)
    assert source["facts"]["behind_minutes"] == 1.0
    assert not (doctor.folder / "store" / "store.json").exists()


def test_a_missing_key_names_its_variable_and_nothing_can_be_scanned(doctor: Doctor) -> None:
    ran = doctor("source: tradier\n")
    assert ran.code == 2
    assert "set TRADIER_TOKEN" in " ".join(ran.out.split())


def test_in_a_fallback_order_one_bad_source_is_something_not_everything(doctor: Doctor, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    config = at("cboe", httpserver).replace("source: cboe", "source: [tradier, cboe]\naccept_terms: [cboe]")
    code, checks = doctor.checks(config)
    assert code == 1
    assert (checks["source tradier"]["verdict"], checks["source cboe"]["verdict"]) == ("wrong", "well")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (body({"fault": {"faultstring": "Invalid Access Token"}}, 401), "unauthorised", "Invalid Access Token"),
        (body({"fault": {"faultstring": "Access Token expired"}}, 401), "unauthorised", "Access Token expired"),
        (body({"message": "Your plan has no options"}, 403), "not_entitled", "Your plan has no options"),
        (Response("slow down", 429, {"Retry-After": "300"}), "rate_limited", "asks for a pause of 300 seconds"),
    ],
)
def test_what_the_vendor_refuses_is_told_with_what_to_do(
    doctor: Doctor,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: Response,
    code: str,
    words: str,
) -> None:
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"": answer}))
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    exit_code, checks = doctor.checks(at("tradier", httpserver))
    source = checks["source tradier"]
    assert exit_code == 2
    assert source["facts"]["code"] == code
    assert words in source["says"]
    assert source["do"]
    assert KEY not in json.dumps(checks)


def test_a_vendor_that_cannot_be_reached_is_said_to_be_so(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    monkeypatch.setattr("scanner.sources.live.Limits", partial(Limits, attempts=1))
    ran = doctor("source: tradier\nvendors: {tradier: {url: 'http://127.0.0.1:9', calls_per_minute: 10000}}\n")
    assert ran.code == 2
    assert "look at the network" in " ".join(ran.out.split())


def test_rules_that_rest_on_what_a_vendor_lacks_are_named(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_stubs.serve(httpserver, "unusualwhales")
    monkeypatch.setenv("UNUSUAL_WHALES_API_KEY", KEY)
    rules = doctor.folder / "rules"
    rules.mkdir()
    rule = "id: wanted-at-the-bid\ntitle: Wanted\nscope: contract\nseverity: notice\nstatus: stable\nwhy: a test\n"
    (rules / "wanted.yaml").write_text(f"{rule}when: bid_size >= 500\nmessage: 'x'\n")
    _, checks = doctor.checks(at("unusualwhales", httpserver), "--rules", rules)
    assert checks["source unusualwhales"]["facts"]["not_judged"] == {"wanted-at-the-bid": ["bid_size"]}


def test_a_plan_without_open_interest_is_doubtful(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [vendor_stubs.massive_row(one, "XYZ") for one in vendor_stubs.MARKET.options]
    for row in rows:
        del row["open_interest"]
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing={"": body({"status": "OK", "results": rows})}))
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    code, checks = doctor.checks(at("massive", httpserver))
    assert code == 1
    assert "no open interest at all" in checks["source massive"]["more"]


def test_quotes_older_than_the_vendor_promises_are_doubtful(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_stubs, "QUOTED", NOW - timedelta(minutes=40))
    vendor_stubs.serve(httpserver, "tradier")
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    code, checks = doctor.checks(at("tradier", httpserver))
    assert code == 1
    assert "its quotes are 40 minutes old while the market is open" in checks["source tradier"]["more"]
    assert "vendors.tradier.delay" in checks["source tradier"]["do"]


def test_a_clock_that_is_wrong_is_told_by_the_vendors(doctor: Doctor) -> None:
    chain = vendor_stubs.cboe(Behaviour(), _Request()).get_data()
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=9), usegmt=True).encode()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nDate: %b\r\nContent-Length: %d\r\n\r\n" % (date, len(chain))
    with serving(lambda _: [head + chain]) as server:
        config = f"source: cboe\naccept_terms: [cboe]\nvendors: {{cboe: {{url: '{server.url('')}'}}}}\n"
        code, checks = doctor.checks(config)
    assert code == 1
    assert checks["clock"]["verdict"] == "doubtful"
    assert checks["clock"]["facts"]["seconds_behind"] == pytest.approx(540, abs=5)


class _Request:
    """As much of a request as the stub of Cboe looks at."""

    path = "/api/global/delayed_quotes/options/XYZ.json"


@pytest.mark.parametrize(
    ("config", "area", "words"),
    [("sourc: cboe\n", "configuration", "did you mean `source`"), ("rules: [nowhere]\n", "rules", "nowhere")],
)
def test_what_is_wrong_in_files_is_found_without_asking_anybody(
    doctor: Doctor, config: str, area: str, words: str
) -> None:
    code, checks = doctor.checks(config, "--offline")
    assert code == 2
    assert checks[area]["verdict"] == "wrong"
    assert words in checks[area]["says"]


def test_offline_asks_nobody_and_says_so(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = vendor_stubs.serve(httpserver, "tradier")
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    ran = doctor(at("tradier", httpserver), "--offline")
    assert ran.code == 0
    assert "not asked (--offline)" in " ".join(ran.out.split())
    assert behaviour.asked == []


def test_a_store_that_is_a_file_is_wrong_and_a_scan_goes_on_without_it(doctor: Doctor) -> None:
    (doctor.folder / "store").write_text("not a folder")
    code, checks = doctor.checks("source: simulated\n", "GOOG")
    assert code == 1
    assert checks["store"]["verdict"] == "wrong"


def test_how_many_calls_are_left_today_is_told(
    doctor: Doctor, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_stubs.serve(httpserver, "tradier")
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    config = at("tradier", httpserver).replace("calls_per_minute: 10000", "calls_per_minute: 10000, calls_per_day: 9")
    _, checks = doctor.checks(config)
    assert "5 calls left today" in checks["source tradier"]["more"]  # expiries, two chains and the price took four


def test_a_test_message_goes_to_each_output_and_what_takes_none_is_named(
    doctor: Doctor, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/taken", method="POST").respond_with_data("")
    httpserver.expect_request("/refused", method="POST").respond_with_data("", status=500)
    here = f"json://localhost:{httpserver.port}"
    outputs = f"outputs: {{notify: [{{url: '{here}/taken', name: desk}}, {{url: '{here}/refused', name: phone}}]}}\n"
    code, checks = doctor.checks(f"source: simulated\n{outputs}", "GOOG", "--notify")
    assert code == 1, checks
    assert checks["messages desk"]["verdict"] == "well"
    assert checks["messages phone"]["verdict"] == "wrong"
    assert "scanner: a test message" in httpserver.log[0][0].get_data(as_text=True)
    sent = len(httpserver.log)
    code, checks = doctor.checks(f"source: simulated\n{outputs}", "GOOG")
    assert (code, checks["messages"]["verdict"], len(httpserver.log)) == (0, "skipped", sent)
    code, checks = doctor.checks("source: simulated\n", "GOOG", "--notify")
    assert (code, checks["messages"]["says"]) == (1, "no output for messages is configured")
