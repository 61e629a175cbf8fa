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
begun = time.perf_counter()
from pathlib import Path
from benchmarks.tape import speed
rows = speed.WAYS[sys.argv[1]](Path(sys.argv[2]))
took = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_SELF)
cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6
print(f"{took:.2f} s ({cpu:.2f} s of the processors)  {memory:.2f} GB  {rows:,} contracts")
"""


def run(given: argparse.Namespace) -> None:
    """Generate a tape, and print what each way to its fields takes in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="scanner-tape-") as folder:
        path = Path(folder) / "tape.parquet"
        generated.write(path, given.prints)
        for name in WAYS if given.peers else ["scanner"]:
            ran = subprocess.run(
                [sys.executable, "-c", _RUN, name, str(path)], capture_output=True, text=True, check=False
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
