"""The commands of a configuration whose state is a PostgreSQL database, the password out of the environment."""

from __future__ import annotations

import json

import databases
import pytest
from commands import Commands

PASSWORD = "s3cret/with:signs@in it"
CONFIG = """
source: simulated
store: {{path: store}}
state: "{url}"
rules: [rules]
watchlists: {{two: [GOOG, KO]}}
schedule:
  - {{name: intraday, watchlist: two, every: 15m}}
  - {{name: close, watchlist: two, at: close}}
  - {{name: confirm, watchlist: two, task: confirm, every: 30m}}
"""
RULE = """
id: large
title: Large volume
status: stable
scope: contract
severity: high
why: A test.
when: volume >= 300
identity: [contract]
rank_by: volume
limit: 3
message: "{contract}: {volume:,}"
"""


@pytest.fixture
def run(postgresql_server, tmp_path, monkeypatch, capsys) -> Commands:
    """The command line in a folder with that configuration."""
    url = databases.new_database_of_its_own(postgresql_server, PASSWORD)
    with_password = url.replace("@/", ":${SCANNER_DB_PASSWORD}@/")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCANNER_DB_PASSWORD", PASSWORD)
    (tmp_path / "config.yaml").write_text(CONFIG.format(url=with_password), "utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "large.yaml").write_text(RULE, "utf-8")
    return Commands(monkeypatch, capsys)


def test_every_command_that_keeps_or_reads_a_state_does_so_in_the_database(run, tmp_path):
    scanned = run("run", "--once", "close", "--quiet", "--no-color")
    assert scanned.code == 0, scanned.err
    listed = json.loads(run("alerts", "--format", "json").out)["alerts"]
    assert listed, scanned.out + scanned.err
    alert_id = listed[0]["alert_id"]
    shown = json.loads(run("alerts", "show", alert_id[:8], "--format", "json").out)
    assert shown["alert"]["alert_id"] == alert_id
    assert "acknowledged" in run("alerts", "ack", alert_id[:8]).err
    assert alert_id in run("alerts", "muted").out
    assert run("run", "--once", "confirm").code == 0
    (score, *_) = json.loads(run("alerts", "scoreboard", "--format", "json").out)["scoreboard"]
    assert score["alerts"] >= 1
    status = json.loads(run("status", "--format", "json").out)
    assert {job["name"] for job in status["last_runs"]} == {"close", "confirm"}
    assert status["alerts_today"] == len(listed)
    for words in (("watchlist",), ("held-back",), ("store", "verify"), ("store", "prune"), ("store", "info")):
        done = run(*words)
        assert done.code == 0, (words, done.err)
    assert not list(tmp_path.rglob("*.sqlite"))


def test_a_wrong_password_is_said_without_telling_it(run, monkeypatch):
    monkeypatch.setenv("SCANNER_DB_PASSWORD", "wr0ng-one")
    refused = run("alerts")
    assert refused.code not in (0, 10)
    assert "password" in refused.err
    assert "wr0ng-one" not in refused.err + refused.out
    monkeypatch.delenv("SCANNER_DB_PASSWORD")
    missing = run("alerts")
    assert missing.code == 2
    assert "SCANNER_DB_PASSWORD" in missing.err
