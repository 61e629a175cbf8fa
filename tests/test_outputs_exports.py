"""An export format is one row of the register and one file; a made-up one, added by the steps of the page, is written.

What the formats hold is read back by other libraries.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import openpyxl
import polars as pl
import pytest
from alert_samples import FRIDAY, GOOG_235, MONDAY, alert, at, put_call_alert
from commands import Commands
from standard import calendar

from scanner import app
from scanner.alerts.episodes import Episode, Event, EventKind
from scanner.alerts.identity import Key
from scanner.config import Settings
from scanner.errors import UsageError
from scanner.outputs.exports import registry
from scanner.outputs.exports.registry import EXPORTS, Export, export_of
from scanner.outputs.exports.subjects import COLUMNS, subjects
from scanner.store.state import State

# The steps of docs/adding-an-output.md: the row, and the file.
TOY_ROW = Export("count", "how many lines there are", "toy_export", ".count")
TOY_FILE = """\
from scanner.outputs.exports.registry import Exported

def export(subjects, calendar):
    names = ",".join(subject.row()["symbol"] for subject in subjects)
    return Exported(f"{len(subjects)}: {names}\\n".encode(), ("what counts cannot name",))
"""


def written(name: str, *alerts) -> bytes:
    return EXPORTS[name].write(subjects(alerts), calendar).content


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three alerts: two contracts of GOOG, of which the older is stronger, and NVDA as a whole."""
    older = alert(alert_id="a", session_date=FRIDAY, stars=5)
    newer = alert(alert_id="b", contract="GOOG250912C00240000", strike=240.0, session_date=MONDAY, stars=2, score=40.0)
    wide = put_call_alert(alert_id="c", session_date=MONDAY, stars=1, score=20.0)
    episodes = [
        Episode(Key(one.rule_id, one.subject[0]), one.session_date, 0, one, one.severity, one.stars)
        for one in (older, newer, wide)
    ]
    events = [Event(EventKind.new, episode.alert) for episode in episodes]
    with State.open(tmp_path / "store") as state, state.write() as ledger:
        ledger.save_episodes(episodes, events, at(MONDAY, 20), "scan")
    return tmp_path / "store"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "EXPORTS", MappingProxyType({**EXPORTS, "count": TOY_ROW}))
    (tmp_path / "toy_export.py").write_text(TOY_FILE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("toy")
def test_a_format_of_one_row_and_one_file_is_written_wherever_formats_are(store: Path, tmp_path: Path) -> None:
    listed = app.watchlist(format="count", store=store)
    assert listed.text == f"3: GOOG250912C00240000,NVDA,{GOOG_235}\n"
    assert listed.left_out == ("what counts cannot name",)
    settings = Settings.model_validate({"outputs": {"watchlist": {"path": str(tmp_path), "format": "count"}}})
    assert settings.outputs.watchlist is not None
    assert settings.outputs.watchlist.format == "count"
    assert "count" in registry.formats()


@pytest.mark.parametrize("export", EXPORTS.values(), ids=lambda export: export.name)
def test_every_row_names_a_module_that_writes_even_an_empty_list(export: Export) -> None:
    assert callable(import_module(export.module).export)
    assert isinstance(export.write([], calendar).content, bytes)


def test_a_workbook_has_the_columns_of_the_csv_with_dates_and_numbers_as_such() -> None:
    book = openpyxl.load_workbook(io.BytesIO(written("xlsx", alert(), put_call_alert())))
    header, goog, nvda = book.active.iter_rows(values_only=True)
    assert header == COLUMNS
    row = dict(zip(header, goog, strict=True))
    assert row["symbol"] == GOOG_235
    assert (row["expiry"], row["strike"], row["volume"]) == (datetime(2025, 9, 12), 235, 48_210)
    assert row["first_seen"] == datetime(2025, 9, 4, 15)
    assert dict(zip(header, nvda, strict=True))["volume"] is None


@pytest.mark.parametrize("hostile", ["=1+1", '=HYPERLINK("http://x")', "http://evil.example", "@SUM(1)", "{=1}"])
def test_nothing_in_a_workbook_is_a_formula_or_a_link(hostile: str) -> None:
    content = written("xlsx", alert(message=hostile, rule_id=hostile, underlying=hostile))
    book = openpyxl.load_workbook(io.BytesIO(content))
    (row,) = book.active.iter_rows(min_row=2)
    cells = dict(zip(COLUMNS, row, strict=True))
    assert (cells["message"].value, cells["message"].data_type) == (hostile, "s")
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet


def test_without_its_library_a_workbook_is_refused_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "scanner.outputs.exports.workbook", raising=False)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(
        UsageError, match=r"xlsx needs xlsxwriter, which is not installed: pip install 'scanner\[excel\]'"
    ):
        written("xlsx", alert())


def test_lines_of_json_have_the_columns_of_the_csv_and_null_for_what_is_missing() -> None:
    first, second = (json.loads(line) for line in written("jsonl", alert(), put_call_alert()).splitlines())
    assert tuple(first) == tuple(second) == COLUMNS
    assert (first["strike"], first["volume"], first["expiry"]) == (235.0, 48_210, "2025-09-12")
    assert (second["symbol"], second["strike"], second["volume"]) == ("NVDA", None, None)


def test_parquet_keeps_a_type_for_every_column() -> None:
    frame = pl.read_parquet(io.BytesIO(written("parquet", alert(), put_call_alert())))
    assert frame.columns == list(COLUMNS)
    assert frame.row(0, named=True)["first_seen"] == datetime(2025, 9, 4, 15, tzinfo=UTC)
    assert frame["expiry"].to_list() == [date(2025, 9, 12), None]
    assert frame.schema["volume"] == pl.Int64


def test_a_platforms_list_is_not_written_in_another_form() -> None:
    with pytest.raises(UsageError, match="a list for ibkr is written as ibkr reads it; leave out the format xlsx"):
        export_of("ibkr", "xlsx")
    assert export_of("ibkr", "csv") is EXPORTS["ibkr"]


@pytest.fixture
def command(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    commands = Commands(monkeypatch, capsys)

    def run(*arguments: object) -> list[str]:
        ran = commands("watchlist", "--store", store, *arguments)
        assert ran.code == 0, ran.err
        return ran.out.splitlines()

    return run


def test_the_strongest_lines_the_newest_days_and_one_line_a_name_can_be_asked_for(command) -> None:
    def symbols(*arguments: object) -> list[str]:
        return [json.loads(line)["symbol"] for line in command("--format", "jsonl", *arguments)]

    assert symbols() == ["GOOG250912C00240000", "NVDA", GOOG_235]
    assert symbols("--top", 1) == [GOOG_235]
    assert symbols("--since", MONDAY) == ["GOOG250912C00240000", "NVDA"]
    assert symbols("--group-by", "underlying") == ["GOOG", "NVDA"]
    (goog, _) = command("--format", "jsonl", "--group-by", "underlying")
    told = json.loads(goog)
    assert (told["strike"], told["volume"], told["stars"], told["spot"]) == (None, None, 5, 232.3)
    assert command("--dialect", "thinkorswim", "--group-by", "underlying") == ["GOOG", "NVDA"]


def test_a_workbook_goes_to_a_file(tmp_path: Path, command) -> None:
    assert command("--format", "xlsx", "--output", tmp_path / "list.xlsx") == []
    assert openpyxl.load_workbook(tmp_path / "list.xlsx").active.max_row == 4
