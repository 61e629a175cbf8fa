"""Several scanners as processes, each with a mirror of its own, on one PostgreSQL database and one prefix in a bucket.

    nice python tests/driven_scanners.py --scanners 10

Real scans, store, state and messages; only the clock is driven, through the last hour of a session and its close. Each
name is watched by two scanners, a second apart, and all begin each round together. ``--cutting`` has the database end
the connection of whoever writes, again and again, in the middle of what it does.

What should come of it is known from the market alone: of each name one contract trades as it never did, which is one
alert and one message; each scanner's chain of each round is in the bucket, once. The objects are read by another
library than wrote them, the database by plain SQL, and what was told by whoever received it. How long a writer keeps
others from the database is seen from the database's own table of locks.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

import databases
import object_stores
import polars as pl
import psycopg
from alert_samples import SURGE_RULE
from built_chains import built_chain
from killing_messages import Witness, served
from standard import calendar

from scanner.app import clock, configuring, notifying, opening, scanning
from scanner.config import Settings
from scanner.errors import StoreError
from scanner.sources.base import Fetched, Vendor
from scanner.store.state import State

DAY = date(2026, 8, 5)
EXPIRIES = [date(2026, 8, 21), date(2026, 9, 18)]
CLOSE = calendar.session_close(DAY)
ROUND = timedelta(minutes=5)
CONFIG = """
source: simulated
store: {{path: "{bucket}"}}
state: "{database}"
rules: [rules]
alerts: {{budget_per_session: 1000, at_least: {{premium: 0, lots: 1}}}}
outputs: {{notify: [{{url: "json://127.0.0.1:{port}/", name: witness, min_severity: info, most_an_hour: 1000}}]}}
"""
# Seconds between two looks at the table of locks.
_LOOK = 0.005
# Seconds for the slowest to begin a round.
_PATIENCE = 240
_DELIVERIES = 10
# Of so many writers that are seen one is cut: none is as often as it tries.
_CUT_EVERY = 3


def names_of(scanner: int, scanners: int) -> tuple[str, ...]:
    """What a scanner watches: a name of its own and the next one's, so that each has two."""
    return tuple(f"N{chr(65 + place)}" for place in sorted({scanner, (scanner + 1) % scanners}))


def moments(rounds: int) -> list[datetime]:
    """When scans begin: every five minutes up to the close, and once when it was seen."""
    return [CLOSE - ROUND * left for left in reversed(range(1, rounds))] + [CLOSE + timedelta(minutes=20)]


class Market:
    """Twenty contracts a name, of which one surges before the close."""

    vendor = Vendor("simulated", "a market of a tool", "")

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        for symbol in symbols:
            share = calendar.elapsed_fraction(now)
            volumes = [round((20 + 7 * place % 31) * share) for place in range(20)]
            if now > CLOSE - timedelta(minutes=14):
                volumes[ord(symbol[1]) % 20] += 9_000
            quoted = min(now, CLOSE)
            yield Fetched(
                symbol, built_chain(DAY, underlying=symbol, expiries=EXPIRIES, volume=volumes, quote_time=quoted)
            )


def work(folder: str, number: int, names: tuple[str, ...], rounds: int, together: Barrier, told: Queue[object]) -> None:
    """One scanner, from its first scan to its last; what went wrong is told at the end."""
    os.environ["HOME"] = str(Path(folder) / f"machine-{number}")
    problems: list[str] = []
    try:
        settings = configuring.settings(Path(folder) / "config.yaml")
        rules, _ = opening.usable_rules(settings, strict=True)
        begun = time.process_time()
        for moment in moments(rounds):
            mine = moment + timedelta(seconds=number)
            clock.right_now = lambda mine=mine: mine
            together.wait(_PATIENCE)
            result = scanning.scan_once(settings, [Market()], rules, names, None)
            problems += [problem.message for problem in result.errors]
            deliver(settings)
        told.put((number, problems, time.process_time() - begun))
    except Exception as error:
        together.abort()
        told.put((number, [*problems, repr(error)], 0.0))


def deliver(settings: Settings) -> None:
    """Send what is due; where the database ends the connection it is begun again, as by the next scan."""
    for _ in range(_DELIVERIES):
        with suppress(StoreError):
            notifying.deliver(settings)
            return


@dataclass
class Locks:
    """Who held the database's lock of writers, and for how long, as its table of locks shows it."""

    database: str
    cutting: bool
    longest: float = 0.0
    cut: int = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        holder, since, holders = None, 0.0, 0
        with psycopg.connect(self.database, autocommit=True) as connection:
            while not ended.wait(_LOOK):
                row = connection.execute(
                    "SELECT l.pid, a.xact_start FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                    "WHERE l.locktype = 'advisory' AND l.granted"
                ).fetchone()
                now = time.monotonic()
                if row is not None and row == holder:
                    self.longest = max(self.longest, now - since)
                elif row is not None:
                    holder, since, holders = row, now, holders + 1
                    if self.cutting and holders % _CUT_EVERY == 0:
                        connection.execute("SELECT pg_terminate_backend(%s)", (row[0],))
                        self.cut += 1


@dataclass
class Outcome:
    """What came of it, beside what should have."""

    alerts: Counter[str]
    messages: Counter[str]
    chains: Counter[tuple[str, datetime]]
    expected_alerts: set[str]
    expected_chains: set[tuple[str, datetime]]
    problems: list[str]

    @property
    def wrong(self) -> int:
        """How much is missing, there without cause, or there twice; of the close both who saw it may keep the chain."""
        before_close = {key: count for key, count in self.chains.items() if key[1] != CLOSE}
        return sum(
            (
                len(self.expected_alerts ^ set(self.alerts)),
                sum(count - 1 for count in self.alerts.values()),
                len(self.expected_alerts) - len(self.messages),
                sum(count - 1 for count in self.messages.values()),
                len(self.expected_chains ^ set(self.chains)),
                sum(count - 1 for count in before_close.values()),
                len(self.problems),
            )
        )

    def __str__(self) -> str:
        twice = sum(count - 1 for count in self.chains.values())
        return (
            f"alerts: {len(self.expected_alerts)} expected, {self.alerts.total()} kept; messages: "
            f"{self.messages.total()} came of {len(self.messages)} alerts; chains: {len(self.expected_chains)} "
            f"expected, {len(self.chains)} in the bucket, {twice} of the close kept by both; "
            f"problems: {len(self.problems)}; wrong: {self.wrong}"
        )


def seen(bucket: object_stores.Bucket, database: str, witness: Witness, scanners: int, rounds: int) -> Outcome:
    chains: Counter[tuple[str, datetime]] = Counter()
    for key, content in bucket.objects().items():
        if key.startswith("snapshots/"):
            found = pl.read_parquet(io.BytesIO(content)).select("underlying", "quote_time").unique()
            chains.update(found.iter_rows())
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT document->>'contract', count(*) FROM alerts GROUP BY 1").fetchall()
    alerts = Counter(dict(rows))
    messages = Counter({alert: sum(witness.came[key] for key in keys) for alert, keys in witness.keys.items()})
    expected_alerts, expected_chains = set(), set()
    for number in range(scanners):
        for name in names_of(number, scanners):
            strike = built_chain(DAY, underlying=name, expiries=EXPIRIES)["contract"][ord(name[1]) % 20]
            expected_alerts.add(strike)
            for moment in moments(rounds):
                expected_chains.add((name, min(moment + timedelta(seconds=number), CLOSE)))
    return Outcome(alerts, messages, chains, expected_alerts, expected_chains, [])


def drive(folder: Path, scanners: int, rounds: int, *, cutting: bool) -> Outcome:
    """Drive them; prints what it takes."""
    witness = Witness(False, random.Random(1))
    receiver = served(witness)
    with databases.server() as server, object_stores.server() as endpoint:
        bucket, database = object_stores.Bucket.new(endpoint), databases.new_database(server).replace("+psycopg", "")
        os.environ.update(bucket.environment())
        (folder / "rules").mkdir()
        (folder / "rules" / "surge.yaml").write_text(SURGE_RULE, "utf-8")
        told = CONFIG.format(bucket=bucket.url, database=database, port=receiver.server_address[1])
        (folder / "config.yaml").write_text(told, "utf-8")
        spawning = multiprocessing.get_context("spawn")
        together, answers = spawning.Barrier(scanners), spawning.Queue()
        processes = [
            spawning.Process(
                target=work, args=(str(folder), number, names_of(number, scanners), rounds, together, answers)
            )
            for number in range(scanners)
        ]
        # Making the tables takes longer than anything else, and is done once.
        State.open(database).close()
        locks = Locks(database, cutting)
        with locks.watched():
            for process in processes:
                process.start()
            said = [answers.get(timeout=2 * _PATIENCE) for _ in processes]
            for process in processes:
                process.join()
        outcome = seen(bucket, database, witness, scanners, rounds)
        outcome.problems += [problem for _, problems, _ in said for problem in problems]
        took = sum(seconds for *_, seconds in said)
        print(f"{scanners} scanners, {rounds} rounds: {took / scanners / rounds:.2f} processor s a scan")
        print(f"the longest that one kept the others from writing to the database: {locks.longest:.3f} s")
        print(f"connections cut in the middle of writing: {locks.cut}")
    receiver.shutdown()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scanners", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=13)
    parser.add_argument("--cutting", action="store_true")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="scanner-driven-") as folder:
        outcome = drive(Path(folder), asked.scanners, asked.rounds, cutting=asked.cutting)
    print(outcome)
    for problem, count in Counter(outcome.problems).most_common(10):
        print(f"{count:4d} {problem}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
