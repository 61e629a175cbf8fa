"""Kill writers and look at what is left: ``python tests/killing.py --kills 300 --seed 1``.

Each round copies a store with history and takes it through the scans of a session of three names, or through two
imports of which the second completes the chains of the first. Every step is killed once to thrice and then run again.
Afterwards the store must verify and must hold exactly what a store holds that went through the same steps unkilled:
snapshots, summaries, alerts, their updates, flagged contracts, looks, and the watchlist written for a trading platform.

A step is killed at a random moment of its life, or at one of its calls that change the disk: before it, in the middle
of it (half the bytes are written) or after it. For these a small library is compiled and preloaded; where there is no C
compiler all kills are at moments.

Steps are forked from a process that has imported everything and run nothing, so that no kill is spent on imports.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from built_chains import Recorded, built_chain
from sqlalchemy import inspect, text
from standard import calendar

from scanner import ruleset, shipped
from scanner.app import configuring, opening, scanning
from scanner.config import Settings
from scanner.sources.base import Fetched, Vendor
from scanner.store import maintenance
from scanner.store.importing import ImportReport, import_chains

NAMES = ("AAA", "BBB", "CCC")
DAYS = calendar.sessions_between(date(2026, 7, 1), date(2026, 8, 3))
EXPIRIES = (date(2026, 8, 21), date(2026, 9, 18), date(2026, 10, 16))
CONFIG = "source: files\nstore: {path: store}\noutputs: {watchlist: {path: lists}}\n"
PRELOADED = "SCANNER_KILLING_LIBRARY"
BEFORE, TORN, AFTER = range(3)
MANNERS = ("before a disk call", "in the middle of a write", "after a disk call")
AT_A_MOMENT = "at a moment"
# What a run is called and when it was is its own; the rest of a table must not tell that anything was killed.
OWN_TO_A_RUN = {"run_id", "row_id", "started_at", "finished_at"}
COMPARED = ("alerts", "alert_updates", "flagged", "looks", "sightings", "calibration")

Step = Callable[[Path, Connection], None]


@dataclass
class Outcome:
    """What became of all the writers, and what they left."""

    killed: Counter[tuple[str, str]] = field(default_factory=Counter)
    finished: int = 0
    rounds: int = 0
    failed: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    leftovers: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.killed.total()

    @property
    def sound(self) -> bool:
        return not (self.failed or self.damaged or self.lost or self.doubled or self.different)


class Chains:
    """A source of the chains it was given."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self, chains: Iterable[pl.DataFrame]) -> None:
        self._chains = {chain["underlying"][0]: chain for chain in chains}

    def chains(self, symbols: Iterable[str], now: object) -> Iterator[Fetched]:
        del now
        for symbol in symbols:
            yield Fetched(symbol, self._chains[symbol])


def settings_of(folder: Path) -> Settings:
    config = folder / "config.yaml"
    if not config.exists():
        config.write_text(CONFIG, "utf-8")
    return configuring.settings(config)


def chain_of(name: str, day: date, quoted: datetime | None = None, surge: int = 0) -> pl.DataFrame:
    """Sixty contracts with everyday volumes, and one of them with a surge."""
    strikes = [82.0 + 4 * i for i in range(10)]
    volumes = [20 + (7 * i + 5 * day.toordinal()) % 11 + (surge if i == 12 else 0) for i in range(60)]
    return built_chain(day, underlying=name, expiries=EXPIRIES, strikes=strikes, volume=volumes, quote_time=quoted)


# The steps


def history(folder: Path, say: Connection) -> None:
    """All sessions but the last, in one piece."""
    store = opening.open_store(settings_of(folder))
    recorded = [Recorded(chain_of(name, day)) for day in DAYS[:-1] for name in NAMES]
    import_chains(store, recorded, ImportReport())
    say.send("ready")


def scan(folder: Path, say: Connection, hours_left: int) -> None:
    """A scan of all names; the volume of one surges early in the session, that of another late."""
    settings, quoted = settings_of(folder), calendar.session_close(DAYS[-1]) - timedelta(hours=hours_left)
    surges = {"AAA": 6_000, "BBB": 9_000 if hours_left < 2 else 0}
    source = Chains(chain_of(name, DAYS[-1], quoted, surges.get(name, 0)) for name in NAMES)
    rules = ruleset.load([shipped.shipped_rules()]).stable()
    result = scanning.scan_once(settings, [source], rules, NAMES, quoted)
    if result.errors:
        raise RuntimeError(str(result.errors))
    say.send(f"run {result.scan.id}")


def import_parts(folder: Path, say: Connection, rights: str) -> None:
    """One right of every chain of the last session and the three before it, as they lie in files by expiry."""
    parts = [
        Recorded(
            chain.filter((pl.col("right") == right) & (pl.col("expiry") == expiry)), Path(f"{name}-{right}{expiry}")
        )
        for day in DAYS[-4:]
        for name in NAMES
        for chain in [chain_of(name, day).with_columns(source=pl.lit("parts"))]
        for right in rights
        for expiry in EXPIRIES
    ]
    store = opening.open_store(settings_of(folder))
    import_chains(store, parts, ImportReport(), lambda item: say.send(f"part {_key(item.chain)}"))


def _key(chain: pl.DataFrame) -> str:
    right, expiry = chain.select("right", "expiry").row(0)
    return "{} {} {} ".format(*chain.select("source", "session_date", "underlying").row(0)) + f"{right} {expiry}"


STORIES: dict[str, list[Step]] = {
    "scan": [partial(scan, hours_left=left) for left in (3, 1, 0)],
    "import": [partial(import_parts, rights=right) for right in ("C", "P")],
}


# What is left


def held(folder: Path, say: Connection) -> None:
    """Open the store as the next command would, and say all it holds, as plain data."""
    with opening.open_memory(settings_of(folder)) as memory:
        assert memory.store is not None
        assert memory.state is not None
        found = maintenance.verify(memory.store)
        kept = memory.store.snapshots
        chains = [
            item for source in kept.sources() for day in kept.sessions(source) for item in kept.chains(source, day)
        ]
        summaries = memory.store.summaries
        lists = sorted((folder / "lists").glob("*"))
        tables = inspect(memory.state.engine)
        with memory.state.engine.connect() as connection:
            rows = {
                table: sorted(
                    str({name: value for name, value in row.items() if name not in OWN_TO_A_RUN})
                    for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()
                )
                for table in COMPARED
                if tables.has_table(table)
            }
            runs = {f"run {run}" for (run,) in connection.execute(text("SELECT run_id FROM runs"))}
        parts = {
            f"part {_key(part)}"
            for item in chains
            if item.source == "parts"
            for part in kept.load([item]).partition_by("right", "expiry")
        }
        say.send(
            {
                "damaged": [*found.damaged, *memory.state.verify()],
                "leftovers": len(found.leftovers) + sum(path.suffix == ".part" for path in lists),
                "said": runs | parts,
                "compared": rows
                | {
                    "snapshots": sorted(
                        f"{item.source} {item.session_date} {item.underlying} {item.quote_time} {item.fingerprint}"
                        for item in chains
                    ),
                    "summaries": [
                        f"{source} {day} {summaries.underlyings(source, day).sort('underlying').rows()} "
                        f"{summaries.contracts(source, day).sort('contract').hash_rows().sum()}"
                        for source in summaries.sources()
                        for day in summaries.sessions(source)
                    ],
                    "outdated": [str(memory.store.outdated())],
                    "lists": [f"{path.name} {path.read_text()}" for path in lists if path.suffix != ".part"],
                },
            }
        )


# Killing


@dataclass
class Plan:
    """How one run of a step ends: at a call, in a manner; at a moment of so many seconds; else it is spared."""

    call: int = 0
    manner: int = BEFORE
    seconds: float | None = None

    @property
    def how(self) -> str:
        return AT_A_MOMENT if self.seconds is not None else MANNERS[self.manner]


@dataclass
class Ran:
    """One run of a step: what it said, how many calls it made (known only if it was not killed), how long it took."""

    said: list[Any]
    code: int | None
    calls: int
    seconds: float


def library() -> Any:
    """The preloaded library; None where there is none."""
    return ctypes.CDLL(os.environ[PRELOADED]) if PRELOADED in os.environ else None


def _armed(step: Step, folder: Path, plan: Plan, say: Connection) -> None:
    loaded = library()
    if loaded is not None:
        loaded.killing_arm(ctypes.c_long(plan.call), plan.manner)
    step(folder, say)
    say.send(("calls", 0 if loaded is None else loaded.killing_count()))


def run(step: Step, folder: Path, plan: Plan | None = None) -> Ran:
    """Run a step in a process of its own, to its end or to the one planned."""
    plan = plan or Plan()
    forking = multiprocessing.get_context("fork")
    heard, say = forking.Pipe(duplex=False)
    writer = forking.Process(target=_armed, args=(step, folder, plan, say))
    began = time.monotonic()
    writer.start()
    say.close()
    if plan.seconds is not None:
        writer.join(plan.seconds)
        if writer.is_alive():
            writer.kill()
    said = list(_heard(heard))
    writer.join()
    calls = sum(item[1] for item in said if isinstance(item, tuple))
    return Ran([item for item in said if not isinstance(item, tuple)], writer.exitcode, calls, time.monotonic() - began)


def _heard(pipe: Connection) -> Iterator[Any]:
    """All that a writer said, up to where it was cut off."""
    with pipe:
        while True:
            try:
                yield pipe.recv()
            except (EOFError, OSError):
                return


@dataclass
class Reference:
    """A story gone through unkilled: how many calls and seconds each step takes, and what it leaves."""

    calls: list[int]
    seconds: list[float]
    compared: dict[str, list[str]]


def reference(base: Path, folder: Path, steps: list[Step]) -> Reference:
    """Go through a story without a kill."""
    shutil.copytree(base, folder)
    ran = [run(step, folder) for step in steps]
    assert all(one.code == 0 for one in ran), "the story fails even where nobody is killed"
    (left,) = run(held, folder).said
    return Reference([one.calls for one in ran], [one.seconds for one in ran], left["compared"])


def kill_writers(folder: Path, kills: int, seed: int, minutes: float) -> Outcome:
    """Go through the stories and kill their steps, until so many have been killed in their work, or time is up."""
    chance, outcome, until = random.Random(seed), Outcome(), time.monotonic() + 60 * minutes
    base = folder / "base"
    base.mkdir()
    assert run(history, base).code == 0
    told = {kind: reference(base, folder / kind, steps) for kind, steps in STORIES.items()}
    while outcome.kills < kills and time.monotonic() < until:
        kind = list(STORIES)[outcome.rounds % len(STORIES)]
        place = folder / f"round-{outcome.rounds}"
        shutil.copytree(base, place)
        said = [
            item for number in range(len(STORIES[kind])) for item in _step(kind, number, place, told, chance, outcome)
        ]
        _compare(kind, place, said, told[kind], outcome)
        shutil.rmtree(place)
        outcome.rounds += 1
    return outcome


def _step(
    kind: str, number: int, place: Path, told: dict[str, Reference], chance: random.Random, outcome: Outcome
) -> list[str]:
    """Kill a step once to thrice, then run it to its end; what it said on the way."""
    step, known = STORIES[kind][number], told[kind]
    said: list[str] = []
    for _ in range(chance.choice((1, 2, 3))):
        plan = Plan(seconds=chance.uniform(0, known.seconds[number]))
        if known.calls[number] and chance.random() < 0.75:
            plan = Plan(chance.randint(1, known.calls[number]), chance.choice((BEFORE, TORN, AFTER)))
        ran = run(step, place, plan)
        said += ran.said
        if ran.code == -9:
            outcome.killed[kind, plan.how] += 1
        elif ran.code == 0:
            outcome.finished += 1
        else:
            outcome.failed.append(f"{kind} {number} after {outcome.kills} kills")
    again = run(step, place)
    if again.code != 0:
        outcome.failed.append(f"{kind} {number}, run again after {outcome.kills} kills")
    return said + again.said


def _compare(kind: str, place: Path, said: list[str], unkilled: Reference, outcome: Outcome) -> None:
    """Hold what is left against what was said, and against a store in which nobody was killed."""
    answers = run(held, place).said
    if not answers:
        outcome.failed.append(f"{kind}: the store cannot be opened after {outcome.kills} kills")
        return
    (left,) = answers
    outcome.damaged += left["damaged"]
    outcome.leftovers += left["leftovers"]
    outcome.lost |= set(said) - left["said"]
    stored = Counter(left["compared"]["snapshots"])
    outcome.doubled += [name for name, count in stored.items() if count > 1]
    for what, rows in unkilled.compared.items():
        found = left["compared"].get(what, [])
        if found != rows:
            lacking = list((Counter(rows) - Counter(found)).elements())
            added = list((Counter(found) - Counter(rows)).elements())
            outcome.different.append(
                f"{kind} round {outcome.rounds}, {what}: {len(lacking)} lacking, {len(added)} too many: "
                f"{lacking[:1]} {added[:1]}"
            )


def compiled(folder: Path) -> Path | None:
    """The library that kills at disk calls; None where it cannot be made."""
    compiler, made = shutil.which("cc"), folder / "disk_calls.so"
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    source = Path(__file__).with_name("disk_calls.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", "-o", made, source, "-ldl"], check=True)
    return made


def main(arguments: list[str]) -> int:
    """Run it and say what was found; 1 where anything was damaged, lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120.0, help="begin no round after so long")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        made = None if PRELOADED in os.environ else compiled(Path(folder))
        if made is not None:
            # The library has to be there before anything else is loaded.
            preloaded = {**os.environ, PRELOADED: str(made), "LD_PRELOAD": str(made)}
            return subprocess.run([sys.executable, __file__, *arguments], env=preloaded, check=False).returncode
        outcome = kill_writers(Path(folder), options.kills, options.seed, options.minutes)
    print(f"{outcome.kills} writers killed in {outcome.rounds} rounds, {outcome.finished} finished before their time")
    for (kind, how), count in sorted(outcome.killed.items()):
        print(f"  {kind}: {count} {how}")
    print(
        f"failed {len(outcome.failed)}, damaged {len(outcome.damaged)}, lost {len(outcome.lost)}, "
        f"doubled {len(outcome.doubled)}, different from an unkilled store {len(outcome.different)}; "
        f"unfinished temporary files left to be swept away {outcome.leftovers}"
    )
    for problem in [*outcome.failed, *outcome.damaged, *sorted(outcome.lost), *outcome.doubled, *outcome.different][
        :20
    ]:
        print(f"  {problem[:600]}")
    return int(not outcome.sound)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
