"""``scanner moves``: what is priced for events, and what came of those that are over, out of the store."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

DAYS = calendar.sessions_between(date(2026, 7, 6), date(2026, 7, 14))
EVENTS = f"""underlying,date,kind,value,when
ABC,{DAYS[2]},earnings,,after_close
ABC,{DAYS[0]},launch,,after_close
ABC,2026-12-24,deliveries,,before_open
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


@pytest.fixture
def store(run, tmp_path) -> Path:
    built_chain(DAYS[4], source="files", spot=None).drop("source").write_parquet(tmp_path / "chain.parquet")
    (tmp_path / "events.csv").write_text(EVENTS)
    for name in ("chain.parquet", "events.csv"):
        assert run("import", tmp_path / name, "--store", tmp_path / "store", "-q").code == 0
    return tmp_path / "store"


def test_without_closes_past_events_are_not_judged_and_the_missing_close_is_named(run, store):
    told = run("moves", "--store", store)
    assert told.code == 0
    assert f"the close of {DAYS[2]} is not known" in " ".join(told.out.split())


def test_with_closes_each_move_is_told_and_one_kind_can_be_asked_for(run, store, tmp_path):
    closes = [f"{day},{price}" for day, price in zip(DAYS, (100, 105, 100, 90, 90), strict=False)]
    (tmp_path / "ABC.csv").write_text("\n".join(["date,close", *closes]) + "\n")
    assert run("import", tmp_path / "ABC.csv", "--store", store, "-q").code == 0
    found = json.loads(run("moves", "ABC", "--store", store, "--format", "json").out)
    (name,) = found["names"]
    assert [(item["kind"], round(item["realised"], 4)) for item in name["past"]] == [
        ("earnings", -0.1), ("launch", 0.05),
    ]  # fmt: skip
    assert [item["kind"] for item in name["coming"]] == ["deliveries"]
    of_one = json.loads(run("moves", "--kind", "launch", "--store", store, "--format", "json").out)
    assert [item["kind"] for item in of_one["names"][0]["past"]] == ["launch"]
    # Two moves are no average.
    assert name["realised_mean"] is None


def test_a_name_without_a_chain_is_an_error(run, store):
    told = run("moves", "NOPE", "--store", store)
    assert told.code == 2
    assert "NOPE: no chain of" in told.err
