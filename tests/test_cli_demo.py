"""``scanner demo``: both planted stories are flagged with the right contracts, and little else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from commands import Commands

from scanner.market.symbology import parse_osi

STORIES = {
    "2025-09-05": {"GOOG250912C00235000"},
    "2024-06-20": {"NVDA240621P00135000", "NVDA240621P00130000"},
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demonstration's JSON documents by session, and the CSV watchlist it wrote."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.stdout", (folder / "out.jsonl").open("w", encoding="utf-8"))
        monkeypatch.setattr("sys.argv", ["scanner", "demo", "--format", "json", "--quiet"])
        from scanner.cli import main

        with pytest.raises(SystemExit) as stopped:
            main.main()
        assert not stopped.value.code
    documents = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    with (folder / "scanner-demo-watchlist.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return {document["scan"]["session_date"]: document for document in documents}, rows


@pytest.mark.slow
@pytest.mark.parametrize("session", STORIES)
def test_the_story_is_flagged_with_its_contracts_named_and_rare(demo, session):
    documents, _ = demo
    flagged = {
        alert["contract"]: (alert["stars"], alert["evidence"]["volume_q"])
        for alert in documents[session]["alerts"]
        if alert["rule_id"] in ("call-buildup-at-one-strike", "put-buildup-at-one-strike")
    }
    assert set(flagged) == STORIES[session]
    assert all(stars >= 2 and q <= 0.1 for stars, q in flagged.values())


@pytest.mark.slow
def test_the_put_call_alert_says_that_the_strikes_are_what_is_unusual(demo):
    documents, _ = demo
    (jump,) = [a for a in documents["2024-06-20"]["alerts"] if a["rule_id"] == "put-call-volume-jump"]
    assert "put/call volume 0.70 from 0.58" in jump["message"]
    assert "nothing rare" in jump["message"]
    assert set(jump["drivers"][:2]) == STORIES["2024-06-20"]


@pytest.mark.slow
@pytest.mark.parametrize("session", STORIES)
def test_the_list_is_filled_and_the_story_stands_at_its_top(demo, session):
    """Twenty alerts, the budget; nothing else comes less than once in five sessions."""
    alerts = demo[0][session]["alerts"]
    assert len(alerts) == 20
    assert STORIES[session] <= set().union(*({item["contract"], *item["drivers"]} for item in alerts[:4]))
    others = [item for item in alerts if not STORIES[session] & {item["contract"], *item["drivers"]}]
    assert all(item["severity"] != "high" and item["once_in_sessions"] < 5 for item in others)


@pytest.mark.slow
def test_only_the_rarest_story_with_rare_money_is_high(demo):
    high = [item for document in demo[0].values() for item in document["alerts"] if item["severity"] == "high"]
    assert [item["contract"] for item in high] == ["GOOG250912C00235000"]


@pytest.mark.slow
def test_everything_says_that_it_is_simulated_and_the_csv_names_the_stories(demo):
    documents, rows = demo
    assert all(document["scan"]["simulated"] for document in documents.values())
    assert all(alert["simulated"] for document in documents.values() for alert in document["alerts"])
    assert {row["simulated"] for row in rows} == {"true"}
    assert set().union(*STORIES.values()) <= {row["symbol"] for row in rows}
    assert all(parse_osi(row["symbol"]).osi == row["symbol"] for row in rows if row["strike"] and row["right"])


@pytest.mark.slow
def test_the_table_says_simulated_around_each_scan_and_what_to_run_next(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    ran = Commands(monkeypatch, capsys)("demo", "--no-color")
    assert ran.code == 0
    assert ran.out.count("SIMULATED MARKET") == 4
    assert "235 call 2025-09-12" in ran.out
    assert "130 put 2024-06-21" in ran.out
    assert "scanner import FOLDER" in ran.out
    assert "scanner alerts show" not in ran.out
    assert Path("scanner-demo-watchlist.csv").is_file()
    page = Path("scanner-demo-report.html").read_text("utf-8")
    assert "The report, a page for a browser, is in scanner-demo-report.html" in ran.out
    assert (page.count("SIMULATED MARKET"), page.count("NVDA 130 put 2024-06-21")) >= (1, 1)
