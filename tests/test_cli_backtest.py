"""``scanner backtest``: what is left out of it is named."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 4))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")
SOUND = """
id: big-volume
title: Big volume
scope: contract
severity: high
status: stable
why: for a test
when: {all: [volume >= 400]}
identity: [contract]
message: "{contract}: {volume:,} traded"
"""


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    """The command line beside a store of two sessions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "config.yaml").write_text(
        "source: files\nstore: {path: store}\nrules: [big-volume.yaml, mine.yaml]\n", "utf-8"
    )
    (tmp_path / "big-volume.yaml").write_text(SOUND, "utf-8")
    (tmp_path / "mine.yaml").write_text("id: broken\nwhen: no_such_field > 1\n", "utf-8")
    (tmp_path / "chains").mkdir()
    for day in DAYS:
        built_chain(day).select(COLUMNS).write_csv(tmp_path / "chains" / f"{day}.csv")
    run = Commands(monkeypatch, capsys)
    assert run("import", "chains").code == 0
    return run


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_broken_rule_is_named_and_the_others_are_judged(scanner: Commands, form: str) -> None:
    ran = scanner("backtest", "--from", DAYS[0], "--to", DAYS[1], "--format", form)
    assert ran.code == 1
    assert "left out: " in ran.err
    assert "mine.yaml:1" in ran.err
    assert "2 sessions judged" in ran.out if form == "table" else ran.out


def test_without_a_broken_rule_nothing_is_said_to_be_left_out(scanner: Commands, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SOUND.replace("big-volume", "mine"), "utf-8")
    ran = scanner("backtest", "--from", DAYS[0], "--to", DAYS[1], "--format", "json")
    assert ran.code == 0
    assert "left out: " not in ran.err
    assert json.loads(ran.out)["sessions"] == [str(day) for day in DAYS]
