"""A schedule driven through a year by the clock alone: every due run once; memory, open files and state stay flat.

    nice python tests/driven_year.py --sessions 252

Real triggers, scheduler, jobs, scans, confirmations, store and state, of a market of one name and twenty contracts;
only the clock is driven, by day through nights, weekends and holidays too. In every fifteen sessions the machine sleeps
through two days and once for two hours around noon; in every ten the process begins anew overnight, and once in the
midst of a session, forty minutes after it ended. Retention is short, so that its bound is reached within the year.

What is due is known from the exchange's hours and holidays as they are written here, and from no calendar of the
scanner's; what ran is told by whoever runs it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent))

import polars as pl
import psutil
import pytest
from built_chains import built_chain
from driven_clock import Driven
from standard import calendar

from scanner.app import clock, configuring, jobs, opening
from scanner.app.schedule import Due
from scanner.sources.base import Fetched, Vendor

CONFIG = """
source: simulated
store: {path: store, keep_snapshots: 30d, keep_alerts: 30d, keep_records: 15d}
watchlists: {w: [ABC]}
schedule:
  - {name: intraday, watchlist: w, every: 15m}
  - {name: close, watchlist: w, at: close}
  - {name: confirm, watchlist: w, at: open+5m, task: confirm}
alerts: {at_least: {premium: 0, lots: 1}}
rules: [rules]
"""
RULE = """
id: surge
title: Surge
status: stable
scope: contract
severity: high
why: It is there.
when: volume >= 5000
identity: [contract]
rank_by: volume
message: "{contract}: {volume:,}"
"""
QUARTER, LOOK, NIGHTLY_LOOK = timedelta(minutes=15), timedelta(minutes=5), timedelta(minutes=30)
SLEEPS_EVERY, BEGINS_ANEW_EVERY, SAID_EVERY = 15, 10, 10

# The exchange's hours, as it publishes them.
NEW_YORK = ZoneInfo("America/New_York")
OPENS, CLOSES, CLOSES_EARLY = time_of_day(9, 30), time_of_day(16), time_of_day(13)
HOLIDAYS = {
    date(2026, month, day)
    for month, day in [(1, 1), (1, 19), (2, 16), (4, 3), (5, 25), (6, 19), (7, 3), (9, 7), (11, 26), (12, 25)]
} | {date(2027, 1, 1)}
HALF_DAYS = {date(2026, 11, 27), date(2026, 12, 24)}
# A source that is a quarter of an hour behind, and five minutes for what comes late.
AFTER_CLOSE = timedelta(minutes=15 + 5)
AFTER_OPEN = timedelta(minutes=5)


@dataclass(frozen=True)
class Session:
    """A session's day and hours."""

    day: date

    @property
    def opens(self) -> datetime:
        return datetime.combine(self.day, OPENS, NEW_YORK).astimezone(UTC)

    @property
    def closes(self) -> datetime:
        closes = CLOSES_EARLY if self.day in HALF_DAYS else CLOSES
        return datetime.combine(self.day, closes, NEW_YORK).astimezone(UTC)

    @property
    def quarters(self) -> list[datetime]:
        return [self.opens + QUARTER * place for place in range(1, (self.closes - self.opens) // QUARTER + 1)]

    @property
    def close_run(self) -> tuple[str, datetime]:
        return "close", self.closes + AFTER_CLOSE

    @property
    def confirm_run(self) -> tuple[str, datetime]:
        return "confirm", self.opens + AFTER_OPEN


def sessions_from(first: date, count: int) -> list[Session]:
    days = (first + timedelta(days=number) for number in range(2 * count + 30))
    return [Session(day) for day in days if day.weekday() < 5 and day not in HOLIDAYS][:count]


class Market:
    """Twenty contracts, of which one surges in the afternoon of every session."""

    vendor = Vendor("simulated", "a market of a tool", "")

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        day = calendar.session_of(now)
        yield from (Fetched(symbol, self._chain(symbol, day, now)) for symbol in symbols)

    @staticmethod
    def _chain(symbol: str, day: date, now: datetime) -> pl.DataFrame:
        expiries = [day + timedelta(days=30 - day.toordinal() % 7), day + timedelta(days=93 - day.toordinal() % 7)]
        share = calendar.elapsed_fraction(now)
        volumes = [round((20 + (7 * i + 5 * day.toordinal()) % 31) * share) for i in range(20)]
        volumes[day.toordinal() % 20] += 9_000 if share > 0.6 else 0
        quoted = min(now, calendar.session_close(day))
        return built_chain(day, underlying=symbol, expiries=expiries, volume=volumes, quote_time=quoted)


@dataclass
class Year:
    """What was due, what ran, and what was left out because it came too late."""

    due: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    ran: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    too_late: int = 0
    failed: list[str] = field(default_factory=list)
    on_a_closed_market: list[datetime] = field(default_factory=list)
    open_now: Session | None = None

    def run(self, worker: jobs.Worker, due: Due) -> None:
        """One run, noted."""
        try:
            result = worker.run(due)
        except Exception as error:
            self.failed.append(f"{due.job.name} {due.at:%Y-%m-%d %H:%M}: {str(error).splitlines()[0]}")
            raise
        if result is None:
            self.too_late += 1
            return
        self.ran[due.job.name, due.at] += 1
        now, session = clock.right_now(), self.open_now
        if due.job.name == "intraday" and not (session and session.opens < now <= session.closes + LOOK):
            self.on_a_closed_market.append(now)
        problems = result.problems if isinstance(result, jobs.Confirmed) else result.errors
        self.failed += [f"{due.job.name} {due.at:%Y-%m-%d %H:%M}: {problem.message}" for problem in problems]

    @property
    def never_came(self) -> Counter[tuple[str, datetime]]:
        return self.due - self.ran

    @property
    def not_due(self) -> Counter[tuple[str, datetime]]:
        return self.ran - self.due

    @property
    def wrong(self) -> int:
        counts = self.never_came.total() + self.not_due.total()
        return counts + len(self.on_a_closed_market) + len(self.failed)

    def __str__(self) -> str:
        return (
            f"{self.due.total()} runs were due: {self.never_came.total()} never came, {self.not_due.total()} were not "
            f"due or came twice, {len(self.on_a_closed_market)} on a closed market, {len(self.failed)} failed; "
            f"{self.too_late} came too late and were recorded as that"
        )


@dataclass
class Process:
    """The scanner on its schedule, as long as it lives; ``anew`` begins another one on the same state."""

    settings: configuring.Settings
    year: Year
    patch: pytest.MonkeyPatch
    driven: Driven | None = None

    def anew(self, at: datetime) -> Driven:
        # What a patch replaced is kept for the day it is taken back, and with it all of the process before.
        self.patch.undo()
        rules, _ = opening.usable_rules(self.settings, strict=False)
        worker = jobs.Worker(jobs.Loaded(self.settings, [Market()], rules), lambda result, least: None)
        self.patch.setattr(clock, "right_now", lambda: at)

        def work(due: Due) -> None:
            self.year.run(worker, due)

        self.driven = Driven(self.patch, at, self.settings.schedule, worker.last_runs(), work)
        self.patch.setattr(clock, "right_now", lambda of=self.driven: of.now)
        return self.driven


def drive(folder: Path, sessions: list[Session]) -> Year:
    """Drive it; prints as it goes."""
    (folder / "config.yaml").write_text(CONFIG, "utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "surge.yaml").write_text(RULE, "utf-8")
    settings = configuring.settings(folder / "config.yaml")
    year, began = Year(), time.process_time()
    process = Process(settings, year, pytest.MonkeyPatch())
    driven = process.anew(sessions[0].opens - timedelta(hours=1))
    for number, session in enumerate(sessions):
        if number % SLEEPS_EVERY == SLEEPS_EVERY - 2:
            continue
        if number % SLEEPS_EVERY == SLEEPS_EVERY - 1:
            # Asleep for two days; of each job whose runs mean something afterwards the newest is made up for.
            year.due.update([session.confirm_run, session.close_run])
            driven.jump(session.closes + timedelta(hours=2))
            continue
        if number and number % BEGINS_ANEW_EVERY == 0:
            driven = process.anew(driven.now)
        driven.pass_time(session.opens - LOOK, NIGHTLY_LOOK)
        year.open_now = session
        year.due.update([session.confirm_run, session.close_run])
        missed = _through_the_day(process, session, number)
        year.due.update(("intraday", due) for due in session.quarters if due not in missed)
        driven = process.driven or driven
        driven.pass_time(session.closes + timedelta(hours=1), LOOK)
        year.open_now = None
        if number % SAID_EVERY == SAID_EVERY - 1 or session is sessions[-1]:
            print(f"{number + 1:4d} sessions, {session.day}: {_figures(folder, year)}", end="  ")
            print(f"{time.process_time() - began:6.0f} processor s", flush=True)
    return year


def _through_the_day(process: Process, session: Session, number: int) -> list[datetime]:
    """Drive up to an hour before the close at least; gives the runs that are left out, for a newer one is made up."""
    driven = process.driven
    assert driven is not None
    away = None
    if number % SLEEPS_EVERY == 6:
        away = timedelta(hours=1, minutes=35), timedelta(hours=3, minutes=40)
    elif number % BEGINS_ANEW_EVERY == 5:
        away = timedelta(hours=2, minutes=5), timedelta(hours=2, minutes=50)
    if away is None:
        return []
    leaves, comes = session.opens + away[0], session.opens + away[1]
    driven.pass_time(leaves, LOOK)
    if number % SLEEPS_EVERY == 6:
        driven.jump(comes)
    else:
        process.anew(comes)
    return [due for due in session.quarters if leaves < due <= comes][:-1]


def _figures(folder: Path, year: Year) -> str:
    gc.collect()
    process, store = psutil.Process(), folder / "store"
    state = sum(path.stat().st_size for path in store.glob("state.sqlite*"))
    kept = sum(path.stat().st_size for path in store.rglob("*.parquet"))
    return (
        f"due {year.due.total()}, ran {year.ran.total()}; {process.memory_info().rss / 1e6:.0f} MB, "
        f"{process.num_fds()} files open, state {state / 1e6:.2f} MB, chains {kept / 1e6:.2f} MB"
    )


def remembered_wrongly(folder: Path, year: Year) -> int:
    """How many of the runs that the state remembers were not due, came twice, or are missing in it; says it."""
    settings = configuring.settings(folder / "config.yaml")
    with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
        kept = ledger.job_runs(limit=1_000_000)
    oldest = min(run.started_at for run in kept)
    recorded = Counter((run.name, run.due_at) for run in kept if run.outcome == "done")
    expected = Counter({key: count for key, count in year.due.items() if key[1] >= oldest})
    wrong = (recorded - expected).total() + (expected - recorded).total()
    print(f"the state remembers {len(kept)} runs since {oldest:%Y-%m-%d}, {wrong} of them wrongly")
    return wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=252)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 2))
    options = parser.parse_args(arguments)
    # What failed is told at the end.
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        year = drive(folder, sessions_from(options.first, options.sessions))
        print(year)
        for (job, moment), count in [*year.never_came.items(), *year.not_due.items()][:10]:
            print(f"  {job} {moment:%Y-%m-%d %H:%M %Z} {count}")
        print("\n".join(f"  {line}" for line in year.failed[:10]))
        return int(year.wrong + remembered_wrongly(folder, year) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
