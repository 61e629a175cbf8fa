"""The confirmation job from the command line: it waits, decides, and what it decided is shown."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

from scanner.app import clock

THURSDAY, FRIDAY = date(2026, 8, 6), date(2026, 8, 7)
FLAGGED, CLOSED = 4, 6
RULE = """
id: big-volume
title: Big volume
status: stable
scope: contract
severity: high
why: for a test
when: {all: [volume >= 400]}
identity: [contract]
message: "{contract}: {volume:,} traded"
"""
CONFIG = """
source: files
watchlists: {mine: [ABC]}
store: {path: store}
rules: [big-volume.yaml]
schedule:
  - {name: confirm, watchlist: mine, task: confirm, every: 30m, during: regular}
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Commands:
    """A folder in which Thursday was scanned: two contracts were flagged, and one will have been opened."""
    monkeypatch.chdir(tmp_path)
    Path("big-volume.yaml").write_text(RULE)
    Path("config.yaml").write_text(CONFIG)
    run = Commands(monkeypatch, capsys)
    volume = [500 if place in (FLAGGED, CLOSED) else 100 for place in range(20)]
    record(THURSDAY, volume=volume, open_interest=1000)
    done = run("scan", "--path", "chain.parquet", "--quiet")
    assert done.code == 0, done.err
    return run


def record(session: date, **chain: object) -> None:
    built_chain(session, **chain).drop("source").write_parquet("chain.parquet")


def confirm_at(run: Commands, monkeypatch, hour: int, minute: int) -> str:
    """What the job says in the morning of Friday, UTC."""
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 8, 7, hour, minute, tzinfo=UTC))
    told = run("run", "--once", "confirm", "--path", "chain.parquet")
    assert told.code == 0, told.err
    return told.err


def test_the_job_waits_for_the_open_interest_of_the_flagged_session_and_then_decides(run, monkeypatch):
    early = calendar.session_open(FRIDAY).replace(minute=35)
    record(FRIDAY, quote_time=early, columns={"oi_asof": date(2026, 8, 5)})
    assert "2 flagged sessions still wait" in confirm_at(run, monkeypatch, 13, 40)
    after = [1260 if place == FLAGGED or place % 2 else 1000 for place in range(20)]
    record(FRIDAY, quote_time=early.replace(hour=14), open_interest=after)
    told = confirm_at(run, monkeypatch, 14, 40)
    assert "OPENED: 260 of 500 (52 %)" in told
    assert "NOT opened: 0 of " in told
    assert "nothing waits for its open interest" in confirm_at(run, monkeypatch, 15, 10)
    listed = run("alerts", "--format", "json").out
    assert sorted(item["confirmation"] for item in json.loads(listed)["alerts"]) == ["confirmed", "faded"]
    assert "opened, by open interest" in run("alerts").out


def test_the_scoreboard_sets_the_share_beside_that_of_contracts_like_these(run, monkeypatch):
    """The flagged one opened 260 of 500; of the others, all alike, every second one opened 260 of 100."""
    after = [1260 if place == FLAGGED or place % 2 else 1000 for place in range(20)]
    record(FRIDAY, open_interest=after)
    confirm_at(run, monkeypatch, 20, 10)
    (score,) = json.loads(run("alerts", "scoreboard", "--format", "json").out)["scoreboard"]
    assert (score["rule_id"], score["alerts"], score["confirmed"], score["faded"]) == ("big-volume", 2, 1, 1)
    assert score["confirmed_share"] == 0.5
    assert 0.0 < score["matched_share"] < 1.0


def test_a_contract_that_expired_meanwhile_can_not_be_confirmed(run, monkeypatch):
    """Friday's chain no longer lists what was flagged on Thursday; the scan of it decides that, and says so."""
    record(date(2026, 8, 7), expiries=(FRIDAY, date(2026, 12, 18)), volume=[500, *[1] * 19], open_interest=1000)
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 8, 7, 20, 30, tzinfo=UTC))
    scanned = run("scan", "--path", "chain.parquet", "--quiet")
    assert scanned.code == 0
    assert scanned.out.count("no open interest will tell") == 2
    assert "nothing waits" in run("run", "--once", "confirm", "--path", "chain.parquet").err


def test_a_confirmation_that_found_no_chain_says_so(run, monkeypatch):
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 8, 6, 15, 0, tzinfo=UTC))
    told = run("run", "--once", "confirm", "--path", "chain.parquet")
    assert told.code == 1
    assert "left out: ABC: no chain of it up to 2026-08-06" in told.err
