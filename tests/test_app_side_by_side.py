"""Imports by several processes: the files and words of one, a killed one costs time, and what is said of the rest."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from distributed import Client
from object_stores import Bucket
from standard import calendar

from scanner import app
from scanner.app import side_by_side, workers
from scanner.app.workers import Crew
from scanner.errors import ClusterError, UsageError
from scanner.market.corporate_actions import Actions, Rename
from scanner.outputs import document, imported

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 14))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")
EXPIRIES = [calendar.sessions_between(date(2026, month, 14), date(2026, month, 18))[-1] for month in (9, 10, 11, 12)]


def write(folder: Path, day: date, volumes_of: date, name: str) -> None:
    """A chain of a day with the volumes of that day, or of another."""
    folder.mkdir(exist_ok=True, parents=True)
    chain = built_chain(volumes_of, underlying=name).with_columns(session_date=pl.lit(day))
    chain.select(COLUMNS).write_csv(folder / f"{day}.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten sessions of four names, one of which is renamed and one seldom there.

    Two repeat the volumes of an earlier session: the renamed one those of its last day under its old name, and the rare
    one those of nine sessions ago, further back than names are looked at that are there each day.
    Beside them lie a letter, a file cut off in a line, a table of renames and one of splits.
    """
    made = tmp_path_factory.mktemp("recorded") / "chains"
    for place, day in enumerate(DAYS):
        write(made / "ABC", day, day, "ABC")
        write(made / "renamed", day, DAYS[4] if place == 5 else day, "OLD" if place < 5 else "NEW")
        if place in (0, 9):
            write(made / "rare", day, DAYS[0], "ZZZ")
        write(made / "XYZ", day, day, "XYZ")
    (made / "letter.csv").write_text("Dear Sir,\nplease find enclosed\n", "utf-8")
    whole = (made / "ABC" / f"{DAYS[0]}.csv").read_text("utf-8").replace("ABC", "CUT")
    (made / "cut.csv").write_text(whole[:-20], "utf-8")
    (made / "renames.csv").write_text(f"old,new,date\nOLD,NEW,{DAYS[5]}\n", "utf-8")
    (made / "events.csv").write_text(f"underlying,date,kind,value,when\nXYZ,{DAYS[3]},split,2:1,\n", "utf-8")
    return made


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of small chains are split, too."""
    monkeypatch.setattr(side_by_side, "_WORTH_SPLITTING", 10)


def files(store: Path) -> dict[str, bytes]:
    """What a store holds, but for what each process remembers of files' times."""
    held = (path for path in sorted(store.rglob("*")) if path.is_file() and path.name != "lock")
    return {
        name: path.read_bytes() for path in held if not (name := str(path.relative_to(store))).startswith("checked")
    }


@dataclass
class Seen:
    """What an import told on its way; a hook may do something at it."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    hook: Callable[[str], None] = lambda what: None

    def reading(self, files: int) -> None:
        self.told.append(("reading", files))

    def read(self, path: Path, *, taken: int) -> None:
        self.told.append(("read", path, taken))
        self.hook("read")

    def judging(self, total: int) -> None:
        self.told.append(("judging", total))

    def judged(self) -> None:
        self.told.append(("judged",))
        self.hook("judged")


def came_to(store: Path, *recorded: Any, progress: Seen | None = None, **where: Any) -> tuple[str, list[Any], Any]:
    """What an import printed, what it told on its way, and what the store holds then."""
    seen = Seen() if progress is None else progress
    report = app.import_chains(*recorded, store=store, progress=seen, **where)
    return document.to_json(imported.document(report)), seen.told, files(store)


@pytest.fixture(scope="module")
def in_one_process(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Any], Any]:
    return came_to(tmp_path_factory.mktemp("one") / "store", folder)


def repeated(held: dict[str, bytes]) -> set[tuple[str, date]]:
    """The names and sessions whose volumes a store takes for those of another session."""
    files = [pl.read_parquet(content) for name, content in held.items() if name.endswith("underlyings.parquet")]
    verdicts = pl.concat(files, how="diagonal_relaxed").explode("verdicts").unnest("verdicts")
    return set(
        verdicts.filter(pl.col("reason").str.contains("repeat")).select("underlying", "session_date").iter_rows()
    )


def test_the_recording_has_what_may_go_wrong(
    folder: Path, tmp_path: Path, in_one_process: tuple[str, list[Any], Any]
) -> None:
    said, _, held = in_one_process
    assert "letter.csv" in said
    assert "cut.csv" in said
    assert repeated(held) == {("NEW", DAYS[5])}
    # By itself it is compared with sessions that lie further back.
    assert repeated(came_to(tmp_path / "store", folder / "rare")[2]) == {("ZZZ", DAYS[9])}


def test_workers_store_the_very_files_of_one_process_and_tell_the_same(
    folder: Path, tmp_path: Path, in_one_process: tuple[str, list[Any], Any], cluster: str
) -> None:
    done: list[str] = []
    submit = Crew.submit

    def noted(crew: Crew, doing: str, *arguments: Any) -> Any:
        done.append(doing.partition(" ")[0])
        return submit(crew, doing, *arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Crew, "submit", noted)
        patched.setattr(Crew, "threads", 4)
        assert came_to(tmp_path / "store", folder, cluster=cluster) == in_one_process
    # 32 of chains, the letter, the one cut off and the renames.
    assert done.count("read") == 35
    # Four groups of names; that of the rare one has two sessions.
    assert done.count("summarised") == 3 * len(DAYS) + 2


@pytest.mark.slow
def test_importing_again_changes_nothing_and_summarises_nothing(
    folder: Path, tmp_path: Path, in_one_process: tuple[str, list[Any], Any], cluster: str
) -> None:
    app.import_chains(folder, store=tmp_path / "store", cluster=cluster)
    again = app.import_chains(folder, store=tmp_path / "store", cluster=cluster)
    assert (again.stored, again.known, len(again.derived)) == (0, 33, 0)
    assert files(tmp_path / "store") == in_one_process[2]


@pytest.mark.slow
def test_a_session_that_comes_later_is_taken_in_as_by_one_process(folder: Path, tmp_path: Path, cluster: str) -> None:
    late = sorted((folder / "XYZ").iterdir())[2]
    early = [path for path in sorted(folder.rglob("*.csv")) if path != late]
    for name, where in (("one", {}), ("several", {"cluster": cluster})):
        app.import_chains(*early, store=tmp_path / name, **where)
    told = [
        came_to(tmp_path / name, late, **where)[0] for name, where in (("one", {}), ("several", {"cluster": cluster}))
    ]
    assert told[0] == told[1]
    assert files(tmp_path / "several") == files(tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("when", ["read", "judged"])
def test_a_worker_killed_in_the_middle_costs_time_alone(
    folder: Path, tmp_path: Path, in_one_process: tuple[str, list[Any], Any], cluster: str, when: str
) -> None:
    killed: list[int] = []

    def kill(what: str) -> None:
        if what == when and not killed:
            with Client(cluster, set_as_default=False) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    assert came_to(tmp_path / "store", folder, progress=Seen(hook=kill), cluster=cluster) == in_one_process
    assert killed


def test_parts_whose_session_other_files_tell_are_read_here(tmp_path: Path, cluster: str, real_data: Path) -> None:
    """A part of a chain in which nothing traded does not tell its session."""
    recorded = real_data / "yahoo-chain-5min"
    one, several = (came_to(tmp_path / name, recorded, **where) for name, where in named(cluster))
    assert several == one


def named(cluster: str) -> list[tuple[str, dict[str, str]]]:
    return [("one", {}), ("several", {"cluster": cluster})]


def test_a_file_too_large_for_one_answer_is_read_here(
    folder: Path,
    tmp_path: Path,
    in_one_process: tuple[str, list[Any], Any],
    cluster: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(side_by_side, "_LARGEST_FILE", 0)
    monkeypatch.setattr(side_by_side, "_read", None)
    assert came_to(tmp_path / "store", folder, cluster=cluster) == in_one_process


def test_frames_are_taken_beside_files(folder: Path, tmp_path: Path, cluster: str) -> None:
    frame = built_chain(DAYS[0], underlying="FRM")
    one, several = (came_to(tmp_path / name, frame, folder, **where) for name, where in named(cluster))
    assert several == one
    assert '"chains_stored": 34' in several[0]


def test_a_worker_that_sees_another_file_is_refused_by_name(
    folder: Path, tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = side_by_side.recorded.appearance
    monkeypatch.setattr(side_by_side.recorded, "appearance", lambda path: ((seen(path)[0][0] + 1, 0),))
    with pytest.raises(ClusterError, match=r"does not see .*ABC.*as it is where the import was begun.*same path"):
        app.import_chains(folder, store=tmp_path / "store", cluster=cluster)


def test_a_file_beside_that_another_machine_lacks_makes_another_appearance(tmp_path: Path) -> None:
    (tmp_path / "chains").mkdir()
    path = tmp_path / "chains" / "chain.csv"
    path.write_text("ticker\n", "utf-8")
    alone = side_by_side.recorded.appearance(path)
    (tmp_path / "underlying.csv").write_text("ticker\n", "utf-8")
    assert side_by_side.recorded.appearance(path) != alone


@pytest.mark.slow
def test_a_snapshot_found_to_be_damaged_by_a_worker_is_left_out_as_by_one_process_and_said_once(
    folder: Path, tmp_path: Path, cluster: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.import_chains(folder, store=tmp_path / "one")
    damaged = next((tmp_path / "one" / "snapshots").glob(f"*/{DAYS[2]}/*XYZ*"))
    content = bytearray(damaged.read_bytes())
    content[100:1_000] = bytes(900)
    damaged.write_bytes(content)
    shutil.rmtree(tmp_path / "one" / "summaries")
    shutil.copytree(tmp_path / "one", tmp_path / "several")
    said = []
    for name, where in named(cluster):
        caplog.clear()
        report = app.import_chains(folder / "ABC", store=tmp_path / name, **where)
        said.append([record.getMessage().replace(str(tmp_path / name), "") for record in caplog.records])
        assert len(report.derived) == 32
    assert said[0] == said[1]
    assert [f"{damaged.name} is damaged" in words for words in said[0]] == [True]
    assert files(tmp_path / "several") == files(tmp_path / "one")


def test_an_address_where_nobody_answers_is_named_and_nothing_is_stored(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "_PATIENCE", 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        ran = Commands(monkeypatch, capsys)("import", folder, "--store", tmp_path / "store", "--cluster", address)
    assert ran.code == 2
    assert f"--cluster {address}: no scheduler with a worker answers" in ran.err
    assert not list((tmp_path / "store").glob("snapshots/*"))


@pytest.mark.slow
def test_a_store_below_a_prefix_is_filled_by_workers_with_the_objects_of_one_process(
    folder: Path, tmp_path: Path, object_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    for name, where in (("one", {}), ("several", {"workers": 2})):
        bucket = Bucket.new(object_server)
        for variable, value in bucket.environment().items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("SCANNER_MIRRORS", str(tmp_path / name))
        app.import_chains(folder, store=bucket.url, **where)
        held.append(bucket.objects())
    assert held[0] == held[1]
    assert sum(key.startswith("summaries/") for key in held[0]) == 2 * len(DAYS)


@pytest.mark.slow
def test_the_command_prints_with_workers_what_it_prints_without(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Commands(monkeypatch, capsys)
    one = run("import", folder, "--store", tmp_path / "one")
    several = run("import", folder, "--store", tmp_path / "several", "--workers", 2)
    assert (several.code, several.out, several.err) == (one.code, one.out, one.err)
    assert one.code == 1
    assert files(tmp_path / "several") == files(tmp_path / "one")


def test_without_dask_the_extra_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"--workers 2: needs dask.*\[cluster\]"):
        app.import_chains(folder, store=tmp_path / "store", workers=2)


def test_tables_alone_need_no_workers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    report = app.import_chains(folder / "events.csv", store=tmp_path / "store", workers=2)
    assert report.events == 1


def test_a_cluster_and_workers_are_not_both_taken(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one of them"):
        app.import_chains(folder, store=tmp_path / "store", cluster="tcp://127.0.0.1:8786", workers=2)


def test_names_of_one_company_stay_together() -> None:
    actions = Actions(renames=(Rename("OLD", "MID", DAYS[2]), Rename("MID", "NEW", DAYS[4])))
    assert actions.families(["XYZ", "NEW", "ABC", "OLD"]) == [("ABC",), ("NEW", "OLD"), ("XYZ",)]
    assert Actions().families(["BRKB", "ABC", "BRK.B"]) == [("ABC",), ("BRK.B", "BRKB")]
