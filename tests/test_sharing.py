"""Several scanners on one database and one prefix in a bucket; connections that are lost in the middle."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import databases
import psycopg
import pytest
from commands import Commands
from object_stores import Bucket

from scanner.errors import StoreLockedError, StoreUnreachableError
from scanner.store.state import Job, JobRun, Ledger, State, database

PROGRAM = Path(__file__).parent / "driven_scanners.py"
BEGAN = datetime(2026, 8, 5, 14, tzinfo=UTC)


@pytest.fixture
def shared(postgresql_server: str) -> str:
    """The URL of an empty database that several use."""
    return databases.new_database(postgresql_server)


def end_connection(shared: str, ledger: Ledger) -> None:
    """Have the server end the connection that a ledger writes through."""
    pid = ledger._session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with psycopg.connect(shared.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))


def job(name: str) -> Job:
    return Job(name, BEGAN, BEGAN, "done", None)


@pytest.mark.slow
@pytest.mark.parametrize("how", [(), ("--cutting",)], ids=["undisturbed", "connections cut"])
def test_scanners_that_watch_the_same_names_raise_and_tell_each_alert_once_and_keep_each_chain(how, postgresql_server):
    """A small one of what ``python tests/driven_scanners.py`` drives."""
    command = [sys.executable, PROGRAM, "--scanners", "2", "--rounds", "2", *how]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "alerts: 2 expected, 2 kept; messages: 2 came of 2 alerts; chains: 6 expected, 6 in the bucket" in ran.stdout
    assert "wrong: 0" in ran.stdout


def test_what_is_written_while_the_connection_is_lost_is_written_again_and_once(shared):
    tries = []
    with State.open(shared) as state:

        def write(ledger: Ledger) -> str:
            ledger.save_job(job(f"try-{len(tries)}"))
            tries.append(1)
            if len(tries) == 1:
                end_connection(shared, ledger)
            return "written"

        assert state.settled(write) == "written"
        with state.read() as ledger:
            assert [kept.name for kept in ledger.jobs()] == ["try-1"]
    assert len(tries) == 2


def test_a_database_that_ends_every_connection_is_an_error_that_says_so_and_keeps_nothing(shared):
    with State.open(shared) as state:

        def write(ledger: Ledger) -> None:
            ledger.save_job(job("never"))
            end_connection(shared, ledger)

        with pytest.raises(StoreUnreachableError, match="the connection to the database was lost"):
            state.settled(write)
        with state.read() as ledger:
            assert list(ledger.jobs()) == []


def test_a_writer_that_another_keeps_waiting_too_long_is_told_so(shared, monkeypatch):
    monkeypatch.setattr(database, "_WAIT_SECONDS", 1)
    with (
        State.open(shared) as one,
        State.open(shared) as two,
        one.write(),
        pytest.raises(StoreLockedError, match="another process has been writing"),
        two.write(),
    ):
        """Nothing is written."""


def test_a_writer_that_stands_still_is_ended_by_the_server_and_the_others_go_on(shared, monkeypatch):
    monkeypatch.setattr(database, "_IDLE_SECONDS", 1)
    with State.open(shared) as asleep, State.open(shared) as awake:

        def fall_asleep(ledger: Ledger) -> None:
            ledger.save_job(job("asleep"))
            with awake.write() as other:
                other.save_job(job("awake"))

        with pytest.raises(StoreUnreachableError):
            asleep.settled(fall_asleep)
        with awake.read() as ledger:
            assert [kept.name for kept in ledger.jobs()] == ["awake"]


def test_a_store_below_a_prefix_with_its_state_in_a_file_says_that_alerts_are_not_shared(
    bucket: Bucket, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        f"source: simulated\nwatchlists: {{one: [KO]}}\nstore: {{path: '{bucket.url}'}}\n", "utf-8"
    )
    run = Commands(monkeypatch, capsys)
    scanned = run("scan", "--quiet")
    said = "`state: postgresql://...` shares them"
    assert scanned.code == 0
    assert scanned.err.count(said) == 1
    assert said not in run("scan", "--quiet").err
    assert said in " ".join(run("doctor", "--offline").out.split())


def test_a_schedule_that_begins_closes_the_runs_of_its_own_jobs_and_leaves_another_machines_alone(shared):
    with State.open(shared) as state:
        with state.write() as ledger:
            for name in ("open-east", "open-west"):
                ledger.save_job_run(JobRun(name, "scan", BEGAN, BEGAN))
        with state.write() as ledger:
            closed = ledger.close_job_runs(among={"open-west"})
        with state.read() as ledger:
            outcomes = {run.name: run.outcome for run in ledger.job_runs()}
    assert closed == 1
    assert outcomes == {"open-east": "running", "open-west": "killed"}
