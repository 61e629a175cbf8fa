"""``scanner replay``: one document a session, what is left when it is stopped, what is said where nothing is there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alert_samples import SURGE_RULE, alert
from built_chains import built_chain
from commands import Commands
from standard import calendar

from scanner import pipeline
from scanner.app import clock

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 5))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    """The command line beside a store of three sessions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "config.yaml").write_text("source: files\nstore: {path: store}\n", "utf-8")
    (tmp_path / "chains").mkdir()
    for day in DAYS:
        built_chain(day).select(COLUMNS).write_csv(tmp_path / "chains" / f"{day}.csv")
    run = Commands(monkeypatch, capsys)
    assert run("import", "chains").code == 0
    return run


@pytest.mark.parametrize("last", [DAYS[0], DAYS[2]])
def test_each_session_is_one_json_line_however_few_there_are(scanner: Commands, last: date) -> None:
    ran = scanner("replay", "--from", DAYS[0], "--to", last, "--format", "json")
    days = [json.loads(line)["scan"]["as_of"][:10] for line in ran.out.splitlines()]
    assert days == [str(day) for day in DAYS if day <= last]


def test_what_was_judged_before_an_interrupt_is_printed(scanner: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pipeline.replay

    def stopped(*arguments: object) -> object:
        yield next(whole(*arguments))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "replay", stopped)
    ran = scanner("replay", "--from", DAYS[0], "--to", DAYS[2], "--format", "json")
    assert ran.code == 130
    assert len(ran.out.splitlines()) == 1
    assert "interrupted after 1 session" in ran.err


def test_progress_is_shown_on_a_terminal_and_nowhere_else(scanner: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("replay", "--from", DAYS[0], "--to", DAYS[0], "--format", "json")
    assert "judging" not in scanner(*words).err
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "judging ..." in scanner(*words).err
    assert "judging" not in scanner(*words, "--quiet").err


def test_a_replay_keeps_no_alerts_and_sends_nobody_to_look_them_up(
    scanner: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pipeline.replay

    def flagging(*arguments: object) -> object:
        for result in whole(*arguments):  # type: ignore[arg-type]
            yield replace(result, alerts=(alert(),))

    monkeypatch.setattr(pipeline, "replay", flagging)
    shown = scanner("replay", "--from", DAYS[0], "--to", DAYS[0]).out
    assert "GOOG 235 call" in shown
    assert "scanner alerts show" not in shown


def test_sessions_whose_chains_are_pruned_are_said_to_be(scanner: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 9, 1, tzinfo=UTC))
    assert scanner("store", "prune", "--keep", "1d").code == 0
    ran = scanner("replay", "--from", DAYS[0], "--to", DAYS[1])
    assert ran.code == 3
    assert "2 are remembered as history, but their chains are pruned" in ran.err


@pytest.fixture
def surging(scanner: Commands, tmp_path: Path) -> Commands:
    """A store in which 6,000 of the first call trade in the second session, and 4,000 more are open the morning after.

    In the third session 7,000 of the first put trade, and no chain tells what became of them.
    """
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "surge.yaml").write_text(SURGE_RULE, "utf-8")
    for place, day in enumerate(DAYS):
        usual = built_chain(day)
        volumes, interest = list(usual["volume"]), list(usual["open_interest"])
        volumes[:2] = [6_000 if place == 1 else 20, 7_000 if place == 2 else 20]
        interest[0] = 5_000 if place == 2 else 1_000
        chain = built_chain(day, volume=volumes, open_interest=interest).select(COLUMNS)
        chain.write_csv(tmp_path / "chains" / f"surging-{day}.csv")
    for old in DAYS:
        (tmp_path / "chains" / f"{old}.csv").unlink()
    assert scanner("import", "chains", "--store", "surging").code == 0
    return lambda *words: scanner(*words, "--store", "surging", "--rules", "rules")  # type: ignore[return-value]


def test_a_replay_tells_what_the_next_morning_said_of_an_alert(surging: Commands) -> None:
    ran = surging("replay", "--from", DAYS[0], "--to", DAYS[2], "--format", "json")
    assert ran.code == 0, ran.err
    documents = [json.loads(line) for line in ran.out.splitlines()]
    assert [len(document["alerts"]) for document in documents[:2]] == [0, 1]
    (raised,) = documents[1]["alerts"]
    (verdict,) = documents[2]["verdicts"]
    assert verdict == {
        "alert_id": raised["alert_id"],
        "session_date": str(DAYS[1]),
        "confirmation": "confirmed",
        "opened": 4_000,
        "volume": 6_000,
    }
    new = [item for item in documents[2]["alerts"] if item["status"] == "new"]
    assert [item["confirmation"] for item in new] == ["pending"]


def test_sessions_after_the_last_one_decide_its_alerts_and_change_no_judgement(surging: Commands) -> None:
    (line,) = surging("replay", "--from", DAYS[1], "--to", DAYS[1], "--format", "json").out.splitlines()
    document = json.loads(line)
    assert [item["confirmation"] for item in document["alerts"]] == ["confirmed"]
    assert [item["opened"] for item in document["verdicts"]] == [4_000]
    (whole, *_) = surging("replay", "--from", DAYS[1], "--to", DAYS[2], "--format", "json").out.splitlines()
    seen_then = json.loads(whole)
    assert seen_then["verdicts"] == []
    for told in (document, seen_then):
        del told["verdicts"], told["alerts"][0]["confirmation"]
    assert document == seen_then


def test_people_are_told_the_verdict_and_what_became_of_all(surging: Commands) -> None:
    shown = surging("replay", "--from", DAYS[1], "--to", DAYS[2]).out
    assert "4 Aug: ABC 90 call, 18 Sep OPENED: 4,000 of 6,000 (67 %)" in shown
    became = shown[shown.index("What became of 2 of 2:") :]
    assert "4,000 of 6,000" in became
    assert "held, 100%" in became


def test_where_no_later_session_is_stored_nothing_is_said_to_have_become_of_alerts(surging: Commands) -> None:
    shown = surging("replay", "--from", DAYS[2], "--to", DAYS[2]).out
    assert "What became of it is not known yet: no later session of these names is stored." in " ".join(shown.split())
    assert "+0%" not in shown
    both = surging("replay", "--from", DAYS[1], "--to", DAYS[2]).out
    assert "no later session" in both[both.index("What became of 2 of 2:") :]


def test_a_backtest_keeps_score_of_what_a_replay_tells(surging: Commands) -> None:
    board = json.loads(surging("backtest", "--from", DAYS[1], "--to", DAYS[2], "--format", "json").out)
    (score,) = board["scoreboard"]
    # The call's first session opened, its second is told by no later chain, as is the put's.
    assert (score["confirmed"], score["faded"], score["pending"]) == (1, 0, 1)
