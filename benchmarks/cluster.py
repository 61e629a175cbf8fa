"""Replaying in several processes: ``python -m benchmarks cluster [--names 200] [--sessions 20] [--workers 1,2]``.

Generates a market (:mod:`benchmarks.scan.generated`), imports it once, and replays its newest sessions in one process
and then by as many local workers as asked for, each with one thread. Told are the processor seconds of whoever
concludes and of all workers, the seconds by the clock, the peak of memory of each, what went from the workers to it,
and whether the results are the same. Every run has a process of its own. Seconds by the clock mean something only where
nothing else runs; the bound that the processor seconds give stands beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from benchmarks.scan import generated
from benchmarks.scan.stopwatch import peak_megabytes
from scanner.app import configuring, importing, replaying, spreading
from scanner.outputs.document import dumps

# Sessions before the first that is replayed.
BEFORE = 12


def main(arguments: list[str]) -> int:
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--workers", default="1,2", help="how many, in turn")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "scanner-benchmark-cluster")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    market = generated.market(options.folder, options.names, BEFORE + options.sessions)
    if options.one is not None:
        print(json.dumps(_replayed(market, options.sessions, options.one)))
        return 0
    if not (market.path / "store").exists():
        importing.import_chains(market.history, settings=configuring.built_in(store=market.path / "store"))
    counts = [0, *map(int, options.workers.split(","))]
    found = {count: _in_a_process_of_its_own(count, arguments) for count in counts}
    print(f"{options.names} names, {market.contracts:,} contracts, {options.sessions} sessions replayed")
    for count, run in found.items():
        print(_told(count, run, found))
    same = len({run["digest"] for run in found.values()}) == 1
    print("results identical" if same else "RESULTS DIFFER")
    return 0 if same else 1


def _in_a_process_of_its_own(count: int, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "cluster", *arguments, "--one", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def _told(count: int, run: dict[str, Any], found: dict[int, dict[str, Any]]) -> str:
    mine, workers = run["mine"], run["workers"]
    said = f"  {count} workers: " if count else "  one process: "
    said += f"{mine['processor']:.1f} processor s here (peak {mine['peak']:,.0f} MB)"
    if count:
        each = ", ".join(f"{one['processor']:.1f} s (peak {one['peak']:,.0f} MB)" for one in workers)
        said += f"; workers {each}; {run['bytes'] / 1e6:.1f} MB came from them"
        if 1 in found and count > 1:
            one, bound = found[1], max(item["processor"] for item in workers)
            said += f"; {one['wall'] / run['wall']:.2f} x one worker by the clock"
            said += f", {found[1]['workers'][0]['processor'] / bound:.2f} x by the busiest worker"
    return f"{said}; {run['wall']:.1f} s by the clock"


def _replayed(market: generated.Folder, sessions: int, count: int) -> dict[str, Any]:
    """One replay, by so many workers; none: in this process."""
    days = sorted(path.stem for path in market.history.glob("*.parquet"))[-sessions:]
    settings = configuring.built_in(store=market.path / "store")
    if not count:
        return _measured(lambda: replaying.replay(days[0], days[-1], settings=settings), list)
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    # A worker is a process with one thread, so that two of them have twice of what one has.
    os.environ |= {"POLARS_MAX_THREADS": "1", "DASK_LOGGING__DISTRIBUTED": "error"}
    with SubprocessCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(count)
            warm = client.run(_spent)
            made = _measured(
                lambda: replaying.replay(days[0], days[-1], settings=settings, cluster=address),
                lambda: [_less(spent, warm[name]) for name, spent in client.run(_spent).items()],
            )
    return made


def _measured(replay: Any, workers: Any) -> dict[str, Any]:
    sizes = _counted_bytes()
    processor, clock = time.process_time(), time.perf_counter()
    digest = hashlib.sha256()
    for result in replay():
        digest.update(dumps(result, held_back=True).encode())
    mine = {"processor": time.process_time() - processor, "peak": peak_megabytes()}
    wall = time.perf_counter() - clock
    return {"digest": digest.hexdigest(), "mine": mine, "wall": wall, "workers": workers(), "bytes": sum(sizes)}


def _counted_bytes() -> list[int]:
    """How large what each session's worker gave back is; counted as it is received."""
    sizes: list[int] = []
    whole = spreading.stated

    def counted(*arguments: Any) -> Any:
        for said in whole(*arguments):
            sizes.append(len(pickle.dumps(said)))
            yield said

    spreading.stated = counted
    return sizes


def _spent() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"processor": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}


def _less(spent: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {"processor": spent["processor"] - before["processor"], "peak": spent["peak"]}
