"""``scanner tape`` on the screen, as JSON and as CSV; what it prints can be imported and shown again."""

from __future__ import annotations

import csv
import io
import json

import polars as pl
import pytest
from commands import Commands
from rich.console import Console

from scanner import app
from scanner.errors import SourceError, UsageError
from scanner.outputs import tape, tape_words

DAY = "2025-06-13"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


@pytest.fixture(scope="module")
def seen():
    return app.tape("KO", source="simulated", as_of=DAY)


def shown(view, width: int) -> list[str]:
    page = io.StringIO()
    tape.show(view, Console(file=page, width=width, highlight=False, force_terminal=True, color_system=None))
    return page.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 140])
def test_the_screen_says_simulated_first_and_last_and_fits(seen, width):
    lines = shown(seen, width)
    assert "SIMULATED" in lines[0]
    assert "SIMULATED" in lines[-1]
    assert "KO (SIMULATED), session 2025-06-13" in lines[1]
    assert max(map(len, lines)) <= width


def test_the_screen_says_what_its_words_mean(seen):
    text = " ".join(" ".join(shown(seen, 200)).split())
    assert "Side: the chance that the customer bought" in text
    assert "block: 50 lots or more, and 10 times the contract's usual order" in text
    assert "sweep (venues): filled on two venues or more within 300 ms" in text


def test_an_alert_says_what_a_block_of_its_contract_is_and_nothing_of_words_that_it_does_not_rest_on():
    (block,) = tape_words.of_evidence({"block_lots": 2500, "usual_order": 30.0, "sweep_lots": None})
    assert (
        block
        == "Block: an order of 50 lots or more, and 10 times the contract's usual order: 300 lots, usual 30, here."
    )
    (small,) = tape_words.of_evidence({"block_share": 0.5, "usual_order": 2.5})
    assert small.endswith(": 50 lots, usual 2.5, here.")
    (sweep,) = tape_words.of_evidence({"sweep_lots": 900, "volume": 1000})
    assert sweep == "Sweep: an order filled on two venues or more within 300 ms, or marked so by the exchange."
    assert list(tape_words.of_evidence({"volume": 1000})) == []


def test_a_side_is_said_as_a_chance_and_never_as_a_fact():
    assert [tape.side(chance) for chance in (0.62, 0.38, 0.5, 0.502)] == ["buy 62 %", "sell 62 %", "?", "?"]


def test_orders_come_as_csv_and_everything_as_json(commands):
    asked = ("tape", "KO", "--source", "simulated", "--as-of", DAY, "--min-premium", "2000")
    rows = list(csv.DictReader(io.StringIO(commands(*asked, "--format", "csv").out)))
    document = json.loads(commands(*asked, "--format", "json").out)
    assert document["simulated"] is True
    assert len(document["orders"]) == len(rows) > 10
    assert [row["time"] for row in rows] == [order["time"] for order in document["orders"]]
    assert all(float(row["premium"]) >= 2000 for row in rows)
    assert all(row["simulated"] == "true" for row in rows)
    assert {"packages", "campaigns", "problems"} <= set(document)


def test_one_contract_alone_is_shown_where_it_is_asked_for(seen):
    name = str(seen.orders["contract"].cast(pl.String).mode()[0])
    found = app.tape("KO", source="simulated", as_of=DAY, contract=f"O:{name}")
    assert set(found.orders["contract"].cast(pl.String)) == {name}
    assert found.orders.height < seen.orders.height
    with pytest.raises(UsageError, match="--contract"):
        app.tape("KO", source="simulated", as_of=DAY, contract="KO")


def test_prints_that_were_printed_are_the_same_tape_when_read_again(tmp_path, commands, seen):
    file = tmp_path / "ko.csv"
    commands("tape", "KO", "--source", "simulated", "--as-of", DAY, "--prints", "--output", str(file))
    again = app.tape("KO", path=file)
    assert again.prints.equals(seen.prints)
    assert again.orders.equals(seen.orders)
    assert again.simulated


def test_a_moment_shows_the_tape_as_it_was_known_then(seen):
    earlier = app.tape("KO", source="simulated", as_of="2025-06-13T12:00:00-04:00")
    assert earlier.prints.height < seen.prints.height
    assert earlier.prints.equals(seen.prints.filter(seen.prints["time"] <= earlier.moment))


def test_a_limit_keeps_what_cost_most(commands, seen):
    out = commands("tape", "KO", "--source", "simulated", "--as-of", DAY, "--format", "csv", "--limit", "3").out
    premiums = sorted(float(row["premium"]) for row in csv.DictReader(io.StringIO(out)))
    assert premiums == pytest.approx(sorted(seen.orders["premium"])[-3:], rel=1e-6)


def test_without_a_tape_it_says_how_to_get_one(tmp_path):
    app.import_chains(store=tmp_path)
    with pytest.raises(SourceError, match=r"holds no tape of it; `scanner import FILE` takes one"):
        app.tape("KO", store=tmp_path)


def test_a_tape_is_imported_once_shown_from_the_store_and_cut_short_gives_way_to_the_whole(tmp_path, commands, seen):
    whole, short = tmp_path / "whole.csv", tmp_path / "short.csv"
    text = tape.prints_to_csv(seen)
    whole.write_text(text, newline="")
    short.write_text("".join(text.splitlines(keepends=True)[:301]), newline="")
    store = ("--store", tmp_path / "store")
    took = [
        json.loads(commands("import", file, *store, "--format", "json").out)["import"] for file in (short, whole, whole)
    ]
    count = seen.prints.height
    assert [item["prints_stored"] for item in took] == [300, count - 300, 0]
    assert [item["prints_known"] for item in took] == [0, 300, count]
    kept = app.tape("KO", store=tmp_path / "store")
    assert kept.prints.equals(seen.prints)
    assert kept.simulated


def test_importing_says_what_is_wrong_with_a_tape_and_takes_the_rest(tmp_path, commands):
    good = "KO250613C00065000,2025-06-13T14:00:00Z,1.5,3"
    (tmp_path / "tapes").mkdir()
    (tmp_path / "tapes" / "mine.csv").write_text(f"contract,time,price,size\n{good}\nKO,2025-06-13T14:00:00Z,1.5,3\n")
    ran = commands("import", tmp_path / "tapes", "--store", tmp_path / "store")
    assert ran.code == 0
    assert "Took 1 print of tapes; 0 there already." in ran.out
    assert "mine.csv: 1 print: refused, no contract symbol can be read" in ran.out
