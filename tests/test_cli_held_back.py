"""``scanner held-back`` shows what did not become an alert with the evidence of one, ranked, and says why."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from alert_samples import GOOG_235, NVDA_130, THURSDAY, SampleRule, at, finding, findings, frames, scan
from commands import Commands
from standard import update

from scanner.store.state import State

NVDA = finding(
    identity=NVDA_130,
    underlying="NVDA",
    root="NVDA",
    contract=NVDA_130,
    strike=130.0,
    right="P",
    evidence={"volume": 700, "volume_surprise": 2.0},
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose two scans of a session held back NVDA's 130 put, and the later one GOOG's call too."""
    told = frames(q=0.5, volume_q=0.4, once_in_sessions=2.0, premium=12e6)
    with State.open(tmp_path) as state:
        for hour, rows in ((15, [NVDA]), (20, [NVDA, finding()])):
            meta = scan(at(THURSDAY, hour))
            done = update(findings(*rows), [SampleRule()], state, meta, told, budget=20, false_discovery_rate=0.1)
            with state.write() as ledger:
                ledger.save_run(meta, (), done.held_back_counts)
    return tmp_path


@pytest.fixture
def run(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    commands = Commands(monkeypatch, capsys)

    def command(*words: object) -> str:
        ran = commands("held-back", "--store", store, *words)
        assert ran.code == 0, ran.err
        return ran.out

    return command


def test_the_strongest_comes_first_and_the_reason_is_said_in_words(run) -> None:
    text = run("--no-color")
    assert "Held back, 2025-09-04: 2 stories" in text
    assert text.index("GOOG 235 call") < text.index("NVDA 130 put")
    assert "48,210 / 900 = 54x" in text
    assert "common: as rare is found in any such scan by chance" in text


def test_json_and_csv_have_the_evidence_of_an_alert_and_the_reason(run) -> None:
    read = json.loads(run("--format", "json"))
    assert read["session_date"] == "2025-09-04"
    assert [item["contract"] for item in read["held_back"]] == [GOOG_235, NVDA_130]
    assert read["held_back"][0]["evidence"]["volume"] == 48_210
    assert {item["held_back"] for item in read["held_back"]} == {"false-discovery rate"}
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv"))))
    assert (rows[0]["symbol"], rows[0]["why"]) == (GOOG_235, "false-discovery rate")


def test_a_name_a_limit_and_a_session_can_be_asked_for(run, store: Path) -> None:
    assert [item["contract"] for item in json.loads(run("nvda", "--format", "json"))["held_back"]] == [NVDA_130]
    assert "1 more: --limit 2" in run("--limit", 1, "--no-color")
    assert "2 stories" in run("--session", "2025-09-04", "--no-color")


def test_a_session_without_a_scan_is_a_clear_error(store: Path, monkeypatch, capsys) -> None:
    ran = Commands(monkeypatch, capsys)("held-back", "--store", store, "--session", "2025-09-05")
    assert ran.code == 2
    assert "--session 2025-09-05: no scan of it is stored" in ran.err


def test_the_evidence_is_kept_of_the_newest_scan_of_a_session_alone(store: Path) -> None:
    with State.open(store, read_only=True) as state, state.read() as ledger:
        earlier, later = (ledger.held_back(f"run-20250904T{hour}00") for hour in (15, 20))
    assert [row["document"] is None for row in earlier] == [True]
    assert [row["document"] is None for row in later] == [False, False]


def test_a_scan_that_held_nothing_back_is_said_to_have_held_back_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    with State.open(tmp_path) as state, state.write() as ledger:
        ledger.save_run(scan(at(THURSDAY, 20)), (), {})
    ran = Commands(monkeypatch, capsys)("held-back", "--store", tmp_path, "--no-color")
    assert ran.out.strip() == "Held back, 2025-09-04: nothing"
