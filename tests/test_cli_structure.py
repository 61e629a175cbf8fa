"""``scanner structure`` on the screen, as JSON and as CSV, says its convention and fits the terminal."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from rich.console import Console
from standard import calendar, open_store

from scanner import app
from scanner.errors import UsageError
from scanner.outputs import structure

SESSION = date(2026, 7, 30)
EXPIRIES = (date(2026, 8, 7), date(2026, 8, 21))


@pytest.fixture
def found(tmp_path: Path):
    chain = built_chain(SESSION, expiries=EXPIRIES, strikes=tuple(range(80, 125, 5)))
    return app.structure("abc", chain=chain, store=tmp_path / "none")


def shown(found, width: int) -> list[str]:
    page = io.StringIO()
    structure.show(found, Console(file=page, width=width, highlight=False, force_terminal=True, color_system=None))
    return page.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 140])
def test_the_screen_says_its_convention_and_fits(found, width: int) -> None:
    lines = shown(found, width)
    assert "if dealers are long calls, short puts" in lines[0]
    assert max(map(len, lines)) <= width
    assert any("<- price" in line for line in lines)
    assert ("Charm" in "\n".join(lines)) == (width == 140)


def test_a_gamma_next_to_nothing_has_no_sign(found) -> None:
    small = found.strikes.with_columns(gamma_exposure=pl.Series([1e6, *[-1e3] * (found.strikes.height - 1)]))
    lines = shown(replace(found, strikes=small), 80)
    assert not any("-0.0" in line or "+0.0" in line for line in lines)


def test_json_has_every_strike_and_expiry_and_null_for_what_is_not_known(found) -> None:
    read = json.loads(structure.text(found))
    assert (read["schema"], read["convention"]) == (1, "calls-long-puts-short")
    assert [row["expiry"] for row in read["expiries"]] == ["2026-08-07", "2026-08-21"]
    assert [row["strike"] for row in read["strikes"]] == list(range(80, 125, 5))
    total = sum(row["gamma_exposure"] or 0 for row in read["strikes"])
    assert read["underlying"]["gex"] == pytest.approx(total, rel=1e-9)
    assert read["underlying"]["underlying"] == "ABC"


def test_another_convention_and_a_day_can_be_asked_for_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    chain = built_chain(SESSION, expiries=EXPIRIES)
    short = app.structure("ABC", convention="all-short", to="2026-08-14", chain=chain, store=tmp_path / "none")
    assert (short.strikes["gamma_exposure"].drop_nulls() <= 0).all()
    assert short.underlying["gamma_flip"] is None
    assert "short all options" in shown(short, 80)[0]
    assert any(line.startswith("Expected move to 14 Aug: ") for line in shown(short, 80))
    for wrong, said in (({"convention": "long"}, "--convention long: there are"), ({"to": "2026-07-30"}, "has passed")):
        with pytest.raises(UsageError, match=said):
            app.structure("ABC", chain=chain, store=tmp_path / "none", **wrong)


def test_the_command_prints_csv_of_the_strikes(tmp_path: Path, monkeypatch, capsys) -> None:
    ran = Commands(monkeypatch, capsys)(
        "structure", "GOOG", "--source", "simulated", "--store", tmp_path / "none", "--format", "csv"
    )
    assert ran.code == 0, ran.err
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) > 10
    assert {"strike", "gamma_exposure", "delta_exposure", "vanna_exposure", "charm_exposure"} <= set(rows[0])


def test_gamma_and_notional_are_placed_among_the_sessions_remembered(tmp_path: Path) -> None:
    """Two sessions and a third with less open; puts outweigh calls, so that gamma is less negative then."""
    store = open_store(tmp_path / "store")
    days = calendar.sessions_before(SESSION, 3)[::2]
    for number, day in enumerate(days):
        held = [100 + 10 * number, 300 + 30 * number] * 18
        store.snapshots.write(
            built_chain(day, expiries=EXPIRIES, strikes=tuple(range(80, 125, 5)), open_interest=held), f"{day}"
        )
    store.catch_up()
    today = built_chain(SESSION, expiries=EXPIRIES, strikes=tuple(range(80, 125, 5)), open_interest=[90, 270] * 18)
    told = app.structure("abc", chain=today, store=tmp_path / "store")
    assert told.history["session_date"].to_list() == [*days, SESSION]
    assert told.history["gex"][-1] == told.underlying["gex"]
    (line,) = (line for line in shown(told, 80) if line.startswith("In its own history"))
    assert line == "In its own history: gamma the highest of 3, notional the lowest of 3."
    assert len(json.loads(structure.text(told))["history"]) == 3
