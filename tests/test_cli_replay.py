"""``scanner replay``: one document a session, what is left when it is stopped, what is said where nothing is there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alert_samples import alert
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
