"""Whole scans, from the files to the alerts: ``python -m benchmarks scan [--names 10,100,500,2000,5500] [--json]``.

Generates a market for each size (in ``--folder``, once), imports its twelve past sessions and scans four moments of the
next one by the functions that ``scanner scan`` and ``scanner run`` call: the first scan of the session, which fits its
model, and the median of the three after it. Printed are the processor seconds of all threads by step, the seconds by
the clock, the peak of memory, and how the time grows with the number of contracts. Beside them, where the extra
``benchmarks`` is installed, stand scripts of pandas and polars over the same files (:mod:`benchmarks.scan.peers`).
Every measurement has a process of its own, and as many threads as the machine has processors; a scan of a short list
has one, as the command line gives it (:mod:`scanner.cli.threads`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from benchmarks.scan import generated
from scanner.cli import threads

SMALL = 10
NEEDED = {"pandas": ("pandas", "py_vollib_vectorized"), "polars": ("polars_vol",)}
STEPS = ("receive", "know", "gate", "measure", "price", "fit", "score", "costly", "judge", "conclude", "keep", "around")


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its table."""
    options = _parse(arguments)
    measured = []
    for names in options.names:
        measured.append(_measured(options.folder, names, peers=not options.no_peers))
        if not options.json:
            print(_told(measured[-1]), flush=True)
    grown = growth([(size["contracts"], size["later"]["total"]["processor"]) for size in measured])
    if options.json:
        print(json.dumps({"sizes": measured, "growth": grown}, indent=1))
    else:
        print("".join(f"from {a:,} to {b:,} contracts a later scan grows as n^{power:.2f}\n" for a, b, power in grown))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [10, 100, 500]
    parser.add_argument("--names", type=_numbers, default=sizes, help="sizes of the market (10,100,500)")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "scanner-benchmark-scan")
    parser.add_argument("--no-peers", action="store_true", help="leave the scripts of pandas and polars out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _measured(folder: Path, names: int, *, peers: bool) -> dict[str, Any]:
    """Everything measured of one size."""
    small, market = generated.market(folder, SMALL), generated.market(folder, names)
    store = market.path / "store"

    def ours(what: str) -> dict[str, Any]:
        # As the command line computes: an import in all threads, a scan as befits the length of its list.
        setting = {} if what == "import" else threads.setting_for(names)
        return _run("ours", what, market.path, small.path, store, environment=setting)

    imported, first, later = ours("import"), ours("first"), ours("later")
    found = {
        "names": names,
        "contracts": market.contracts,
        "processors": os.cpu_count(),
        "import": {**imported, "rows_a_processor_second": imported["rows"] / imported["total"]["processor"]},
        "first": {**first["scans"][0], "peak_megabytes": first["peak_megabytes"]},
        "later": {**_median(later["scans"]), "peak_megabytes": later["peak_megabytes"]},
    }
    for who, modules in NEEDED.items():
        if peers and all(importlib.util.find_spec(module) for module in modules):
            found[who] = _run("peers", who, market.path)
    return found


def _run(module: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.scan.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **(environment or {})}
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _median(scans: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over scans, step by step; what the scans found is that of the last."""
    steps = {clock: {name: statistics.median(scan[clock][name] for scan in scans) for name in scans[0][clock]}
             for clock in ("processor", "wall", "total")}  # fmt: skip
    return {**scans[-1], **steps}


def growth(totals: list[tuple[int, float]]) -> list[tuple[int, int, float]]:
    """From one size to the next, the power of the number of contracts by which the seconds grow."""
    return [(a, b, math.log(spent / before) / math.log(b / a)) for (a, before), (b, spent) in pairwise(totals)]


def _told(size: dict[str, Any]) -> str:
    """What was measured of one size, as text."""
    first, later, imported = size["first"], size["later"], size["import"]
    lines = [
        f"{size['names']:,} names, {size['contracts']:,} contracts, {generated.SESSIONS} sessions before; "
        f"{size['processors']} processors",
        f"  import  {imported['total']['processor']:.2f} processor s for {imported['rows']:,} rows: "
        f"{imported['rows_a_processor_second']:,.0f} rows a processor s; peak {imported['peak_megabytes']:,.0f} MB",
        "  processor seconds          first scan  later scan  (median)",
    ]
    for name in STEPS:
        both = [scan["processor"].get(name, 0.0) for scan in (first, later)]
        lines.append(f"    {name:<24} {both[0]:>10.3f}  {both[1]:>10.3f}")
    for clock in ("processor", "wall"):
        lines.append(f"    all, {clock:<19} {first['total'][clock]:>10.3f}  {later['total'][clock]:>10.3f}")
    lines.append(f"    peak, MB                 {first['peak_megabytes']:>10,.0f}  {later['peak_megabytes']:>10,.0f}")
    lines.append(f"    alerts                   {len(first['alerts']):>10,}  {len(later['alerts']):>10,}")
    for who in NEEDED:
        if who in size:
            lines.append(_peer(who, size[who], later["total"]["processor"]))
    return "\n".join(lines) + "\n"


def _peer(who: str, found: dict[str, Any], ours: float) -> str:
    scan = _median(found["scans"])
    ready, base = scan["total"]["processor"], found["baseline"]["total"]["processor"]
    return (
        f"  {who:<7} scan {ready:.3f} processor s with its baseline ready ({ready / ours:.2f} x ours), "
        f"{ready + base:.3f} with it made anew ({(ready + base) / ours:.2f} x); "
        f"wall {scan['total']['wall']:.3f} s, peak {found['peak_megabytes']:,.0f} MB"
    )
