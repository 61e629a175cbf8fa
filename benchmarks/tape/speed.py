"""How long a tape takes to its fields, cold, beside straightforward polars and pandas."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.tape import generated, peers

_RUN = """
import resource, sys, time

def processors():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

from importlib import import_module
from pathlib import Path
for module in sys.argv[3:]:
    import_module(module)
loaded = processors()
from benchmarks.tape import speed
took, rows = [], 0
for turn in range(2):
    before = processors()
    rows = speed.WAYS[sys.argv[1]](Path(sys.argv[2]))
    took.append(processors() - before)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6 if turn == 0 else memory
print(f"cold {loaded + took[0]:.2f} s of the processors, {loaded:.2f} of them loading; "
      f"work {took[0]:.2f}, again {took[1]:.2f}; {memory:.2f} GB; {rows:,} contracts")
"""
_LOADED = {
    "scanner": ("scanner.sources.tapes.files", "scanner.tape.measure", "scanner.tape.grouping"),
    "polars": ("polars", "numpy"),
    "pandas": ("pandas", "pyarrow.parquet"),
}


def run(given: argparse.Namespace) -> None:
    """Generate a tape, and print what each way to its fields takes in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="scanner-tape-") as folder:
        path = Path(folder) / "tape.parquet"
        generated.write(path, given.prints)
        for name in WAYS if given.peers else ["scanner"]:
            ran = subprocess.run(
                [sys.executable, "-c", _RUN, name, str(path), *_LOADED[name]],
                capture_output=True,
                text=True,
                check=False,
            )
            said = ran.stdout.strip() or f"failed: {ran.stderr.strip().splitlines()[-1]}"
            print(f"{name:8} {given.prints:,} prints: {said}", flush=True)


def scanner(path: Path) -> int:
    """This project: from the file to the fields of contracts."""
    from scanner.sources.tapes.files import read_tape
    from scanner.tape.measure import contracts
    from scanner.tape.reading import read

    return contracts(read(read_tape(path))).height


WAYS: dict[str, Callable[[Path], int]] = {
    "scanner": scanner, "polars": peers.with_polars, "pandas": peers.with_pandas,
}  # fmt: skip
