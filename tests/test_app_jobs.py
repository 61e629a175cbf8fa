"""Jobs of one schedule beside each other: who waits for a slow source, and who does not."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from built_chains import built_chain
from standard import calendar

from scanner.app import clock, daemon, opening
from scanner.sources.base import Fetched, Vendor
from scanner.store.state import Job, JobRun, State

CONFIG = """
source: simulated
store: {path: store}
watchlists: {slow: [AAA], quick: [BBB]}
schedule:
  - {name: slow, watchlist: slow, every: 1h, during: always}
  - {name: quick, watchlist: quick, every: 1h, during: always}
"""
LONGEST = 120.0


class HalfSlow:
    """A source that answers for one name as soon as it may, and for all others at once."""

    vendor = Vendor("simulated", "a source of a test", "")

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        for symbol in symbols:
            if symbol == "AAA":
                self.asked.set()
                assert self.may_answer.wait(LONGEST)
            day = calendar.session_of(now)
            yield Fetched(symbol, built_chain(day, underlying=symbol, quote_time=min(now, calendar.session_close(day))))


@pytest.fixture
def source(tmp_path, monkeypatch) -> HalfSlow:
    """Where both jobs ask; both last ran two hours ago, so that they are due at once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    found = HalfSlow()
    monkeypatch.setattr(opening, "open_sources", lambda *_, **__: [found])
    moment = datetime(2026, 8, 6, 15, 10, tzinfo=UTC)
    monkeypatch.setattr(clock, "right_now", lambda: moment)
    with State.open(tmp_path / "store") as state, state.write() as ledger:
        for name in ("slow", "quick"):
            ledger.save_job(Job(name, moment - timedelta(hours=2)))
    return found


def test_a_slow_source_holds_up_no_other_job(source):
    done: dict[str, threading.Event] = {"AAA": threading.Event(), "BBB": threading.Event()}

    def shown(result, least):
        del least
        done[result.underlyings["underlying"][0]].set()

    schedule = daemon.Daemon(daemon.Inputs(), shown)
    thread = threading.Thread(target=schedule.run)
    thread.start()
    try:
        assert source.asked.wait(LONGEST)
        assert done["BBB"].wait(LONGEST)
        assert not done["AAA"].is_set()
        assert "slow" in [run["job"] for run in schedule.reporter.document()["under_way"]]
        source.may_answer.set()
        assert done["AAA"].wait(LONGEST)
    finally:
        source.may_answer.set()
        schedule.stop()
        thread.join(LONGEST)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("outcome", "cut_short", "again"),
    [("running", 1, True), ("abandoned", 1, True), ("running", 2, False), ("done", 1, False), ("failed", 1, False)],
)
def test_a_run_that_was_cut_short_is_due_again_once(source, tmp_path, outcome, cut_short, again):
    """Due at 11:00 and killed in the midst of it; one that ended, however badly, is over."""
    due, began = datetime(2026, 8, 6, 15, 0, tzinfo=UTC), datetime(2026, 8, 6, 15, 0, 20, tzinfo=UTC)
    with State.open(tmp_path / "store") as state, state.write() as ledger:
        ledger.save_job(Job("slow", began, outcome=outcome))
        for number in range(cut_short):
            ledger.save_job_run(JobRun("slow", "scan", due, began + timedelta(seconds=number), outcome="killed"))
    worker = daemon.Daemon(daemon.Inputs(), lambda result, least: None).worker
    assert (worker.last_runs()["slow"] < due) is again


def test_what_ran_a_moment_ago_goes_on_from_there_when_the_schedule_is_planned_anew(source, tmp_path):
    """An interval of its own, without hours, began anew with every change of the configuration, and ran at once."""
    with State.open(tmp_path / "store") as state, state.write() as ledger:
        ledger.save_job(Job("slow", clock.right_now() - timedelta(minutes=10), outcome="done"))
    running = daemon.Daemon(daemon.Inputs(tmp_path / "config.yaml"), lambda result, least: None)
    planned = running._planned(BackgroundScheduler())
    assert planned.upcoming() == [
        (clock.right_now() - timedelta(hours=1), "quick"),  # last ran two hours ago: was due an hour ago
        (clock.right_now() + timedelta(minutes=50), "slow"),
    ]
