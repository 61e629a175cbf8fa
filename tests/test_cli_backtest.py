"""``scanner backtest``: the ledger, two configurations side by side, and that nobody looked at the future."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from shutil import copyfile

import nopeek
import pandas as pd
import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

from scanner import app

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


SIDE_DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 6, 16))


@pytest.fixture
def two_configurations(scanner: Commands, tmp_path: Path) -> Commands:
    """A store of twelve sessions: three calls trade 450 and more, one of them 900 on every other day; all is opened."""
    (tmp_path / "other.yaml").write_text("source: files\nrules: [huge.yaml]\n", "utf-8")
    (tmp_path / "huge.yaml").write_text(SOUND.replace("400", "800").replace("big-volume", "huge-volume"), "utf-8")
    (tmp_path / "config.yaml").write_text("source: files\nrules: [big-volume.yaml]\nstore: {path: kept}\n", "utf-8")
    (tmp_path / "side").mkdir()
    interest = [500] * 20
    for place, day in enumerate(SIDE_DAYS):
        volume = [10 + (3 * place + 5 * row) % 11 for row in range(20)]
        volume[0:5:2] = [(900 if place % 2 else 450) + place, 450 + 2 * place, 450 + 3 * place]
        chain = built_chain(day, volume=volume, open_interest=interest).select(COLUMNS)
        chain.write_csv(tmp_path / "side" / f"{day}.csv")
        moves = [traded if traded > 400 else -(traded % 3) for traded in volume]
        interest = [held + move for held, move in zip(interest, moves, strict=True)]
    assert scanner("import", "side").code == 0
    return scanner


def side_by_side(run: Commands, *words: object) -> str:
    ran = run("backtest", "--from", SIDE_DAYS[0], "--to", SIDE_DAYS[-1], *words)
    assert ran.code == 0, ran.err
    return ran.out


def test_the_ledger_has_a_row_for_each_alert_and_session_with_what_became_of_it(two_configurations: Commands) -> None:
    rows = list(csv.DictReader(io.StringIO(side_by_side(two_configurations, "--format", "csv"))))
    assert len(rows) == 3 * len(SIDE_DAYS)
    first = next(row for row in rows if row["contract"] == "ABC260918C00090000")
    assert (first["session_date"], first["volume"], first["opened"]) == (str(SIDE_DAYS[0]), "450", "450")
    assert (first["confirmation"], first["state_1"]) == ("confirmed", "held")
    # The next session opens 901 more on top of the 450.
    assert float(first["share_1"]) == pytest.approx(1351 / 450)
    # Bought at the ask of 12.05, sold at the bid of 11.95, 0.0065 paid each way.
    assert float(first["contract_1"]) == pytest.approx((11.95 - 0.0065) / (12.05 + 0.0065) - 1)
    newest = rows[-1]
    assert (newest["confirmation"], newest["opened"], newest["state_1"]) == ("pending", "", "")


def test_json_and_the_page_tell_the_same_ledger(two_configurations: Commands) -> None:
    told = json.loads(side_by_side(two_configurations, "--format", "json"))
    assert len(told["ledger"]) == 3 * len(SIDE_DAYS)
    assert told["simulated"] is False
    page = side_by_side(two_configurations, "--format", "html")
    assert page.startswith("<!doctype html>")
    assert page.count("<td>big-volume</td>") == len(told["ledger"]) + 1


def test_a_second_configuration_stands_beside_the_first(two_configurations: Commands) -> None:
    told = json.loads(side_by_side(two_configurations, "--against", "other.yaml", "--format", "json"))
    counts = told["differences"][0]
    assert counts["measure"] == "alerts_a_session"
    assert (counts["one"]["value"], counts["other"]["value"], counts["difference"]["value"]) == (3.0, 0.5, 2.5)
    one, other = told["configurations"]
    assert (one["configuration"], other["configuration"]) == ("config.yaml", "other.yaml")
    assert [row["rule_id"] for row in other["ledger"]] == ["huge-volume"] * 6
    assert len(one["told_alone"]) == 30
    assert other["told_alone"] == []


def test_the_table_of_two_says_its_unit_and_what_only_one_told(two_configurations: Commands) -> None:
    shown = side_by_side(two_configurations, "--against", "other.yaml")
    assert "12 sessions judged by config.yaml and other.yaml" in shown
    assert "Told by config.yaml alone (30, the strongest 20)" in shown
    assert "Told by other.yaml alone (0): none." in shown
    assert "The session is the unit" in shown
    page = side_by_side(two_configurations, "--against", "other.yaml", "--format", "html")
    assert "Told by config.yaml alone (30)" in page
    rows = list(
        csv.DictReader(io.StringIO(side_by_side(two_configurations, "--against", "other.yaml", "--format", "csv")))
    )
    assert [row["told_by_both"] for row in rows if row["configuration"] == "other.yaml"] == ["true"] * 6


def test_a_second_configuration_that_is_wrong_is_named_before_anything_is_judged(two_configurations: Commands) -> None:
    ran = two_configurations("backtest", "--from", SIDE_DAYS[0], "--to", SIDE_DAYS[1], "--against", "missing.yaml")
    assert ran.code == 2
    assert "missing.yaml" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("known", [1, 8])
def test_a_store_that_ends_after_a_session_tells_the_same_of_all_up_to_it(
    two_configurations: Commands, tmp_path: Path, known: int
) -> None:
    """The future is hidden by never importing it: what was judged then must not change by a byte."""
    upto = SIDE_DAYS[: known + 1]
    (tmp_path / "known").mkdir()
    for day in upto:
        copyfile(tmp_path / "side" / f"{day}.csv", tmp_path / "known" / f"{day}.csv")
    assert two_configurations("import", "known", "--store", "known-store").code == 0
    words = ("replay", "--from", SIDE_DAYS[0], "--format", "json", "--held-back")
    whole = two_configurations(*words, "--to", SIDE_DAYS[-1]).out.splitlines()
    cut = two_configurations(*words, "--to", upto[-1], "--store", "known-store").out.splitlines()
    assert len(cut) == len(upto)
    assert cut == whole[: len(cut)]


@pytest.mark.slow
def test_an_outside_tool_that_hides_the_future_finds_nothing_that_looked_at_it(
    two_configurations: Commands, tmp_path: Path
) -> None:
    """`nopeek` cuts off or spoils all rows after a session, and wants every figure up to it again."""
    days = SIDE_DAYS[:6]
    chains = pl.concat([pl.read_csv(tmp_path / "side" / f"{day}.csv") for day in days]).to_pandas()
    runs = iter(range(100))

    def judged(rows: pd.DataFrame) -> pd.DataFrame:
        place = tmp_path / f"hidden-{next(runs)}"
        place.mkdir()
        for (day,), chain in pl.from_pandas(rows).partition_by("session_date", as_dict=True).items():
            chain.write_csv(place / f"{day}.csv")
        app.import_chains(place, settings="config.yaml", store=place / "store")
        results = app.replay(days[0], days[-1], settings="config.yaml", store=place / "store")
        told = [
            one.underlyings.select(pl.col(pl.Float64, pl.Int64), alerts=pl.lit(float(len(one.alerts)))).with_columns(
                session_date=pl.lit(str(one.scan.session_date))
            )
            for one in results
            if one.underlyings is not None
        ]
        return pl.concat(told, how="diagonal_relaxed").to_pandas()

    preserved = ("underlying", "expiry", "strike", "right")
    report = nopeek.verify(judged, chains, time="session_date", cuts=2, preserve=preserved, atol=0.0, rtol=0.0)
    assert report, report.details()
    assert next(runs) == 5
