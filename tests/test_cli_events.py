"""Events named in the configuration alone: a split in them re-bases the past in every command that looks back."""

from __future__ import annotations

import json
from datetime import date
from math import log
from pathlib import Path
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

from scanner.app import clock

SPLIT = date(2014, 6, 9)
DAYS = calendar.sessions_between(date(2014, 5, 12), date(2014, 6, 11))
EXPIRIES = (date(2014, 7, 18), date(2014, 10, 17))
# Apple went 7:1 on 2014-06-09: the clearing house divided strikes by seven to the cent, and contracts became seven.
OLD_STRIKES = (560.0, 595.0, 630.0, 645.0, 665.0, 700.0)
NEW_STRIKES = (80.0, 85.0, 90.0, 92.14, 95.0, 100.0)
VOLATILITY = 0.25
COLUMNS = (
    "session_date",
    "quote_time",
    "underlying",
    "expiry",
    "strike",
    "right",
    "volume",
    "open_interest",
    "bid",
    "ask",
    "spot",
)


def apple(day: date, *, loud: bool = False) -> pl.DataFrame:
    """One session of a quiet market, on the basis of its own day; loud: two hundred times the usual in one call."""
    basis = 7 if day >= SPLIT else 1
    strikes = NEW_STRIKES if basis == 7 else OLD_STRIKES
    rows = [(expiry, strike, right) for expiry in EXPIRIES for strike in strikes for right in ("C", "P")]
    turn = day.toordinal()
    # A stock that moves by a percent or two a day, and options worth what that is worth.
    spot = 645.0 * (1 + 0.015 * ((turn * 7) % 5 - 2) / 2) / basis
    mids = [black(right, spot, strike, (expiry - day).days / 365) for expiry, strike, right in rows]
    volume = [basis * (400 + (37 * i + 53 * turn) % 90) for i in range(len(rows))]
    if loud:
        volume[4] *= 200
    return built_chain(
        day,
        underlying="AAPL",
        expiries=EXPIRIES,
        strikes=strikes,
        volume=volume,
        open_interest=[basis * (5000 + 100 * i + (11 * i + 7 * turn) % 60) for i in range(len(rows))],
        spot=spot,
        columns={"bid": [mid * 0.99 for mid in mids], "ask": [mid * 1.01 for mid in mids]},
    )


def black(right: str, spot: float, strike: float, years: float) -> float:
    """Black's formula without interest."""
    normal, spread = NormalDist(), VOLATILITY * years**0.5
    upper = log(spot / strike) / spread + spread / 2
    call = spot * normal.cdf(upper) - strike * normal.cdf(upper - spread)
    return call if right == "C" else call - spot + strike


def record(folder: Path, days: list[date], *, loud: date | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for day in days:
        apple(day, loud=day == loud).select(COLUMNS).write_csv(folder / f"aapl-{day}.csv")
    return folder


@pytest.fixture
def scanner(monkeypatch, capsys, tmp_path) -> Commands:
    """The command line in a folder whose configuration names a table of events with the split in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "events.csv").write_text("underlying,date,kind,value,when\nAAPL,2014-06-09,split,7:1,\n", "utf-8")
    (tmp_path / "config.yaml").write_text(
        "source: files\npath: chains\nstore: {path: store}\nevents: events.csv\nwatchlists: {apple: [AAPL]}\n"
        "schedule:\n  - {name: close, watchlist: apple, at: close}\n",
        "utf-8",
    )
    return Commands(monkeypatch, capsys)


def sessions_remembered(document: dict[str, Any]) -> int:
    """How many good sessions of the name were known when it was judged."""
    (apple,) = document["underlyings"]
    return int(apple["history_sessions"])


def test_a_replay_over_the_split_goes_on_and_raises_nothing_for_it(scanner, tmp_path):
    assert scanner("import", record(tmp_path / "chains", DAYS)).code == 0
    ran = scanner("replay", "--from", SPLIT, "--to", DAYS[-1], "--format", "json")
    documents = [json.loads(line) for line in ran.out.splitlines()]
    assert [document["scan"]["as_of"][:10] for document in documents] == ["2014-06-09", "2014-06-10", "2014-06-11"]
    assert [document["alerts"] for document in documents] == [[], [], []]
    assert [sessions_remembered(document) for document in documents] == [19, 20, 21]


def test_what_is_unusual_on_the_day_of_the_split_is_measured_by_seven_times_the_past(scanner, tmp_path):
    scanner("import", record(tmp_path / "chains", DAYS, loud=SPLIT))
    (document,) = [
        json.loads(line)
        for line in scanner("replay", "--from", SPLIT, "--to", SPLIT, "--format", "json").out.splitlines()
    ]
    alerts = [alert for alert in document["alerts"] if alert["contract"] == "AAPL140718C00090000"]
    assert alerts
    # 400 to 489 a session before the split are 2,800 to 3,423 after it.
    assert 2000 < alerts[0]["evidence"]["volume_expected"] < 4500
    assert alerts[0]["baseline"]["sessions"] == 19


def test_a_scan_of_the_day_of_the_split_has_the_history_of_the_days_before(scanner, tmp_path):
    before = [day for day in DAYS if day < SPLIT]
    scanner("import", record(tmp_path / "chains", before))
    record(tmp_path / "chains", [SPLIT])
    document = json.loads(scanner("scan", "AAPL", "--format", "json").out)
    assert document["scan"]["as_of"][:10] == "2014-06-09"
    assert (document["alerts"], sessions_remembered(document)) == ([], 19)


def test_a_scheduled_run_knows_of_the_split_too(scanner, tmp_path, monkeypatch):
    before = [day for day in DAYS if day < SPLIT]
    scanner("import", record(tmp_path / "chains", before))
    record(tmp_path / "chains", [SPLIT])
    monkeypatch.setattr(clock, "right_now", lambda: calendar.session_close(SPLIT))
    ran = scanner("run", "--once", "close")
    assert ran.code == 0
    assert "of 10 sessions" not in ran.out
    assert "incomplete" not in ran.out


def test_without_the_events_the_same_session_is_not_judged_because_its_contracts_are_other_ones(scanner, tmp_path):
    (tmp_path / "config.yaml").write_text("source: files\nstore: {path: store}\n", "utf-8")
    scanner("import", record(tmp_path / "chains", DAYS))
    ran = scanner("replay", "--from", SPLIT, "--to", SPLIT, "--format", "json")
    (document,) = [json.loads(line) for line in ran.out.splitlines()]
    assert document["alerts"] == []
    reasons = {reason for entry in document["not_judged"] for reason in entry["reasons"]}
    assert any("had open interest on 2014-06-06 are missing" in reason for reason in reasons)


def test_a_split_that_is_written_down_later_is_taken_into_account_by_the_next_replay(scanner, tmp_path):
    (tmp_path / "events.csv").write_text("underlying,date,kind,value,when\n", "utf-8")
    scanner("import", record(tmp_path / "chains", DAYS))
    (tmp_path / "events.csv").write_text("underlying,date,kind,value,when\nAAPL,2014-06-09,split,7:1,\n", "utf-8")
    ran = scanner("replay", "--from", DAYS[-1], "--to", DAYS[-1], "--format", "json")
    (document,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (document["alerts"], sessions_remembered(document)) == ([], 21)


def test_events_that_cannot_be_read_are_an_error_of_the_configuration(scanner, tmp_path):
    record(tmp_path / "chains", DAYS[:1])
    (tmp_path / "events.csv").unlink()
    ran = scanner("scan")
    assert ran.code == 2
    assert "events.csv" in ran.err


def test_a_wrong_line_of_the_events_is_named_and_the_others_count(scanner, tmp_path):
    with (tmp_path / "events.csv").open("a", encoding="utf-8") as table:
        table.write("AAPL,soon,dividend,0.47,\n")
    scanner("import", record(tmp_path / "chains", DAYS))
    ran = scanner("replay", "--from", SPLIT, "--to", SPLIT, "--format", "json")
    assert "events.csv:3: date 'soon' is not a date" in ran.err
    assert sessions_remembered(json.loads(ran.out)) == 19
