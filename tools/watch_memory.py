"""What a long life of the daemon costs: ``python tools/watch_memory.py [SCANS]`` runs a job's scans one after another.

The market is simulated and small, the clock is driven through its sessions a quarter of an hour at a time, and
everything else - store, state, rules, printing - is what ``scanner run`` works with. Prints the resident memory on the
way; flat is right.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from scanner.app import clock, jobs, opening
from scanner.cli import common, printing
from scanner.config import Job, Settings, StoreSettings
from scanner.market.calendar import Calendar

_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_EVERY = timedelta(minutes=15)


def moments() -> Iterator[datetime]:
    """Every quarter of an hour in which the exchange trades."""
    calendar = Calendar.standard()
    day = calendar.next_session(_BEGIN.date())
    while True:
        moment = calendar.session_open(day) + _EVERY
        while moment <= calendar.session_close(day):
            yield moment
            moment += _EVERY
        day = calendar.next_session(day)


def resident_megabytes() -> float:
    """The memory of this process that is in use now, as the kernel counts it (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(scans: int) -> None:
    """Scan so many times; say what it takes, twenty times on the way."""
    with TemporaryDirectory() as folder:
        job = Job(name="intraday", watchlist="small", every="15m")
        settings = Settings(
            source="simulated",
            watchlists={"small": ["KO", "GOOG"]},
            store=StoreSettings(path=Path(folder)),
            schedule=(job,),
        )
        rules, problems = opening.usable_rules(settings, strict=True)
        sources, printed = opening.open_sources(settings), printing.Printing()
        worker = jobs.Worker(settings, sources, rules, problems, lambda result: printed.show([result]))
        common.configure_logging(quiet=True, verbose=False)
        began = time.monotonic()
        for number, moment in zip(range(1, scans + 1), moments(), strict=False):
            clock.right_now = lambda moment=moment: moment
            with contextlib.redirect_stdout(io.StringIO()):
                worker.run(job)
            if number % max(1, scans // 20) == 0:
                seconds = time.monotonic() - began
                sys.stdout.write(f"{number:>6} scans  {resident_megabytes():8.1f} MB  {seconds:7.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
