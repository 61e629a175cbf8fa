"""One contract has the same numbers wherever they are shown: by a scan, a replay, a chain and an explanation."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

*HISTORY, TODAY = calendar.sessions_between(date(2026, 7, 14), date(2026, 8, 21))
NOON = datetime(2026, 8, 21, 16, tzinfo=UTC)
STRIKES = tuple(float(strike) for strike in range(80, 130))
CONTRACT = "ABC260918C00105000"
LOUD = 2 * STRIKES.index(105.0)  # its place in the chain: calls and puts take turns
COLUMNS = (
    "session_date", "quote_time", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask",
    "spot",
)  # fmt: skip
# Dollars that a call is exercised for, and a rate that no forward of the chain tells: both move implied volatility.
EVENTS = "underlying,date,kind,value,when\nABC,2026-09-10,dividend,1.50,\nABC,2026-08-27,earnings,,after_close\n"
CURVE = "Date,1 Mo,1 Yr\n07/10/2026,20.00,20.00\n"
CONFIG = """\
source: files
store: {path: store}
events: events.csv
pricing: {curve: yields.csv}
rules: [own]
"""
RULE = """\
id: a-rule
title: A rule
status: stable
scope: contract
severity: high
why: to compare what it looks at
when:
  - volume >= 4000
  - volume_expected >= 0
  - volume_surprise >= 0
  - combined_surprise >= 0
  - volume_q <= 1
  - iv > 0
  - iv_bid > 0
  - iv_ask > iv_bid
  - delta > 0
  - vega > 0
  - rho != 0
  - underlying.put_call_volume > 0
  - underlying.volume_surprise >= 0
message: "{contract}"
"""


@pytest.fixture
def scanner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    """The command line beside a store of some weeks, where everything that numbers rest on is configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for name, text in (("events.csv", EVENTS), ("yields.csv", CURVE), ("config.yaml", CONFIG)):
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a-rule.yaml").write_text(RULE, "utf-8")
    scanner = Commands(monkeypatch, capsys)
    for day in HISTORY:
        record(tmp_path / "past", day)
    assert scanner("import", tmp_path / "past", "--quiet").code == 0
    return scanner


def record(folder: Path, day: date, *, quote_time: datetime | None = None, loud: int | None = None) -> Path:
    """A chain as a file, and its place: some dozens a contract, and ``loud`` in one call."""
    folder.mkdir(exist_ok=True)
    place = folder / f"abc-{day}-{loud}.csv"
    volume = [(7 * i + 3 * day.toordinal()) % 40 + 1 for i in range(4 * len(STRIKES))]
    if loud is not None:
        volume[LOUD] = loud
    built_chain(day, strikes=STRIKES, quote_time=quote_time, volume=volume).select(COLUMNS).write_csv(place)
    return place


def evidence(document: dict[str, Any]) -> dict[str, Any]:
    """What the one alert of a scan rests on."""
    (alert,) = document["alerts"]
    return dict(alert["evidence"])


def explained(scanner: Commands, place: Path) -> dict[str, Any]:
    ran = scanner("rules", "explain", "a-rule", "--on", "ABC", "--path", place, "--format", "json")
    (row,) = [row for row in json.loads(ran.out)["rows"] if row["identity"].startswith(CONTRACT)]
    return {name: value for part in row["conditions"] for name, value in part["values"].items()}


def shown(scanner: Commands, place: Path) -> dict[str, Any]:
    rows = json.loads(scanner("chain", "ABC", "--path", place, "--format", "json").out)
    (row,) = [row for row in rows if row["contract"] == CONTRACT]
    return dict(row)


def together(*found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each of some rows with what all of them tell, which is enough to compare."""
    common = set.intersection(*map(set, found))
    assert {"iv", "iv_bid", "iv_ask", "volume_expected", "volume_surprise", "delta", "vega", "rho"} <= common
    return [{name: row[name] for name in sorted(common)} for row in found]


def test_scan_replay_chain_and_explanation_agree_to_the_last_digit(scanner: Commands, tmp_path: Path) -> None:
    place = record(tmp_path, TODAY, loud=8000)
    before = [explained(scanner, place), shown(scanner, place)]
    document = json.loads(scanner("scan", "--path", place, "--format", "json").out)
    replayed = json.loads(scanner("replay", "--from", TODAY, "--to", TODAY, "--format", "json").out)
    after = [explained(scanner, place), shown(scanner, place)]
    rows = together(evidence(document), evidence(replayed), *before, *after)
    assert rows[1:] == rows[:1] * 5
    by_name = [evidence(document), evidence(replayed), before[0], after[0]]
    ratios = [row["underlying.put_call_volume"] for row in by_name]
    (name,) = document["underlyings"]
    assert ratios == [name["put_call_volume"]] * 4
    assert replayed["underlyings"] == document["underlyings"]


def test_an_explanation_knows_the_earlier_looks_and_snapshots_that_the_scan_knew(
    scanner: Commands, tmp_path: Path
) -> None:
    for moment in (NOON, NOON.replace(hour=17)):
        scanner("scan", "--path", record(tmp_path, TODAY, quote_time=moment, loud=4000 + moment.hour), "--quiet")
    place = record(tmp_path, TODAY, loud=8000)
    document = json.loads(scanner("scan", "--path", place, "--format", "json").out)
    first, *others = together(evidence(document), explained(scanner, place), shown(scanner, place))
    assert others == [first, first]


def test_whose_past_the_chances_rest_on_is_said(scanner: Commands, tmp_path: Path) -> None:
    place = record(tmp_path, TODAY, loud=8000)
    said = f"chances rest on ABC, {len(HISTORY)} sessions"
    assert said in json.loads(scanner("scan", "--path", place, "--format", "json").out)["notes"]
    assert said in " ".join(scanner("scan", "--path", place).out.split())
    assert said in scanner("rules", "explain", "a-rule", "--on", "ABC", "--path", place).err
