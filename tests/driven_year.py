"""A schedule driven through a year by the clock alone: every due run once; memory, open files and state stay flat.

    nice python tests/driven_year.py --sessions 251

Real triggers, scheduler, jobs, scans, store and state, of a small market; only the clock is driven. The machine sleeps
through two days in every fifteen, and the process begins anew every tenth session; holidays, half days and both changes
of daylight saving lie where the calendar has them. Retention is short, so that its bound is reached within the year.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

import polars as pl
import psutil
import pytest
from built_chains import built_chain
from driven_clock import Driven
from standard import calendar

from scanner.app import clock, configuring, jobs, opening
from scanner.sources.base import Fetched, Vendor
from scanner.store.state import JobRun

CONFIG = """
source: simulated
store: {path: store, keep_snapshots: 30d, keep_alerts: 30d, keep_records: 15d}
watchlists: {w: [ABC]}
schedule:
  - {name: intraday, watchlist: w, every: 15m}
  - {name: close, watchlist: w, at: close}
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
QUARTER = timedelta(minutes=15)
SLEEPS_EVERY, BEGINS_ANEW_EVERY, SAID_EVERY = 15, 10, 5


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


def drive(folder: Path, sessions: int, first: date) -> int:
    """Drive it; prints as it goes, and returns how many runs were not as they should have been."""
    (folder / "config.yaml").write_text(CONFIG, "utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "surge.yaml").write_text(RULE, "utf-8")
    settings = configuring.settings(folder / "config.yaml")
    rules, _ = opening.usable_rules(settings, strict=False)
    days = calendar.sessions_between(first, first + timedelta(days=2 * sessions + 30))[:sessions]
    process, began, due = psutil.Process(), time.monotonic(), Counter[tuple[str, datetime]]()
    driven, patch = None, pytest.MonkeyPatch()
    for number, day in enumerate(days):
        opened, closed = calendar.session_open(day), calendar.session_close(day)
        asleep = number % SLEEPS_EVERY in (SLEEPS_EVERY - 2, SLEEPS_EVERY - 1)
        if driven is None or number % BEGINS_ANEW_EVERY == 0:
            worker = jobs.Worker(jobs.Loaded(settings, [Market()], rules), lambda result, least: None)
            start = opened - timedelta(hours=1) if driven is None else driven.now
            patch.setattr(clock, "right_now", lambda moment=start: moment)
            driven = Driven(patch, start, settings.schedule, worker.last_runs(), worker.run)
            patch.setattr(clock, "right_now", lambda of=driven: of.now)
        if asleep:
            continue
        due.update({("intraday", opened + QUARTER * place) for place in range(1, (closed - opened) // QUARTER + 1)})
        due[("close", closed + timedelta(minutes=5 + 15))] += 1
        driven.jump(opened - timedelta(minutes=30))
        driven.pass_time(closed + timedelta(hours=1), timedelta(minutes=5))
        if number % SAID_EVERY == SAID_EVERY - 1:
            gc.collect()
            size = (folder / "store" / "state.sqlite").stat().st_size
            kept = sum(path.stat().st_size for path in (folder / "store").rglob("*.parquet"))
            print(
                f"{number + 1:4d} sessions {process.memory_info().rss / 1e6:6.0f} MB  {process.num_fds():4d} files open"
                f"  state {size / 1e6:6.2f} MB  store {kept / 1e6:6.2f} MB  {time.monotonic() - began:6.0f} s",
                flush=True,
            )
    return compared(due, settings)


def compared(due: Counter[tuple[str, datetime]], settings: configuring.Settings) -> int:
    """Say which runs that the state remembers were not due, or came twice, and which that were due never came."""
    with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
        kept: list[JobRun] = ledger.job_runs(limit=1_000_000)
    oldest = min(run.started_at for run in kept)
    ran = Counter((run.name, run.due_at) for run in kept if run.outcome in ("done", "partly"))
    expected = Counter({key: count for key, count in due.items() if key[1] >= oldest})
    outside = [run for run in kept if run.name == "intraday" and not _trades(run.started_at)]
    failed = [run for run in kept if run.outcome in ("failed", "killed")]
    wrong = sum((expected - ran).values()) + sum((ran - expected).values()) + len(outside) + len(failed)
    print(
        f"{sum(due.values())} runs were due, of {sum(expected.values())} the state still remembers: "
        f"{sum((expected - ran).values())} never came, {sum((ran - expected).values())} were not due or came twice, "
        f"{len(outside)} on a closed market, {len(failed)} failed"
    )
    for (name, moment), count in [*(expected - ran).items(), *(ran - expected).items()][:10]:
        print(f"  {name} {moment:%Y-%m-%d %H:%M} {count}")
    return wrong


def _trades(moment: datetime) -> bool:
    day = calendar.session_of(moment)
    return calendar.session_open(day) < moment <= calendar.session_close(day) + timedelta(minutes=5)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=251)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 2))
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        return int(drive(Path(folder), options.sessions, options.first) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
