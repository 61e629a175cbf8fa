"""A store below a prefix in a bucket, and one in a folder: ``python -m benchmarks objects [--names 500] [--pairs 1]``.

Generates a market (:mod:`benchmarks.scan.generated`), starts an S3 server on this machine (moto's, in a process of its
own), and then imports the past sessions and scans the next one, in turn with the store in a folder and below a prefix:
the first scan, which fits its model, and the three after it. Last, another machine - an empty mirror - fetches the
history and makes the first scan by the model that it finds. Told are the processor seconds and the seconds by the
clock; those of the server are not among the former. Every measurement has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.scan import generated
from benchmarks.scan.ours import ROUNDS, import_history, scan_session, warm_up
from scanner.object_prefix import store_place

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_REGION": "us-east-1"}
_SECONDS_TO_BEGIN = 60


def main(arguments: list[str]) -> int:
    """Run the benchmark and print what was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks objects", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=1, help="how often each is measured, in turn")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "scanner-benchmark-scan")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "STORE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    market, small = (generated.market(options.folder, names) for names in (options.names, 10))
    if options.one is not None:
        print(json.dumps(_measured(market, small, *options.one)))
        return 0
    found: dict[str, list[dict[str, Any]]] = {}
    with _server() as environment:
        for number in range(options.pairs):
            with TemporaryDirectory() as folder:
                places = {"folder": f"{folder}/store", "prefix": f"s3://benchmark/{uuid.uuid4().hex}"}
                for what in ("import", "first", "later"):
                    for where in sorted(places, reverse=number % 2 == 1):
                        mirrors = {"SCANNER_MIRRORS": f"{folder}/one"}
                        done = _in_a_process_of_its_own(arguments, what, places[where], environment | mirrors)
                        found.setdefault(f"{what} {where}", []).append(done)
                other = {"SCANNER_MIRRORS": f"{folder}/other"}
                done = _in_a_process_of_its_own(arguments, "first", places["prefix"], environment | other)
                found.setdefault("first another", []).append(done)
    print(f"{options.names} names, {market.contracts:,} contracts, {options.pairs} time(s) each; medians")
    for what in ("import", "first", "later"):
        print(_told(what, *(found[f"{what} {where}"] for where in ("folder", "prefix"))))
    print(f"  first scan of another machine: {_seconds(found['first another'])}")
    alerts = {tuple(run["alerts"]) for where in ("folder", "prefix") for run in found[f"later {where}"]}
    print("alerts the same" if len(alerts) == 1 else "ALERTS DIFFER")
    return 0 if len(alerts) == 1 else 1


def _measured(market: generated.Folder, small: generated.Folder, what: str, place: str) -> dict[str, Any]:
    """One import or some scans; of several scans the medians."""
    warm_up(small)
    store = store_place(place)
    clock, processor = time.perf_counter(), time.process_time()
    if what == "import":
        import_history(market, store)
        return {"wall": time.perf_counter() - clock, "processor": time.process_time() - processor}
    scans = scan_session(market, store, ROUNDS[what])["scans"]
    totals = {name: statistics.median(scan["total"][name] for scan in scans) for name in ("wall", "processor")}
    return {**totals, "alerts": scans[-1]["alerts"]}


def _in_a_process_of_its_own(
    arguments: list[str], what: str, place: str, environment: dict[str, str]
) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "objects", *arguments, "--one", what, place]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def _server() -> Iterator[dict[str, str]]:
    """An S3 server with a bucket, and what a process needs in its environment to reach it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(_SECONDS_TO_BEGIN * 10):
            try:
                urlopen(Request(f"{url}/benchmark", method="PUT")).close()
                break
            except OSError:
                time.sleep(0.1)
        yield {**_CREDENTIALS, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}
    finally:
        running.terminate()
        running.wait()


def _seconds(runs: list[dict[str, Any]]) -> str:
    processor, wall = (statistics.median(run[name] for run in runs) for name in ("processor", "wall"))
    return f"{processor:.2f} processor s, {wall:.2f} s by the clock"


def _told(what: str, folder: list[dict[str, Any]], prefix: list[dict[str, Any]]) -> str:
    ratios = (statistics.median(b[name] / a[name] for a, b in zip(folder, prefix, strict=True))
              for name in ("processor", "wall"))  # fmt: skip
    processor, wall = ratios
    said = f"folder {_seconds(folder)}; prefix {_seconds(prefix)}"
    return f"  {what + ' scan' if what != 'import' else what}: {said}: {processor:.2f} and {wall:.2f} times"
