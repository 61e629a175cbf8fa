"""Working in several processes: ``python -m benchmarks cluster [--names 200] [--sessions 20] [--workers 1,2]``.

Generates a market (:mod:`benchmarks.scan.generated`), imports it once, and replays its newest sessions in one process
and then by as many local workers as asked for, each with one thread. With ``--importing`` it is the import that is done
so, of the generated market's files or of those in a folder that is named. Told are the processor seconds of whoever
asked and of all workers, the seconds by the clock, the peak of memory of each, what went from the workers to it, and
whether the results are the same. Every run has a process of its own. Seconds by the clock mean something only where
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
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from benchmarks.scan import generated
from benchmarks.scan.stopwatch import peak_megabytes
from scanner.app import configuring, importing, replaying
from scanner.app.workers import Crew
from scanner.outputs import imported
from scanner.outputs.document import dumps, to_json

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
    parser.add_argument("--importing", type=Path, nargs="?", const=Path(), metavar="FOLDER")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    market = generated.market(options.folder, options.names, BEFORE + options.sessions)
    recorded = market.history if options.importing == Path() else options.importing
    if options.one is not None:
        done = (
            _replayed(market, options.sessions, options.one) if recorded is None else _imported(recorded, options.one)
        )
        print(json.dumps(done))
        return 0
    if recorded is None and not (market.path / "store").exists():
        importing.import_chains(market.history, settings=configuring.built_in(store=market.path / "store"))
    counts = [0, *map(int, options.workers.split(","))]
    found = {count: _in_a_process_of_its_own(count, arguments) for count in counts}
    what = f"{options.names} names, {market.contracts:,} contracts"
    print(f"{what}, {options.sessions} sessions replayed" if recorded is None else f"{recorded} imported ({what})")
    for count, run in found.items():
        print(_told(count, run, found, of=1 if recorded is None else 0))
    same = len({run["digest"] for run in found.values()}) == 1
    print("results identical" if same else "RESULTS DIFFER")
    return 0 if same else 1


def _in_a_process_of_its_own(count: int, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "cluster", *arguments, "--one", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def _told(count: int, run: dict[str, Any], found: dict[int, dict[str, Any]], of: int) -> str:
    """What a run took, and how many times as fast it was as the one of so many workers, or of one process (0)."""
    mine, workers = run["mine"], run["workers"]
    said = f"  {count} workers: " if count else "  one process: "
    said += f"{mine['processor']:.1f} processor s here (peak {mine['peak']:,.0f} MB)"
    if count:
        each = ", ".join(f"{one['processor']:.1f} s (peak {one['peak']:,.0f} MB)" for one in workers)
        said += f"; workers {each}; {run['bytes'] / 1e6:.1f} MB came from them"
    if of in found and count > of:
        what = "one worker" if of else "one process"
        said += f"; {found[of]['wall'] / run['wall']:.2f} x {what} by the clock"
        said += f", {_busiest(found[of]) / _busiest(run):.2f} x by the busiest process"
    return f"{said}; {run['wall']:.1f} s by the clock"


def _busiest(run: dict[str, Any]) -> float:
    """The processor seconds of the process that took most, a worker or the one that asked."""
    return float(max(one["processor"] for one in (run["mine"], *run["workers"])))


def _replayed(market: generated.Folder, sessions: int, count: int) -> dict[str, Any]:
    """One replay, by so many workers; none: in this process."""
    days = sorted(path.stem for path in market.history.glob("*.parquet"))[-sessions:]
    settings = configuring.built_in(store=market.path / "store")

    def digest(where: dict[str, str]) -> str:
        said = hashlib.sha256()
        for result in replaying.replay(days[0], days[-1], settings=settings, **where):
            said.update(dumps(result, held_back=True).encode())
        return said.hexdigest()

    return _with_workers(count, digest)


def _imported(recorded: Path, count: int) -> dict[str, Any]:
    """One import into an empty store, by so many workers; none: in this process."""
    with TemporaryDirectory() as folder:
        store = Path(folder) / "store"

        def digest(where: dict[str, str]) -> str:
            report = importing.import_chains(recorded, settings=configuring.built_in(store=store), **where)
            said = hashlib.sha256(to_json(imported.document(report)).encode())
            for path in sorted(
                path for part in ("snapshots", "summaries") for path in (store / part).rglob("*.parquet")
            ):
                said.update(str(path.relative_to(store)).encode() + path.read_bytes())
            return said.hexdigest()

        return _with_workers(count, digest)


def _with_workers(count: int, digest: Callable[[dict[str, str]], str]) -> dict[str, Any]:
    if not count:
        return _measured(lambda: digest({}), list)
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
                lambda: digest({"cluster": address}),
                lambda: [_less(spent, warm[name]) for name, spent in client.run(_spent).items()],
            )
    return made


def _measured(digest: Callable[[], str], workers: Callable[[], list[dict[str, float]]]) -> dict[str, Any]:
    sizes = _counted_bytes()
    processor, clock = time.process_time(), time.perf_counter()
    found = digest()
    mine = {"processor": time.process_time() - processor, "peak": peak_megabytes()}
    wall = time.perf_counter() - clock
    return {"digest": found, "mine": mine, "wall": wall, "workers": workers(), "bytes": sum(sizes)}


def _counted_bytes() -> list[int]:
    """How large what each task gave back is; counted as it is received."""
    sizes: list[int] = []
    result = Crew.result

    def counted(crew: Crew, task: Any) -> Any:
        found = result(crew, task)
        sizes.append(len(pickle.dumps(found)))
        return found

    Crew.result = counted  # type: ignore[method-assign]
    return sizes


def _spent() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"processor": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}


def _less(spent: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {"processor": spent["processor"] - before["processor"], "peak": spent["peak"]}
