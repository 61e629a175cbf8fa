"""States of older versions open after every change of the tables, with all that is in them; newer ones are refused."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alert_samples import GOOG_235, NVDA_130, THURSDAY, THURSDAY_CLOSE, SampleRule, at, finding, findings, frames, scan
from commands import Commands
from standard import update

from scanner.activity.looks import Look
from scanner.errors import StoreError
from scanner.store.state import Calibration, Job, State, migrations, schema
from scanner.store.state.tables import SCHEMA_VERSION, Table

SCHEMA_1 = (Path(__file__).parent / "states" / "schema-1.sql").read_text("utf-8")
FILE = "state.sqlite"
# Tables that no state of schema 1 has.
ADDED = {"job_runs", "silences", "outbox", "followed", "outcomes"}


def written(folder: Path, *changes: str, journal: str = "wal") -> Path:
    """A folder with the state of schema 1 in it, changed by SQL."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.executescript(SCHEMA_1)
        for change in changes:
            connection.execute(change)
        connection.commit()
    return folder


def rows(folder: Path) -> dict[str, list[tuple]]:
    """Everything that a SQLite state holds, by table, its version apart."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    del found["meta"]
    return found


def version(folder: Path) -> str:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()[0]


def differences(state: State) -> list:
    """What alembic would change in a database to make it what the tables say."""
    with state.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Table.metadata)


def test_the_old_state_has_rows_in_every_table(tmp_path):
    """The tests below would pass in silence over empty tables."""
    found = rows(written(tmp_path))
    assert {*found, "meta"} == set(Table.metadata.tables) - ADDED
    assert all(found.values())


def test_an_old_state_opens_with_everything_in_it(tmp_path):
    with State.open(written(tmp_path)) as state, state.read() as ledger:
        (alert,) = ledger.alerts()
        assert (alert.contract, alert.stars, alert.evidence["volume"]) == (GOOG_235, 5, 48_210)
        assert [update.event for update in ledger.updates(alert.alert_id)] == ["new"]
        assert [item.contract for item in ledger.flagged(outcome="pending")] == [GOOG_235]
        assert [run["errors"][0]["code"] for run in ledger.runs()] == ["rate_limited"]
        assert [(item.rule_id, item.count) for item in ledger.not_judged("run-20250904T2000")] == [
            ("call-buildup", 2610)
        ]
        assert [item["identity"] for item in ledger.held_back("run-20250904T2000")] == [NVDA_130]
        assert [(sighting.underlying, sighting.scans) for sighting in ledger.sightings(simulated=False)] == [
            ("NVDA", 2)
        ]
        assert ledger.calibration() == [Calibration("cboe", THURSDAY, "volume", 0.001, 0.0012, 9600, "1")]
        assert ledger.jobs() == [Job("close", at(THURSDAY, 20), at(THURSDAY, 20, 1), "done", None)]
        chains = pl.DataFrame(
            {"source": ["cboe"], "underlying": ["GOOG"], "session_date": [THURSDAY], "quote_time": [THURSDAY_CLOSE]}
        )
        assert ledger.looks(chains) == [Look("cboe", THURSDAY, "GOOG", at(THURSDAY, 15), {GOOG_235: 4.5})]


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_no_row_changes_and_no_copy_stays(tmp_path, journal):
    before = rows(written(tmp_path, journal=journal))
    State.open(tmp_path).close()
    after = rows(tmp_path)
    # What was held back has a column more, and nothing in it.
    assert {name: after[name] for name in before} == before | {
        "held_back": [(*row, None) for row in before["held_back"]]
    }
    assert [after[name] for name in after.keys() - before.keys()] == [[]] * len(ADDED)
    assert version(tmp_path) == str(SCHEMA_VERSION)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param((), id="of the first version"),
        pytest.param(("DROP TABLE looks",), id="of its first days, without looks"),
        pytest.param(("DELETE FROM meta", "DROP TABLE jobs", "DROP INDEX alerts_key"), id="unfinished"),
    ],
)
def test_an_old_state_has_afterwards_what_the_tables_say(tmp_path, changes):
    with State.open(written(tmp_path, *changes)) as state:
        assert differences(state) == []
        assert state.verify() == []


def test_all_the_steps_make_what_a_new_state_has(place):
    with State.open(place) as state:
        assert differences(state) == []
        with state.engine.begin() as connection:
            Table.metadata.drop_all(connection)
            connection.exec_driver_sql(
                "CREATE TABLE meta (name VARCHAR(64) NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)"
            )
    with State.open(place) as state:
        assert differences(state) == []
        with state.write() as ledger:
            ledger.save_job(Job("close", THURSDAY_CLOSE))
    with State.open(place, read_only=True) as state, state.read() as ledger:
        assert [job.name for job in ledger.jobs()] == ["close"]


def test_a_difference_of_tables_would_be_seen(tmp_path):
    with State.open(tmp_path) as state:
        with state.engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX ix_looks_session_date")
            connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN host VARCHAR")
        assert sorted(difference[0] for difference in differences(state)) == ["add_index", "remove_column"]


def test_the_steps_are_numbered_one_by_one_up_to_the_version_of_the_tables():
    steps = [step.revision for step in ScriptDirectory(str(migrations.FOLDER)).walk_revisions()]
    assert steps == [str(number) for number in range(SCHEMA_VERSION, 0, -1)]


def test_a_newer_state_is_refused_and_left_alone(place):
    State.open(place).close()
    name_version(place, "999")
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"newer version of scanner \(schema 999.*Upgrade scanner"):
            State.open(place, read_only=read_only)


def name_version(place: str, value: str) -> None:
    with State.open(place) as state, state.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET value = '{value}' WHERE name = 'schema_version'")


def test_a_version_that_is_no_number_is_refused_by_its_name(place):
    name_version(place, "two")
    with pytest.raises(StoreError, match=r"has schema 'two', which no version of scanner writes.*--store"):
        State.open(place)


def test_an_old_state_opened_to_be_read_says_what_to_run_and_is_left_alone(tmp_path):
    before = rows(written(tmp_path))
    with pytest.raises(StoreError, match=r"state\.sqlite was written by an older version.*`scanner store verify` once"):
        State.open(tmp_path, read_only=True)
    assert (rows(tmp_path), version(tmp_path)) == (before, "1")


def test_the_command_it_names_makes_an_old_state_readable(tmp_path, monkeypatch, capsys):
    written(tmp_path)
    assert Commands(monkeypatch, capsys)("store", "verify", "--store", tmp_path).code == 0
    with State.open(tmp_path, read_only=True) as state, state.read() as ledger:
        assert len(ledger.alerts()) == 1


def test_alembic_is_loaded_for_an_old_state_alone(tmp_path):
    code = (
        "import sys; from scanner.store.state import State\n"
        "for folder in sys.argv[1:]: State.open(folder).close(); print('alembic' in sys.modules)"
    )
    folders = (tmp_path / "new", tmp_path / "new", written(tmp_path / "old"))
    ran = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False", "True"]


# -- steps that are yet to come ---------------------------------------------------------------------------------------

REBUILDS_ALERTS = """
    with op.batch_alter_table("alerts") as batch:
        batch.alter_column("underlying", existing_type=sa.String(32), type_=sa.String(64), existing_nullable=True)
        batch.add_column(sa.Column("score", sa.Double()))
"""
FAILS_HALFWAY = """
    op.execute("DELETE FROM jobs")
    op.execute("INSERT INTO no_such_table VALUES (1)")
"""
DIES_HALFWAY = """
    op.execute("DELETE FROM jobs")
    import os
    os._exit(9)
"""
COUNTS = """
    op.execute("UPDATE jobs SET outcome = outcome || '+'")
"""


@pytest.fixture
def next_step(tmp_path_factory, monkeypatch) -> Callable[[str], Path]:
    """A later version of the program, whose next step is given; returns the folder of its steps."""

    def made(body: str) -> Path:
        folder = shutil.copytree(migrations.FOLDER, tmp_path_factory.mktemp("steps"), dirs_exist_ok=True)
        head = f"revision, down_revision = '{SCHEMA_VERSION + 1}', '{SCHEMA_VERSION}'"
        text = f"import sqlalchemy as sa\nfrom alembic import op\n{head}\ndef upgrade():{body}"
        (folder / "versions" / "revision_next.py").write_text(text, "utf-8")
        monkeypatch.setattr(migrations, "FOLDER", folder)
        monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        return folder

    return made


def open_later(place: str, steps: Path, barrier: Barrier) -> None:
    """Open a state in a process of the later version, which has to be told of the step anew."""
    migrations.FOLDER = steps
    schema.SCHEMA_VERSION = SCHEMA_VERSION + 1
    barrier.wait(120)
    State.open(place).close()


def in_other_processes(count: int, place: str, steps: Path) -> list[int | None]:
    """The exit codes of processes of the later version that open a state at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    workers = [context.Process(target=open_later, args=(place, steps, barrier)) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    return [worker.exitcode for worker in workers]


@pytest.fixture
def filled(place: str) -> str:
    """A state with an alert, its update, its contract, and a job."""
    with State.open(place) as state:
        found = findings(finding())
        update(found, [SampleRule()], state, scan(), frames(), budget=20, false_discovery_rate=0.1)
        with state.write() as ledger:
            ledger.save_job(Job("close", THURSDAY_CLOSE, outcome="done"))
    return place


def outcomes(place: str) -> list[str | None]:
    with State.open(place) as state, state.read() as ledger:
        return [job.outcome for job in ledger.jobs()]


def test_a_table_that_others_point_to_can_be_rebuilt(filled, next_step):
    """Dropping the old table would take along every row that points to it, were foreign keys heeded meanwhile."""
    next_step(REBUILDS_ALERTS)
    with State.open(filled) as state, state.read() as ledger:
        (alert,) = ledger.alerts()
        assert [update.event for update in ledger.updates(alert.alert_id)] == ["new"]
        assert [item.contract for item in ledger.flagged(alert_id=alert.alert_id)] == [GOOG_235]
        assert state.verify() == []


def test_rows_still_go_with_what_they_point_to_after_a_rebuild(filled, next_step):
    next_step(REBUILDS_ALERTS)
    with State.open(filled) as state, state.write() as ledger:
        (alert,) = ledger.alerts()
        ledger._session.connection().exec_driver_sql("DELETE FROM alerts")
        assert ledger.updates(alert.alert_id) == []


def test_a_step_that_fails_leaves_the_state_as_it_was(filled, next_step, monkeypatch):
    next_step(FAILS_HALFWAY)
    with pytest.raises(StoreError, match="no_such_table"):
        State.open(filled)
    monkeypatch.undo()
    assert outcomes(filled) == ["done"]


def test_a_process_killed_in_a_step_leaves_the_state_as_it_was(filled, next_step, monkeypatch):
    assert in_other_processes(1, filled, next_step(DIES_HALFWAY)) == [9]
    monkeypatch.undo()
    assert outcomes(filled) == ["done"]


def test_processes_that_open_an_old_state_at_once_change_it_once(filled, next_step):
    assert in_other_processes(2, filled, next_step(COUNTS)) == [0, 0]
    assert outcomes(filled) == ["done+"]


def test_a_failed_step_leaves_a_whole_copy_and_the_next_that_succeeds_takes_it_away(tmp_path, next_step):
    before = rows(written(tmp_path))
    next_step(FAILS_HALFWAY)
    with pytest.raises(StoreError, match="no_such_table"):
        State.open(tmp_path)
    (copy,) = tmp_path.glob("*.schema-1")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copyfile(copy, other / FILE)
    assert (rows(other), version(other)) == (before, "1")
    next_step(COUNTS)
    assert outcomes(str(tmp_path)) == ["done+"]
    assert not copy.exists()


def test_where_no_copy_can_be_made_nothing_is_changed(tmp_path):
    before = rows(written(tmp_path))
    (tmp_path / f"{FILE}.schema-1").mkdir()
    with pytest.raises(StoreError, match=r"cannot write .*state\.sqlite\.schema-1"):
        State.open(tmp_path)
    assert (rows(tmp_path), version(tmp_path)) == (before, "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, f"{FILE}.schema-1"]
