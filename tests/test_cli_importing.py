"""``scanner import``: what was taken, what was refused and why; twice is as good as once."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from rich.progress import Progress, TaskID
from standard import calendar, open_store
from typer.testing import CliRunner, Result

from scanner.cli.app import command_line

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 6))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")


def recorded(folder: Path, day: date, **options: object) -> Path:
    """A canonical CSV of one session, gzipped on odd days."""
    text = built_chain(day, **options).select(COLUMNS).write_csv()  # type: ignore[arg-type]
    folder.mkdir(exist_ok=True)
    path = folder / f"{day}.csv"
    if day.day % 2:
        path = path.with_suffix(".csv.gz")
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text, "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in DAYS:
        recorded(tmp_path / "chains", day)
    return tmp_path / "chains"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line(), [str(argument) for argument in arguments])


def document(result: Result) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(result.stdout)
    return parsed


def test_a_folder_is_taken_once_and_known_the_second_time(folder: Path, tmp_path: Path) -> None:
    first = run("import", folder, "--store", tmp_path / "store", "--format", "json")
    again = run("import", folder, "--store", tmp_path / "store", "--format", "json")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert document(first)["import"] == {
        "chains_stored": 4,
        "chains_known": 0,
        "contracts_stored": 80,
        "events": 0,
        "closes": 0,
        "prints_stored": 0,
        "prints_known": 0,
        "sessions_summarised": 4,
        "without_close": [],
    }
    assert document(again)["import"]["chains_known"] == 4
    assert document(again)["import"]["sessions_summarised"] == 0
    store = open_store(tmp_path / "store", read_only=True)
    assert store.snapshots.sessions("canonical") == DAYS


def test_a_glob_and_a_file_are_taken_like_a_folder(folder: Path, tmp_path: Path) -> None:
    result = run(
        "import", folder / "*.gz", folder / f"{DAYS[1]}.csv", "--store", tmp_path / "store", "--format", "json"
    )
    assert document(result)["import"]["chains_stored"] == 3


def test_a_file_that_cannot_be_understood_is_named_with_its_reason_and_the_rest_goes_on(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "letter.csv").write_text("Dear Sir,\nplease find enclosed\n", "utf-8")
    result = run("import", folder, "--store", tmp_path / "store")
    assert result.exit_code == 1
    assert "Stored 4 chains (80 contracts)" in result.stdout
    assert "letter.csv" in result.stdout.split("Refused:")[1]


@pytest.mark.parametrize("year", [2003, 2033])
def test_a_chain_from_beyond_the_exchanges_calendar_is_refused_and_the_rest_goes_on(
    folder: Path, tmp_path: Path, year: int
) -> None:
    rows = f"{year}-09-06,GOOG,{year}-09-16,230,C,100,50,3.0,3.2,230\n"
    (folder / "beyond.csv").write_text(",".join(COLUMNS) + "\n" + rows, "utf-8")
    result = run("import", folder, "--store", tmp_path / "store")
    assert result.exit_code == 1
    words = f"labelled {year}-09-06, outside the exchange's calendar, which knows 2004-01-01 to 2032-12-31"
    assert words in " ".join(result.stdout.split())


def test_where_nothing_can_be_taken_the_exit_code_is_3(tmp_path: Path) -> None:
    result = run("import", tmp_path / "nowhere", "--store", tmp_path / "store")
    assert result.exit_code == 3
    assert "no such file or folder" in result.stdout


def test_sessions_that_are_not_judgeable_are_listed_with_their_reasons(folder: Path, tmp_path: Path) -> None:
    recorded(folder, date(2026, 8, 8))
    result = run("import", folder, "--store", tmp_path / "store")
    assert result.exit_code == 0
    assert "ABC 2026-08-08: weekend (all off): labelled 2026-08-08, a weekend: no session was held" in result.stdout


def test_sessions_seen_before_their_close_are_told_with_the_time_of_day_of_their_quotes(tmp_path: Path) -> None:
    (tmp_path / "chains").mkdir()
    for day, minute in zip(DAYS[:2], (5, 40), strict=True):
        chain = built_chain(day, quote_time=datetime(day.year, day.month, day.day, 19, minute, tzinfo=UTC))
        chain.drop("source").write_parquet(tmp_path / "chains" / f"{day}.parquet")
    said = " ".join(run("import", tmp_path / "chains", "--store", tmp_path / "store").stdout.split())
    assert (
        "2 sessions end before their close: their volumes are no baseline (quotes of 15:05 to 15:40 New York)." in said
    )


def test_csv_has_one_row_for_each_session(folder: Path, tmp_path: Path) -> None:
    result = run("import", folder, "--store", tmp_path / "store", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["session_date"] for row in rows] == [str(day) for day in DAYS]
    assert {row["reached_close"] for row in rows} == {"true"}


def test_events_and_renames_are_kept_and_apply_to_every_later_panel(folder: Path, tmp_path: Path) -> None:
    (folder / "events.csv").write_text(f"underlying,date,kind,value,when\nABC,{DAYS[3]},split,2:1,\n", "utf-8")
    (folder / "renames.csv").write_text(f"old,new,date\nABC,NEW,{date(2026, 8, 10)}\n", "utf-8")
    result = run("import", folder, "--store", tmp_path / "store", "--format", "json")
    assert result.exit_code == 0
    assert document(result)["import"]["events"] == 2
    store = open_store(tmp_path / "store", read_only=True)
    panel = store.history.panel("canonical", ["ABC"], before=DAYS[3])
    assert panel.spot.tolist() == [[50.0, 50.0, 50.0]]
    assert store.history.panel("canonical", ["NEW"], before=date(2026, 8, 10)).sessions == tuple(DAYS)


def test_a_wrong_line_of_events_is_refused_by_line(folder: Path, tmp_path: Path) -> None:
    (folder / "events.csv").write_text("underlying,date,kind,value,when\nABC,soon,split,2:1,\n", "utf-8")
    result = run("import", folder, "--store", tmp_path / "store")
    assert "events.csv:2: date 'soon' is not a date" in result.stdout


def test_nothing_but_data_goes_to_stdout_and_no_progress_without_a_terminal(folder: Path, tmp_path: Path) -> None:
    result = run("import", folder, "--store", tmp_path / "store", "--format", "json")
    assert document(result)["schema"] == 1
    assert result.stderr == ""


def test_unknown_columns_are_reported_and_ignored(tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text(built_chain(DAYS[0]).select(*COLUMNS, colour=pl.lit("red")).write_csv(), "utf-8")
    result = run("import", path, "--store", tmp_path / "store")
    assert result.exit_code == 0
    assert "unknown columns ignored: colour (1 chain)" in " ".join(result.stdout.split())


def test_a_glob_takes_the_tables_it_matches_too(folder: Path, tmp_path: Path) -> None:
    (folder / "events.csv").write_text(f"underlying,date,kind,value,when\nABC,{DAYS[3]},split,2:1,\n", "utf-8")
    result = run("import", folder / "*.csv*", "--store", tmp_path / "store", "--format", "json")
    assert document(result)["import"]["events"] == 1
    assert document(result)["import"]["chains_stored"] == 4


def test_the_progress_bar_counts_files_and_chains_then_sessions_to_their_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "events.csv").write_text("underlying,date,kind,value,when\n", "utf-8")
    (folder / "README.md").write_text("beside the chains", "utf-8")
    seen: list[tuple[str, float | None, float, str]] = []

    def update(bar: Progress, task: TaskID, **changes: Any) -> None:
        original(bar, task, **changes)
        told = bar.tasks[task]
        seen.append((told.description, told.completed, told.total or 0, told.fields["said"]))

    original = Progress.update
    monkeypatch.setattr(Progress, "update", update)
    run("import", folder, "--store", tmp_path / "store", "--quiet")
    assert seen[0] == ("reading", 0, 4, "files")
    assert seen[4] == ("reading", 3, 4, "files, 4 chains")
    assert seen[5] == ("judging", 0, 4, "sessions")
