"""The state: real SQLite files, whole or clearly broken, shared by several processes."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from alert_samples import (
    FRIDAY,
    GOOG_235,
    MONDAY,
    THURSDAY,
    THURSDAY_CLOSE,
    SampleRule,
    at,
    finding,
    findings,
    frames,
    scan,
)
from sqlalchemy import event, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateTable
from standard import update

from scanner.activity.record import Calibration
from scanner.alerts.model import Confirmation, NotJudged
from scanner.errors import ScanProblem, StoreDamagedError, StoreError, StoreLockedError
from scanner.severity import Severity
from scanner.store.state import Job, State, database, is_whole, set_aside
from scanner.store.state.tables import AlertRow, Table


@pytest.fixture
def state(place: str) -> Iterator[State]:
    with State.open(place) as opened:
        yield opened


@pytest.fixture
def file_state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as opened:
        yield opened


LATER = date(2025, 9, 12)
# So rare, with so rare money, that an alert may be high.
RARE = {
    "once_in_sessions": 60.0, "family": "one session", "combined_surprise": 7.2, "premium_surprise": 2.0, "story": 1,
}  # fmt: skip


def raise_alert(
    state: State, moment: datetime = THURSDAY_CLOSE, measured: Mapping = MappingProxyType({}), **changes
) -> str:
    made = update(
        findings(finding(**changes)),
        [SampleRule()],
        state,
        scan(moment, moment.date()),
        frames(**measured),
        budget=20,
        false_discovery_rate=0.1,
    )
    return made.alerts[-1].alert_id


def test_a_folder_holds_the_state_under_its_own_name(tmp_path):
    State.open(tmp_path / "new" / "store").close()
    assert (tmp_path / "new" / "store" / "state.sqlite").is_file()


def test_what_was_written_is_there_when_opened_again(place):
    with State.open(place) as first:
        alert_id = raise_alert(first)
    with State.open(place, read_only=True) as second, second.read() as ledger:
        assert ledger.alert(alert_id).alert_id == alert_id


def test_a_state_that_is_opened_again_and_again_leaves_nothing_in_memory(place):
    def use(number: int) -> int:
        with State.open(place) as state, state.write() as ledger:
            ledger.save_job(Job(f"job {number}", THURSDAY_CLOSE, None, None))
        with State.open(place, read_only=True) as state, state.read() as ledger:
            assert len(ledger.jobs()) == number
        gc.collect()
        return len(gc.get_objects())

    held = [use(number) for number in range(1, 13)]
    assert held[-1] - held[1] < 100


def test_times_come_back_with_their_zone(state):
    alert_id = raise_alert(state)
    with state.read() as ledger:
        assert ledger.updates(alert_id)[0].seen_at == datetime(2025, 9, 4, 20, tzinfo=UTC)


def test_an_error_inside_a_transaction_leaves_nothing_behind(state):
    with pytest.raises(AttributeError):
        save_all(state, [Job("intraday", at(THURSDAY, 15)), None])
    with state.read() as ledger:
        assert ledger.jobs() == []


def test_an_id_may_be_shortened_while_it_is_unique(state):
    alert_id = raise_alert(state)
    with state.read() as ledger:
        assert ledger.alert(alert_id[:6]).alert_id == alert_id
        assert ledger.alert("%") is None
        assert ledger.alert("no such") is None


def test_alerts_come_newest_session_first_and_can_be_narrowed(state):
    old = raise_alert(state, measured=RARE)
    new = raise_alert(state, at(MONDAY, 20), severity="notice")
    with state.read() as ledger:
        assert [alert.alert_id for alert in ledger.alerts()] == [new, old]
        assert [alert.alert_id for alert in ledger.alerts(min_severity=Severity.high)] == [old]
        assert [alert.alert_id for alert in ledger.alerts(newest_sessions=1)] == [new]
        assert [alert.alert_id for alert in ledger.alerts(limit=1)] == [new]


def test_a_sessions_alerts_are_those_last_seen_in_it(state):
    old = raise_alert(state)
    raise_alert(state, at(MONDAY, 20))
    with state.read() as ledger:
        assert [alert.alert_id for alert in ledger.session_alerts(THURSDAY, simulated=False)] == [old]
        assert ledger.session_alerts(THURSDAY, simulated=True) == []
        assert ledger.session_alerts(FRIDAY, simulated=False) == []


def test_a_run_is_kept_with_what_was_left_out(state):
    problem = ScanProblem("XYZ", "source", "rate_limited", "HTTP 429")
    unknown = NotJudged("call-buildup", "GOOG", ("building history: 3 of 10 sessions",), 2610)
    with state.write() as ledger:
        ledger.save_run(scan(), [problem], {"alert budget": 3})
        ledger.save_left_out(scan().id, [], [unknown])
    with state.read() as ledger:
        run = ledger.runs()[0]
    assert run["id"] == "run-20250904T2000"
    assert run["errors"] == [{"symbol": "XYZ", "stage": "source", "code": "rate_limited", "message": "HTTP 429"}]
    assert run["held_back"] == {"alert budget": 3}


def test_calibration_and_jobs_are_read_back_as_written(state):
    record = Calibration("cboe", THURSDAY, "volume", 0.001, 0.0012, 9600, "1")
    job = Job("close", at(THURSDAY, 20), at(THURSDAY, 20, 1), "done", None)
    with state.write() as ledger:
        ledger.save_calibration([record])
        ledger.save_job(job)
    with state.read() as ledger:
        assert ledger.calibration("cboe") == [record]
        assert ledger.calibration("other") == []
        assert ledger.jobs() == [job]


def test_of_two_scans_of_a_close_that_of_more_rows_is_kept_level_by_level(state):
    first = [Calibration("cboe", THURSDAY, channel, 0.01, 0.5, 100, "1") for channel in ("fewer", "alike", "more")]
    again = [
        Calibration("cboe", THURSDAY, channel, 0.01, 0.25, count, "2")
        for channel, count in {"fewer": 99, "alike": 100, "more": 101, "new": 1}.items()
    ]
    elsewhere = [Calibration("cboe", FRIDAY, "fewer", 0.01, 1.0, 1, "2"), replace(again[0], source="other")]
    for records in (first, [*again, *elsewhere]):
        with state.write() as ledger:
            ledger.save_calibration(records)
    with state.read() as ledger:
        assert ledger.calibration("cboe", since=FRIDAY) == elsewhere[:1]
        kept = {record.channel: record for record in ledger.calibration("cboe") if record.session_date == THURSDAY}
        assert ledger.calibration("other") == elsewhere[1:]
    assert kept == {"fewer": first[0], "alike": again[1], "more": again[2], "new": again[3]}


def test_a_record_that_two_sources_of_a_scan_state_is_kept_once(state):
    """The later of them, as long as it is of no fewer rows."""
    record = Calibration("cboe", THURSDAY, "volume", 0.01, 0.5, 100, "1")
    with state.write() as ledger:
        ledger.save_calibration([record, replace(record, realised=0.25), replace(record, realised=1.0, count=99)])
        assert ledger.calibration() == [replace(record, realised=0.25)]


@pytest.mark.parametrize("count", [1, 250])
def test_a_record_of_many_levels_asks_the_database_no_more_often_than_one_of_few(state, count):
    statements = []
    event.listen(state.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    with state.write() as ledger:
        statements.clear()
        ledger.save_calibration(
            [Calibration("cboe", THURSDAY, f"tier {tier}", 0.01, 0.5, 100, "1") for tier in range(count)]
        )
    assert [statement.split()[0] for statement in statements] == ["SELECT", "DELETE", "INSERT"]


@pytest.mark.parametrize("count", [1, 3])
def test_what_the_open_interest_said_of_many_alerts_asks_the_database_no_more_often_than_of_one(state, count):
    morning, statements = at(FRIDAY, 14), []
    ids = {raise_alert(state, identity=f"contract {number}") for number in range(count)}
    assert len(ids) == count
    event.listen(state.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    with state.write() as ledger:
        alerts = ledger.standing([*ids, "no such"])
        flagged = [replace(item, outcome="confirmed", opened=7) for item in ledger.flagged()]
        statements.clear()
        ledger.decide(flagged)
        ledger.confirm(
            [(alert.changed(confirmation=Confirmation.confirmed), "confirmed") for alert in alerts.values()], morning
        )
        assert [statement.split()[0] for statement in statements] == [
            *("DELETE", "INSERT"),  # the contracts
            *("SELECT", "DELETE", "INSERT", "UPDATE"),  # the alerts
        ]
    assert set(alerts) == ids
    with state.read() as ledger:
        assert ledger.flagged() == flagged
        assert {alert.confirmation for alert in ledger.alerts()} == {"confirmed"}
        for alert_id in ids:
            assert [update.event for update in ledger.updates(alert_id)] == ["new", "confirmed"]
        (episode, *_) = ledger.episodes(at(FRIDAY, 15), FRIDAY, simulated=False)
    # It goes on as it was raised.
    assert (episode.started, episode.alert.confirmation) == (THURSDAY, "confirmed")


def test_an_alert_that_two_sessions_decide_at_once_stands_by_the_later_and_never_goes_back_in_time(state):
    alert_id = raise_alert(state)
    with state.write() as ledger:
        alert = ledger.standing([alert_id])[alert_id]
        said = [(alert.changed(confirmation=Confirmation(outcome)), outcome) for outcome in ("faded", "confirmed")]
        ledger.confirm(said, at(FRIDAY, 14))
        ledger.confirm(said[:1], at(FRIDAY, 13))
    with state.read() as ledger:
        assert [update.event for update in ledger.updates(alert_id)] == ["new", "faded", "confirmed"]
        assert ledger.standing([alert_id])[alert_id].confirmation == "faded"
        assert ledger._session.scalar(select(AlertRow.updated_at)) == at(FRIDAY, 14)


def test_pruning_removes_what_is_older_and_nothing_else(state):
    """Thursday's alert had two updates, raised on Thursday and closed on Monday, and one contract behind it."""
    raise_alert(state)
    kept = raise_alert(state, at(MONDAY, 20))
    with state.write() as ledger:
        removed = ledger.prune(FRIDAY)
    assert (removed["alerts"], removed["alert_updates"], removed["flagged"]) == (1, 2, 1)
    with state.read() as ledger:
        assert [alert.alert_id for alert in ledger.alerts()] == [kept]
    assert state.verify() == []


def test_a_whole_state_verifies_clean(state):
    raise_alert(state)
    assert state.verify() == []


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"\0" * 4096])
def test_a_file_that_is_no_database_is_refused_with_the_way_out(tmp_path, content):
    (tmp_path / "state.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"state\.sqlite: the file is damaged.*scanner store verify"):
        State.open(tmp_path)


def test_a_page_torn_out_of_the_middle_is_found(tmp_path):
    with State.open(tmp_path) as state:
        for day in (2, 3, 4, 5, 8, 9):
            raise_alert(state, at(date(2025, 9, day), 20))
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = bytearray(path.read_bytes())
    body[8192 : 8192 + 20_000] = b"\xff" * 20_000
    path.write_bytes(body)

    def use() -> list[str]:
        with State.open(tmp_path) as state:
            return state.verify()

    try:
        problems = use()
    except StoreError as error:
        problems = [str(error)]
    assert problems
    assert all("state.sqlite" in problem for problem in problems)


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path):
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"broken" * 1000)
    kept = set_aside(path, at(FRIDAY, 20))
    assert kept.name == "state.sqlite.damaged-20250905T200000Z"
    assert kept.read_bytes() == b"broken" * 1000
    with State.open(tmp_path) as state:
        assert state.verify() == []


def test_reading_where_nothing_was_ever_written_says_what_to_run(tmp_path):
    with pytest.raises(StoreError, match=r"there is no state here yet\. Run `scanner scan` first"):
        State.open(tmp_path, read_only=True)


def test_a_state_opened_to_be_read_cannot_be_written(place):
    State.open(place).close()
    with (
        State.open(place, read_only=True) as state,
        pytest.raises(StoreError, match="read-only"),
        state.write() as ledger,
    ):
        ledger.save_job(Job("intraday", at(THURSDAY, 15)))


def save_all(state: State, jobs: list[Job]) -> None:
    with state.write() as ledger:
        for job in jobs:
            ledger.save_job(job)


def test_a_full_disk_is_said_and_nothing_is_stored(file_state):
    """SQLite's own page limit raises the very error that a full disk does."""

    def limit(connection, _record) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    event.listen(file_state.engine, "connect", limit)
    file_state.close()
    jobs = [Job(f"job {number}", at(THURSDAY, 15), message="x" * 500) for number in range(500)]
    with pytest.raises(StoreError, match=r"the disk is full.*nothing was stored"):
        save_all(file_state, jobs)
    event.remove(file_state.engine, "connect", limit)
    file_state.close()
    with file_state.read() as ledger:
        assert ledger.jobs() == []


def test_a_state_holds_one_connection_until_it_is_closed_and_it_keeps_to_foreign_keys(tmp_path):
    begun: list[object] = []
    with State.open(tmp_path) as state:
        event.listen(state.engine, "connect", lambda connection, _: begun.append(connection))
        for number in range(3):
            with state.write() as ledger:
                ledger.save_job(Job(f"job {number}", at(THURSDAY, 15)))
            with state.read() as ledger:
                assert len(ledger.jobs()) == number + 1
        with state.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert len(begun) <= 1
        assert (tmp_path / "state.sqlite-wal").exists()
    assert not (tmp_path / "state.sqlite-wal").exists()


def test_a_writer_that_waits_in_vain_names_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("scanner.store.state.database._WAIT_SECONDS", 0)
    with State.open(tmp_path) as first, State.open(tmp_path) as second:
        with first.write() as ledger:
            ledger.save_job(Job("first", at(THURSDAY, 15)))
            with pytest.raises(StoreLockedError, match="another process has been writing"), second.write():
                pass
        with second.read() as ledger:
            assert [job.name for job in ledger.jobs()] == ["first"]


def test_a_reader_sees_a_whole_view_while_another_writes(place):
    with State.open(place) as writer, State.open(place, read_only=True) as reader:
        raise_alert(writer)
        with writer.write() as pending:
            pending.save_job(Job("unfinished", at(THURSDAY, 15)))
            with reader.read() as ledger:
                assert len(ledger.alerts()) == 1
                assert ledger.jobs() == []


def test_a_reader_keeps_its_view_while_another_commits(place):
    with State.open(place) as writer, State.open(place, read_only=True) as reader, reader.read() as ledger:
        assert ledger.jobs() == []
        save_all(writer, [Job("finished meanwhile", at(THURSDAY, 15))])
        assert ledger.jobs() == []


def _raise_same_alert(folder: str, hour: int, barrier) -> None:
    with State.open(folder) as state:
        barrier.wait()
        raise_alert(state, at(THURSDAY, hour))


def test_two_processes_that_find_the_same_story_at_once_make_one_alert(place):
    State.open(place).close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_raise_same_alert, args=(place, hour, barrier)) for hour in (15, 16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with State.open(place, read_only=True) as state, state.read() as ledger:
        alerts = ledger.alerts()
        assert len(alerts) == 1
        assert len(ledger.updates(alerts[0].alert_id)) == 2


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_state_as_it_was(tmp_path):
    with State.open(tmp_path) as state:
        raise_alert(state)
    program = (
        "import os, sys; from scanner.store.state import State, Job; from datetime import datetime, UTC\n"
        "state = State.open(sys.argv[1])\n"
        "with state.write() as ledger:\n"
        "    ledger.save_job(Job('half', datetime.now(UTC))); ledger._session.flush(); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, env={**os.environ})
    assert done.returncode == 9
    with State.open(tmp_path) as state:
        assert state.verify() == []
        with state.read() as ledger:
            assert (len(ledger.alerts()), ledger.jobs()) == (1, [])


def test_a_missing_database_driver_says_what_to_install():
    with pytest.raises(StoreError, match="driver is not installed") as caught:
        State.open("postgresql+pg8000://scanner:secret@localhost/scanner")
    assert "secret" not in str(caught.value)


def test_a_database_url_that_cannot_be_read_is_a_clear_error():
    with pytest.raises(StoreError, match="URL cannot be read"):
        State.open("postgresql+psycopg://host:port:port/name")


@pytest.mark.parametrize("table", Table.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_declared_in_postgresql(table):
    statement = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert f"CREATE TABLE {table.name}" in statement
    assert "DATETIME" not in statement


def test_an_empty_file_as_a_killed_start_leaves_it_is_finished(tmp_path):
    (tmp_path / "state.sqlite").touch()
    with State.open(tmp_path) as state:
        raise_alert(state)
        assert state.verify() == []


def test_tables_without_a_version_are_finished_too(tmp_path):
    State.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.execute("DELETE FROM meta")
        connection.execute("DROP TABLE jobs")
    with pytest.raises(StoreError, match="holds no state yet"):
        State.open(tmp_path, read_only=True)
    with State.open(tmp_path) as state:
        raise_alert(state)
        assert state.verify() == []


def test_a_folder_in_place_of_the_file_is_not_called_damaged(tmp_path):
    (tmp_path / "state.sqlite").mkdir()
    with pytest.raises(StoreError, match="Check that it is a file in a folder that you may read and write"):
        State.open(tmp_path / "state.sqlite" / "..")


CRAMPED = """
import resource, sys
from pathlib import Path
from scanner.app.storing import mend_state
from scanner.errors import StoreError
from scanner.store.state import State
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with State.open(Path(sys.argv[1])) as state, state.write() as ledger:
        for number in range(2000):
            ledger.replace_sightings([], [])
            ledger._session.connection().exec_driver_sql("INSERT INTO meta VALUES (?, ?)", (str(number), "x" * 500))
except StoreError as error:
    print(type(error).__name__, error)
print(*mend_state(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("limit", [8_192, 200_000])
def test_what_the_system_does_not_let_grow_is_named_and_never_set_aside(tmp_path, limit):
    """SQLite says `disk I/O error` for the shared memory (first limit) and for the log (second)."""
    with State.open(tmp_path) as state:
        raise_alert(state)
    ran = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(tmp_path), str(limit)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("StoreError cannot write")
    assert "the file size limit of this process is too small (ulimit -f)" in ran.stdout
    assert "damaged" not in ran.stdout
    assert list(tmp_path.glob("*.damaged*")) == []
    with State.open(tmp_path, read_only=True) as state, state.read() as ledger:
        assert len(ledger.alerts(limit=10)) == 1


def test_a_state_whose_copy_is_whole_is_told_from_one_that_is_not(tmp_path):
    with State.open(tmp_path) as state:
        raise_alert(state)
        # The copy is made beside a connection that holds the log open, as another process would.
        assert is_whole(tmp_path / "state.sqlite")
    body = bytearray((tmp_path / "state.sqlite").read_bytes())
    body[:16] = b"something else.."
    (tmp_path / "state.sqlite").write_bytes(body)
    assert not is_whole(tmp_path / "state.sqlite")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "no permission to write there"),
    ],
)
def test_the_reason_of_an_io_error_is_the_systems(tmp_path, monkeypatch, number, said):
    """The same limit as above stands for the failure; what the system answers when asked is put in its place."""
    monkeypatch.setattr(database, "obstacle", lambda _folder: OSError(number, os.strerror(number)))
    cause = sqlite3.OperationalError("disk I/O error")
    cause.sqlite_errorcode, cause.sqlite_errorname = sqlite3.SQLITE_IOERR_SHMSIZE, "SQLITE_IOERR_SHMSIZE"
    error = database._explain(OperationalError("BEGIN", None, cause), str(tmp_path / "state.sqlite"))
    assert said in str(error)
    assert not isinstance(error, StoreDamagedError)


def test_what_became_of_alerts_is_read_back_as_written(state):
    from scanner.alerts import scoreboard
    from scanner.alerts.outcome import Followed, Outcome

    update(findings(finding()), [SampleRule()], state, scan(), frames(), budget=9)
    with state.write() as ledger:
        (alert,) = ledger.alerts()
        rows = [Followed(alert.alert_id, GOOG_235, THURSDAY, 3120, 2.45, 2.55, None, 0.312, 232.3)]
        figures = {"opened": 10.0, "confirmed": True, "share": None, "state": "held, or so", "contract": -0.25}
        found = [Outcome(alert.alert_id, THURSDAY, horizon, figures, (figures, figures)) for horizon in (1, 3)]
        for _ in range(2):
            ledger.save_followed(alert.alert_id, rows)
            ledger.save_outcomes(alert.alert_id, {THURSDAY: found})
    with state.read() as ledger:
        assert ledger.followed(alert.alert_id) == rows
        assert scoreboard.read(ledger.outcomes()).sort("horizon").equals(scoreboard.table(found))
        assert [item.rule_id for item in ledger.told()] == ["call-buildup"]


@pytest.mark.parametrize(
    ("expiry", "open_interest", "closed", "newest", "more"),
    [
        (LATER, 3120, THURSDAY, THURSDAY, False),  # as far as there is anything
        (LATER, 3120, FRIDAY, FRIDAY, True),  # another close
        (LATER, 3120, THURSDAY, FRIDAY, False),  # a morning that has nothing to add
        (LATER, None, THURSDAY, FRIDAY, True),  # the morning that tells Thursday's open interest
        (THURSDAY, None, FRIDAY, FRIDAY, False),  # expired
        (None, 3120, FRIDAY, FRIDAY, True),  # nobody knows when
        (LATER, 3120, None, None, False),  # an empty store
    ],
)
def test_an_alert_is_followed_on_as_long_as_sessions_may_tell_more_of_it(
    state, expiry, open_interest, closed, newest, more
):
    from scanner.alerts.outcome import Followed

    update(findings(finding()), [SampleRule()], state, scan(), frames(), budget=9)
    with state.write() as ledger:
        (alert,) = ledger.alerts()
        (flagged,) = ledger.flagged()
        ledger.decide([replace(flagged, expiry=expiry)])
        assert ledger.unfinished(closed, newest) == ({alert.alert_id} if closed else set())  # nothing known yet
        ledger.save_followed(
            alert.alert_id,
            [Followed(alert.alert_id, GOOG_235, THURSDAY, open_interest, 2.45, 2.55, None, 0.312, 232.3)],
        )
        assert ledger.unfinished(closed, newest) == ({alert.alert_id} if more else set())
        assert ledger.flagged(among={alert.alert_id, "another"}) == ledger.flagged()
        assert ledger.flagged(among=()) == []
