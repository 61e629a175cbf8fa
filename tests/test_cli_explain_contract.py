"""``scanner rules explain ID --contract``: the newest scan's own verdict on one contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import Commands
from standard import open_store
from test_benchmarks_detection import DAYS, recorded

from scanner import app
from scanner.app import opening

BLOCK = "AAA250918C00110000"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of twenty sessions, and a scan of the one after them, in which 4,000 lots trade in a quiet contract."""
    place = tmp_path_factory.mktemp("store")
    chains = recorded().sort("session_date", maintain_order=True).partition_by("session_date", maintain_order=True)
    opening.remember(open_store(place), chains[:20])
    block = pl.when(pl.col("contract") == BLOCK).then(4000).otherwise("volume")
    scanned = app.scan(chain=chains[20].with_columns(volume=block.cast(pl.Int64)), store=place)
    assert any(BLOCK in (alert.contract, *alert.drivers) for alert in scanned.alerts)
    return place


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def verdict(commands: Commands, store: Path, rule_id: str, contract: str) -> dict[str, Any]:
    ran = commands("rules", "explain", rule_id, "--contract", contract, "--store", store, "--format", "json")
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


def test_what_the_scan_told_is_told_with_the_alert_and_the_scans_numbers(commands: Commands, store: Path) -> None:
    (alert,) = [item for item in app.alerts(store=store) if BLOCK in (item.contract, *item.drivers)]
    told = verdict(commands, store, alert.rule_id, BLOCK)
    assert told["verdict"]["outcome"] == "told"
    assert told["verdict"]["alert_id"] == alert.alert_id


def test_what_another_rule_told_is_held_back_with_the_alert_and_the_scans_numbers(
    commands: Commands, store: Path
) -> None:
    (alert,) = [item for item in app.alerts(store=store) if BLOCK in (item.contract, *item.drivers)]
    told = verdict(commands, store, "contract-volume-spike", BLOCK)
    assert told["verdict"]["outcome"] == "held back"
    assert alert.alert_id in told["verdict"]["why"]
    values = {name: value for part in told["rows"][0]["conditions"] for name, value in part["values"].items()}
    assert values["volume"] == 4000


def test_a_quiet_contract_names_the_first_condition_that_does_not_hold(commands: Commands, store: Path) -> None:
    untraded = (pl.col("session_date") == DAYS[20]) & (pl.col("volume") == 0)
    quiet = recorded().filter(untraded)["contract"][0]
    ran = commands("rules", "explain", "contract-volume-spike", "--contract", quiet, "--store", store)
    assert f"contract-volume-spike for {quiet}, {DAYS[20]} 20:00 UTC: QUIET (does not hold: volume >=" in ran.out
    assert f"{quiet}: stays quiet" in ran.out


def test_what_needs_more_history_is_not_judged(commands: Commands, store: Path) -> None:
    told = verdict(commands, store, "iv-rank-extreme", BLOCK)
    assert told["verdict"]["outcome"] == "not judged"
    assert told["verdict"]["why"] == "missing: iv_rank_252"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--contract", "AAA"), "'AAA' is not a contract symbol"),
        (("--contract", "KO250918C00110000"), "no scan in"),
        (("--contract", BLOCK, "--on", "AAA"), "give one of them"),
    ],
)
def test_a_contract_that_cannot_be_explained_is_a_clear_error(
    commands: Commands, store: Path, words: tuple[str, ...], said: str
) -> None:
    ran = commands("rules", "explain", "contract-volume-spike", *words, "--store", store)
    assert ran.code == 2
    assert said in ran.err
