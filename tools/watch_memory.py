"""What a long life of the daemon costs: ``python tools/watch_memory.py [SCANS]`` runs a job's scans one after another.

The market is simulated and small, the clock is driven through its sessions a quarter of an hour at a time, and
everything else - store, state, rules, printing - is what ``scanner run`` works with.

A history that grows takes memory rightly, and what is never let go of takes it wrongly. So that the one is not taken
for the other, the store begins with all the sessions that a panel looks back on: every session that comes in pushes one
out. Beside the memory that is resident stands what
another process holds, started just now over a copy of the same store, when it has scanned the session that comes next.
Objects of Python, open files and threads are counted beside it. Flat is right: at the end no more than in the middle,
and about what the new process has.

2,000 scans take about twenty minutes of one core; ``nice`` leaves it to others.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from scanner.app import clock, jobs, opening
from scanner.app.schedule import Due
from scanner.cli import common, printing
from scanner.config import Job, Settings, StoreSettings
from scanner.market.calendar import Calendar
from scanner.sources import simulated
from scanner.store.history import DEPTH

_BEGIN = date(2026, 3, 2)
_EVERY = timedelta(minutes=15)
_JOB = Job(name="intraday", watchlist="small", every="15m")
_TIMES_SAID, _TIMES_COMPARED = 20, 2


def moments(after: date) -> Iterator[datetime]:
    """Every quarter of an hour in which the exchange trades, from the session after a date on."""
    calendar = Calendar.standard()
    day = calendar.next_session(after)
    while True:
        moment = calendar.session_open(day) + _EVERY
        while moment <= calendar.session_close(day):
            yield moment
            moment += _EVERY
        day = calendar.next_session(day)


class Daemon:
    """What ``scanner run`` holds from its beginning to its end, over a store in ``folder``."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.settings = Settings(
            source="simulated",
            watchlists={"small": names},
            store=StoreSettings(path=folder),
            schedule=(_JOB,),
        )
        rules, problems = opening.usable_rules(self.settings, strict=True)
        sources, printed = opening.open_sources(self.settings), printing.Printing()
        loaded = jobs.Loaded(self.settings, sources, rules, problems)
        self._worker = jobs.Worker(loaded, lambda result, severity: printed.show([result]))
        common.configure_logging(quiet=True, verbose=False)

    def scan(self, moment: datetime) -> None:
        """The job's scan at a moment; what it prints is dropped."""
        clock.right_now = lambda: moment
        with contextlib.redirect_stdout(io.StringIO()):
            self._worker.run(Due(_JOB, moment))


def resident_megabytes() -> float:
    """The memory of this process that is in use now, as the kernel counts it (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def held() -> str:
    """What this process holds now."""
    gc.collect()
    files = len(list(Path("/proc/self/fd").iterdir()))
    counted = f"{len(gc.get_objects()):>9,} objects {files:>3} files {threading.active_count():>2} threads"
    return f"{resident_megabytes():8.1f} MB {counted}"


def say(line: str) -> None:
    """Print a line at once: whoever redirects it waits for a quarter of an hour."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def new_process(folder: Path, names: list[str], after: date) -> str:
    """What a process holds that scans the session after a date first of all, on a copy of the store."""
    with TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        asked = [sys.executable, __file__, "--names", ",".join(names), "--after", str(after), "--store", copy]
        ran = subprocess.run(asked, check=True, capture_output=True, text=True)  # noqa: S603
        return ran.stdout.strip()


def next_session(folder: Path, names: list[str], after: date) -> None:
    """Scan one session over a store, and say what that left in memory."""
    daemon = Daemon(folder, names)
    for moment in moments(after):
        if moment.date() > Calendar.standard().next_session(after):
            break
        daemon.scan(moment)
    say(f"{resident_megabytes():.1f} MB")


def watch(scans: int, names: list[str]) -> None:
    """Scan so many times over a history that is full; say what it takes, twenty times on the way."""
    with TemporaryDirectory() as place:
        folder, began = Path(place), time.monotonic()
        daemon = Daemon(folder, names)
        past = simulated.sample_market(simulated.DEFAULT_SEED, names, _BEGIN, DEPTH)
        opening.remember(opening.open_store(daemon.settings), past)
        for number, moment in zip(range(1, scans + 1), moments(_BEGIN), strict=False):
            daemon.scan(moment)
            if number % max(1, scans // _TIMES_SAID) == 0:
                said = f"{number:>6} scans {held()} {time.monotonic() - began:7.0f} s"
                if number % max(1, scans // _TIMES_COMPARED) == 0:
                    said += f", a new process {new_process(folder, names, moment.date())}"
                say(said)


def main() -> None:
    """Watch; or, where a store is given, be the other process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scans", type=int, nargs="?", default=2_000)
    parser.add_argument("--names", default="F", help="the underlyings of the simulated market")
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--after", type=date.fromisoformat, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.store is None:
        watch(asked.scans, asked.names.split(","))
    else:
        next_session(asked.store, asked.names.split(","), asked.after)


if __name__ == "__main__":
    main()
