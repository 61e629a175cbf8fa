"""Kill writers at random moments and look at what is left: ``python tests/killing.py --kills 200``.

Each round starts an import or a scan of its own in a process of its own, and ends it with SIGKILL at a random moment of
its run. A writer says, on its standard output, what it has stored once it is stored. Afterwards the store must verify,
hold everything that was said, and hold nothing twice.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from built_chains import Recorded, built_chain

from scanner import sessions
from scanner.store import maintenance
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

DAYS = sessions.sessions_between(date(2026, 3, 2), date(2026, 8, 14))
STRIKES = [50.0 + i for i in range(100)]
PER_WRITER = 6


@dataclass
class Outcome:
    """What became of all the writers."""

    kills: int = 0
    finished: int = 0
    said: set[str] = field(default_factory=set)
    damaged: int = 0
    leftovers: int = 0
    lost: set[str] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    outdated: int = 0


def write(folder: Path, number: int) -> None:
    """One writer: an import on even rounds, scans on odd ones. Says each chain once it is stored."""
    print("started", flush=True)
    with Store.open(folder) as store:
        days = [DAYS[(number * PER_WRITER // 2 + i) % len(DAYS)] for i in range(PER_WRITER)]
        if number % 2:
            for day in days:
                store.snapshots.write(built_chain(day, strikes=STRIKES, source="scan"), f"scan-{number}")
                print(f"scan {day} scan-{number}", flush=True)
                store.catch_up({"scan": {day: ["ABC"]}})
            return
        recorded = [Recorded(built_chain(day, strikes=STRIKES, source="import")) for day in days]
        report = ImportReport()
        import_chains(
            store, recorded, report, lambda item: print(f"import {item.chain['session_date'][0]}", flush=True)
        )
    print("done", flush=True)


def _say(item: Recorded) -> None:
    print(f"import {item.chain['session_date'][0]}", flush=True)


def kill_writers(folder: Path, kills: int, seed: int) -> Outcome:
    """Start writers one after the other and kill them, until so many have been killed in their work."""
    chance, outcome, number = random.Random(seed), Outcome(), 0
    longest = 0.0
    while outcome.kills < kills:
        command = [sys.executable, __file__, "--write", str(folder), str(number)]
        number += 1
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            began = time.monotonic()
            try:
                # The first writer is left alone: how long it takes is how long the others may live.
                writer.wait(chance.uniform(0, longest) if longest else None)
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
                outcome.kills += 1
            else:
                outcome.finished += 1
                longest = max(longest, time.monotonic() - began)
            outcome.said |= {line for line in writer.stdout.read().splitlines() if line.startswith(("scan", "import"))}
    return outcome


def examine(folder: Path, outcome: Outcome) -> Outcome:
    """Open the store as the next command would, and compare it with what the writers said."""
    with Store.open(folder) as store:
        found = maintenance.verify(store)
        outcome.damaged, outcome.leftovers = len(found.damaged), len(found.leftovers)
        held = Counter[str]()
        for source in store.snapshots.sources():
            for day in store.snapshots.sessions(source):
                for item in store.snapshots.chains(source, day):
                    held[f"scan {day} {item.scan_id}" if source == "scan" else f"import {day}"] += 1
        outcome.lost = outcome.said - held.keys()
        outcome.doubled = [name for name, count in held.items() if count > 1]
        store.catch_up()
        outcome.outdated = len(store.outdated())
    return outcome


def main(arguments: list[str]) -> int:
    """Run it and say what was found; 1 where anything was damaged, lost or doubled."""
    if arguments[:1] == ["--write"]:
        write(Path(arguments[1]), int(arguments[2]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        outcome = examine(Path(folder), kill_writers(Path(folder), options.kills, options.seed))
    print(
        f"{outcome.kills} writers killed, {outcome.finished} finished before their time; "
        f"{len(outcome.said)} chains said to be stored"
    )
    print(
        f"damaged {outcome.damaged}, lost {len(outcome.lost)}, doubled {len(outcome.doubled)}, "
        f"sessions still to be summarised after catching up {outcome.outdated}; "
        f"unfinished temporary files swept away {outcome.leftovers}"
    )
    return int(bool(outcome.damaged or outcome.lost or outcome.doubled or outcome.outdated))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
