"""``scanner alerts`` and ``scanner watchlist`` read a stored state back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import typer
from alert_samples import FRIDAY, GOOG_235, THURSDAY, SampleRule, alert, at, finding, findings, frames, scan
from standard import confirm, update
from typer.testing import CliRunner

from scanner.alerts.model import Status
from scanner.app import scanning
from scanner.cli import alerts, watchlist
from scanner.config import Outputs, Settings, WatchlistOutput
from scanner.errors import StoreError, UsageError
from scanner.outputs import stored
from scanner.outputs.result import ScanResult
from scanner.store.state import State

PUT_CALL = finding(
    rule_id="put-call-jump",
    scope="underlying",
    severity="notice",
    identity="NVDA",
    underlying="NVDA",
    root=None,
    contract=None,
    expiry=None,
    strike=None,
    right=None,
    calibrated=False,
    evidence={"put_call_volume": 0.70},
    drivers=["NVDA250919P00130000"],
    message="NVDA put/call volume 0.70",
)


# So rare and so much money that it is `high`.
STORY = {"story": 1, "family": "one session", "combined_surprise": 7.2, "premium_surprise": 2.0, "premium": 1.2e7}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a confirmed alert of GOOG's 235 calls, found twice, and one of NVDA's put/call ratio."""
    rules = [SampleRule(), SampleRule("put-call-jump", evidence=("put_call_volume",))]
    with State.open(tmp_path) as state:
        for hour in (15, 20):
            update(
                findings(finding(), PUT_CALL),
                rules,
                state,
                scan(at(THURSDAY, hour)),
                frames(once_in_sessions=60.0, **STORY),
                budget=20,
            )
        confirm(state, frames(oi_asof=THURSDAY, open_interest=40_000)["contract"], at(FRIDAY, 14, 30))
    return tmp_path


def run(command, *arguments: object) -> str:
    application = command
    if not isinstance(command, typer.Typer):
        application = typer.Typer()
        application.command()(command)
    done = CliRunner().invoke(application, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes.decode()


def test_the_list_shows_the_strongest_first_and_what_to_do_next(store):
    text = run(alerts.app, "--store", store, "--no-color")
    assert text.index("HIGH") < text.index("NOTICE")
    assert "Session 2025-09-04" in text
    assert "Next: scanner alerts show" in text


def test_the_list_can_be_narrowed(store):
    least = json.loads(run(alerts.app, "--store", store, "--format", "json", "--min-severity", "high"))
    assert [item["contract"] for item in least["alerts"]] == [GOOG_235]
    one = json.loads(run(alerts.app, "--store", store, "--format", "json", "--limit", 1))
    assert len(one["alerts"]) == 1


def test_of_a_long_list_a_person_is_shown_the_newest_and_told_of_the_others(store, monkeypatch):
    monkeypatch.setattr(stored, "LISTED", 1)
    shown = run(alerts.app, "--store", store)
    assert "1 older: --limit N shows more of them, --format csv or json all." in shown
    assert "older" not in run(alerts.app, "--store", store, "--limit", "2")
    assert len(json.loads(run(alerts.app, "--store", store, "--format", "json"))["alerts"]) == 2


def test_the_list_as_csv_has_the_watchlists_columns(store):
    rows = list(csv.DictReader(io.StringIO(run(alerts.app, "--store", store, "--format", "csv"))))
    assert [row["symbol"] for row in rows] == [GOOG_235, "NVDA"]


def test_one_alert_is_shown_with_its_evidence_history_and_outcome(store):
    listed = json.loads(run(alerts.app, "--store", store, "--format", "json"))
    alert_id = listed["alerts"][0]["alert_id"]
    text = run(alerts.app, "show", alert_id[:8], "--store", store, "--no-color")
    for part in (alert_id, "open interest", "ongoing", "confirmed", "36,880", "2025-09-04 11:00 EDT"):
        assert part in text


def test_one_alert_as_json_holds_history_and_confirmations(store):
    listed = json.loads(run(alerts.app, "--store", store, "--format", "json"))
    told = json.loads(run(alerts.app, "show", listed["alerts"][0]["alert_id"], "--store", store, "--format", "json"))
    assert told["schema"] == 1
    assert told["alert"]["confirmation"] == "confirmed"
    assert [step["event"] for step in told["history"]] == ["new", "ongoing", "confirmed"]
    assert [item["opened"] for item in told["confirmations"]] == [36_880]


def test_an_id_that_fits_none_says_where_to_find_one(store):
    with pytest.raises(UsageError, match="no single alert begins with 'zzz'; `scanner alerts` lists them"):
        run(alerts.app, "show", "zzz", "--store", store)


def test_without_a_state_the_way_to_one_is_said(tmp_path):
    with pytest.raises(StoreError, match="Run `scanner scan` first"):
        run(alerts.app, "--store", tmp_path)


def test_the_watchlist_goes_to_stdout_or_to_a_file(store, tmp_path):
    text = run(watchlist.command, "--store", store)
    run(watchlist.command, "--store", store, "--output", tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_bytes().decode() == text
    assert [row["symbol"] for row in csv.DictReader(io.StringIO(text))] == [GOOG_235, "NVDA"]


def test_the_watchlist_speaks_a_platforms_dialect(store):
    text = run(watchlist.command, "--store", store, "--dialect", "thinkorswim")
    assert text.splitlines() == [".GOOG250912C235", ".NVDA250919P130", "NVDA"]


def test_what_a_platform_cannot_name_is_said_beside_its_watchlist(tmp_path):
    adjusted = finding(contract="GOOG1250912C00235000", identity="GOOG1250912C00235000", root="GOOG1")
    with State.open(tmp_path) as state:
        told = findings(adjusted, PUT_CALL)
        rules = [SampleRule(), SampleRule("put-call-jump", evidence=("put_call_volume",))]
        options = {"budget": 20, "false_discovery_rate": 0.1}
        update(told, rules, state, scan(at(THURSDAY, 15)), frames(contract=adjusted["contract"]), **options)
    application = typer.Typer()
    application.command()(watchlist.command)
    done = CliRunner().invoke(application, ["--store", str(tmp_path), "--dialect", "ibkr"], catch_exceptions=False)
    assert done.stdout.splitlines() == ["DES,NVDA,OPT,SMART,20250919,130,PUT,100", "DES,NVDA,STK,SMART,,,,"]
    assert "cannot be named: GOOG1250912C00235000" in done.stderr


def test_the_scoreboard_says_how_each_rule_has_done(store):
    text = run(alerts.app, "scoreboard", "--store", store, "--no-color")
    line = next(line for line in text.splitlines() if "call-buildup" in line)
    assert line.split() == ["call-buildup", "1", "1", "0", "0", "0", "100%", "-"]
    read = json.loads(run(alerts.app, "scoreboard", "--store", store, "--format", "json"))
    assert [item["confirmed_share"] for item in read["scoreboard"]] == [1.0, None]
    rows = list(csv.DictReader(io.StringIO(run(alerts.app, "scoreboard", "--store", store, "--format", "csv"))))
    assert [(row["rule_id"], row["alerts"], row["matched_share"]) for row in rows] == [
        ("call-buildup", "1", ""),
        ("put-call-jump", "1", ""),
    ]


def test_the_configured_watchlist_keeps_what_earlier_scans_of_the_session_raised(store):
    """The scan at hand found only a new contract; the two alerts stored before it stay on the session's list."""
    folder = store / "lists"
    settings = Settings(outputs=Outputs(watchlist=WatchlistOutput(path=folder)))
    newcomer = alert(alert_id="f" * 16, contract="AAPL250912C00240000", underlying="AAPL", strike=240.0)
    closed = alert(alert_id="e" * 16, contract="MSFT250912C00500000", underlying="MSFT", status=Status.closed)
    result = ScanResult(scan(at(THURSDAY, 21)), (newcomer, closed))
    with State.open(store) as state:
        assert scanning._write_outputs(result, settings, state) == []
    rows = list(csv.DictReader((folder / "watchlist-2025-09-04.csv").open(newline="")))
    assert {row["symbol"] for row in rows} == {"AAPL250912C00240000", GOOG_235, "NVDA"}
