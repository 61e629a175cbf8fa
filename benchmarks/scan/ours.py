"""``python -m benchmarks.scan.ours import|first|later MARKET SMALL STORE``: one import or some scans, in this process.

Prints one JSON object. The scans are those that ``scanner scan`` and ``scanner run`` make, by the configuration that
ships with the package; a scan of a small market comes first, so that loading the program is not counted as scanning.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.scan.generated import MOMENTS, Folder
from benchmarks.scan.stopwatch import Stopwatch, peak_megabytes
from scanner import steps
from scanner.app import configuring, importing, opening, scanning
from scanner.cli.main import collect_seldom
from scanner.object_prefix import ObjectPrefix
from scanner.store.between_scans import BetweenScans

# The moments that are scanned: the first scan of a session fits its model, the later ones find it.
ROUNDS = {"first": range(1), "later": range(1, MOMENTS)}


def import_history(market: Folder, store: Path | ObjectPrefix) -> dict[str, Any]:
    """Import the sessions before the one that is scanned into an empty store."""
    if isinstance(store, Path):
        shutil.rmtree(store, ignore_errors=True)
    watch = Stopwatch()
    with watch("import"):
        report = importing.import_chains(market.history, settings=configuring.built_in(store=store))
    return {"rows": report.rows, **watch.as_dict(), "peak_megabytes": peak_megabytes()}


def scan_session(market: Folder, store: Path | ObjectPrefix, moments: range) -> dict[str, Any]:
    """Scan moments of the session one after the other, as a schedule does, which reads its rules once."""
    between = BetweenScans()
    scans = []
    for number in moments:
        watch = Stopwatch()
        with steps.observed(watch), watch("around"):
            settings = configuring.settings(configuring.built_in(store=store), path=market.moment(number))
            if not scans:
                rules, problems = opening.usable_rules(settings, strict=True)
            sources = opening.sources_for(settings, None, None)
            result = scanning.scan_once(settings, sources, rules, (), None, problems, between)
        found = {
            "contracts": result.scan.contracts,
            "alerts": [alert.alert_id for alert in result.alerts],
            "held_back": dict(result.held_back),
            "errors": [str(problem) for problem in result.errors],
        }
        scans.append({**found, **watch.as_dict()})
    return {"scans": scans, "peak_megabytes": peak_megabytes()}


def warm_up(small: Folder) -> None:
    """Load and compile whatever a scan needs."""
    with TemporaryDirectory(prefix="scan-benchmark-") as folder:
        import_history(small, Path(folder))
        scan_session(small, Path(folder), range(MOMENTS))


@contextmanager
def _alone() -> Iterator[None]:
    """Keep what is logged off the output, which is one JSON object."""
    printed, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = printed


def main(arguments: list[str]) -> int:
    """Run one step and print what it took."""
    what, market, small, store = arguments[0], *map(Path, arguments[1:])
    collect_seldom()
    with _alone():
        warm_up(Folder(small))
        if what == "import":
            made = import_history(Folder(market), store)
        else:
            made = scan_session(Folder(market), store, ROUNDS[what])
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
