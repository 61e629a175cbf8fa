"""Kill writers at random moments and look at what is left: ``python tests/killing.py --kills 200 --seed 1``.

Each round starts an import or some scans in a process of its own, and ends it with SIGKILL at a random moment of its
life. The scans are whole ones: they price, judge by the shipped rules, raise alerts and remember their run. A writer
says what it has stored once it is stored. Afterwards the store must verify, hold everything that was said, and hold
nothing twice; so must the database of alerts and runs.

Writers are forked from a process that has imported everything and run nothing, so that no kill is spent on imports.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from built_chains import Recorded, built_chain

from scanner import resources, ruleset, sessions
from scanner.cli import common, opening, scanning
from scanner.config import Settings
from scanner.sources.base import Fetched
from scanner.sources.registry import Vendor
from scanner.store import maintenance
from scanner.store.importing import ImportReport, import_chains

DAYS = sessions.sessions_between(date(2026, 3, 2), date(2026, 8, 14))
STRIKES = [50.0 + i for i in range(100)]
IMPORTED_SESSIONS = 6
SCANS = 3
# How long a writer lives is learnt from the newest ones of its kind that were not killed.
LIVES_KEPT = 3
SPARED_EVERY = 20


@dataclass
class Outcome:
    """What became of all the writers, and what they left."""

    killed: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    said: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    leftovers: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    outdated: int = 0

    @property
    def kills(self) -> int:
        return sum(self.killed.values())

    @property
    def sound(self) -> bool:
        return not (self.failed or self.damaged or self.lost or self.doubled or self.outdated)


class OneChain:
    """A source of one chain."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self, chain: pl.DataFrame) -> None:
        self._chain = chain

    def chains(self, symbols: Iterable[str], now: object) -> Iterator[Fetched]:
        del now
        for symbol in symbols:
            yield Fetched(symbol, self._chain)


def settings_of(folder: Path) -> Settings:
    return common.settings_for(resources.default_config(), store=folder)


def write(folder: Path, number: int, say: Connection) -> None:
    """One writer: an import on even rounds, scans on odd ones. Says each chain once it is stored."""
    settings = settings_of(folder)
    if number % 2:
        _scan(settings, number // 2, say)
    else:
        _import(settings, number // 2, say)


def _import(settings: Settings, number: int, say: Connection) -> None:
    """Sessions of which the import before brought the first half; a new name once all sessions are there."""
    first = number * IMPORTED_SESSIONS // 2
    name = f"I{chr(65 + first // len(DAYS))}"
    days = [DAYS[(first + i) % len(DAYS)] for i in range(IMPORTED_SESSIONS)]
    recorded = [Recorded(built_chain(day, strikes=STRIKES, underlying=name, source="import")) for day in days]
    with opening.open_store(settings) as store:
        import_chains(store, recorded, ImportReport(), lambda item: say.send(f"chain {_key(item.chain)}"))


def _scan(settings: Settings, number: int, say: Connection) -> None:
    """Scans of one session at different times, the last of them at its close."""
    day, name = DAYS[number % len(DAYS)], f"S{chr(65 + number // len(DAYS))}"
    rules = ruleset.load([resources.shipped_rules()]).stable()
    for left in reversed(range(SCANS)):
        quoted = sessions.session_close(day) - left * timedelta(hours=1)
        chain = built_chain(day, strikes=STRIKES, underlying=name, source="scan", quote_time=quoted)
        result = scanning.scan_once(settings, [OneChain(chain)], rules, (name,), quoted)
        if result.errors:
            raise RuntimeError(str(result.errors))
        say.send(f"run {result.scan.id}")
        say.send(f"chain {_key(chain)}")


def _key(chain: pl.DataFrame) -> str:
    return "{} {} {} {:%H:%M}".format(*chain.select("source", "session_date", "underlying", "quote_time").row(0))


def kill_writers(folder: Path, kills: int, seed: int) -> Outcome:
    """Start writers one after the other and kill them, until so many have been killed in their work."""
    forking = multiprocessing.get_context("fork")
    chance, outcome, number = random.Random(seed), Outcome(), 0
    lives: dict[str, deque[float]] = {"scan": deque(maxlen=LIVES_KEPT), "import": deque(maxlen=LIVES_KEPT)}
    while outcome.kills < kills:
        kind = "scan" if number % 2 else "import"
        heard, say = forking.Pipe(duplex=False)
        writer = forking.Process(target=write, args=(folder, number, say))
        began = time.monotonic()
        writer.start()
        say.close()
        # Some are left alone: how long they take is how long the others may live.
        spared = number % SPARED_EVERY < len(lives)
        writer.join(None if spared else chance.uniform(0, max(lives[kind])))
        if writer.is_alive():
            writer.kill()
            writer.join()
            outcome.killed[kind] += 1
        else:
            outcome.finished[kind] += 1
            outcome.failed += writer.exitcode != 0
            lives[kind].append(time.monotonic() - began)
        outcome.said.update(_heard(heard))
        number += 1
    return outcome


def _heard(pipe: Connection) -> Iterator[str]:
    """All that a writer said, up to where it was cut off."""
    with pipe:
        while True:
            try:
                yield pipe.recv()
            except (EOFError, OSError):
                return


def examine(folder: Path, outcome: Outcome) -> Outcome:
    """Open the store as the next command would, and compare it with what the writers said."""
    with opening.open_memory(settings_of(folder)) as memory:
        assert memory.store is not None
        assert memory.state is not None
        found = maintenance.verify(memory.store)
        outcome.damaged, outcome.leftovers = [*found.damaged, *memory.state.verify()], len(found.leftovers)
        kept = memory.store.snapshots
        held = Counter(
            f"chain {item.source} {day} {item.underlying} {item.quote_time:%H:%M}"
            for source in kept.sources()
            for day in kept.sessions(source)
            for item in kept.chains(source, day)
        )
        with memory.state.read() as ledger:
            held.update(f"run {run['id']}" for run in ledger.runs(limit=1_000_000))
        outcome.lost = outcome.said - held.keys()
        outcome.doubled = [name for name, count in held.items() if count > 1]
        memory.store.catch_up()
        outcome.outdated = len(memory.store.outdated())
    return outcome


def main(arguments: list[str]) -> int:
    """Run it and say what was found; 1 where anything was damaged, lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        outcome = examine(Path(folder), kill_writers(Path(folder), options.kills, options.seed))
    print(
        f"{outcome.kills} writers killed ({outcome.killed['import']} imports, {outcome.killed['scan']} scans), "
        f"{outcome.finished.total()} finished before their time, {outcome.failed} failed; "
        f"{len(outcome.said)} chains and runs said to be stored"
    )
    print(
        f"damaged {len(outcome.damaged)}, lost {len(outcome.lost)}, doubled {len(outcome.doubled)}, "
        f"sessions still to be summarised after catching up {outcome.outdated}; "
        f"unfinished temporary files swept away {outcome.leftovers}"
    )
    return int(not outcome.sound)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
