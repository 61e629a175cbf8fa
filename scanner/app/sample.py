"""The SIMULATED market that rules are checked against: measured once by a version of the program, and kept.

Nothing in it depends on anything but the program. So it is kept in the user's cache folder (``XDG_CACHE_HOME``, else
``~/.cache``), under a digest of all the package's files and of the libraries that compute it; it may be deleted at any
time, and where it cannot be kept it is measured anew.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import opening
from scanner.errors import StoreError
from scanner.kernels.computing import computed_with

if TYPE_CHECKING:
    import polars as pl

log = logging.getLogger(__name__)

SEED = 7
NAMES = ("AAPL", "GOOG", "KO", "SPY")
SESSIONS = 22


def frames() -> dict[str, pl.DataFrame]:
    """Metric frames of a small simulated market with weeks of history and a tape, one a scope; nothing is planted."""
    kept = _folder() / f"sample-{_digest()}.zip"
    found = _load(kept)
    if found is None:
        found = measured()
        _save(kept, found)
    return found


def measured() -> dict[str, pl.DataFrame]:
    """The same, measured now."""
    from scanner.history.known_before import KnownBefore
    from scanner.pipeline import judge
    from scanner.sources import simulated
    from scanner.sources.receiving import newest_quotes
    from scanner.tape.prints import conform

    *history, last = simulated.sample_market(SEED, NAMES, count=SESSIONS)
    names = last["underlying"].unique().to_list()
    with opening.temporary_memory() as memory:
        assert memory.store is not None
        opening.remember(memory.store, history)
        panel = memory.store.history.panel("simulated", names, last["session_date"][0])
        tape = conform(simulated.sample_tape(SEED, names, last["session_date"][0]), source="simulated")
        return dict(judge(last, KnownBefore(panel, prints=tape.prints), newest_quotes(last), []).frames)


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "scanner"


def _digest() -> str:
    """Changes with every file of the package that is no documentation, and with what computes beside it."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(str(computed_with()).encode(), digest_size=16)
    for file in sorted(package.rglob("*")):
        if file.is_file() and file.suffix not in (".nbc", ".pyc"):
            digest.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _load(path: Path) -> dict[str, pl.DataFrame] | None:
    """The frames in a file; None where there is none that is whole."""
    import polars as pl

    try:
        with zipfile.ZipFile(path) as kept:
            return {name: pl.read_ipc(io.BytesIO(kept.read(name))) for name in kept.namelist()}
    except (OSError, zipfile.BadZipFile, KeyError, pl.exceptions.PolarsError) as error:
        log.debug("no sample market taken from %s: %s", path, error)
        return None


def _save(path: Path, found: dict[str, pl.DataFrame]) -> None:
    """Keep frames in place of what other versions kept."""
    from scanner.store.files import write_atomically

    built = io.BytesIO()
    with zipfile.ZipFile(built, "w") as kept:
        for name, frame in found.items():
            content = io.BytesIO()
            frame.write_ipc(content, compression="zstd")
            kept.writestr(name, content.getvalue())
    try:
        write_atomically(path, lambda handle: handle.write(built.getbuffer()))
        for other in path.parent.glob("sample-*.zip"):
            if other != path:
                other.unlink(missing_ok=True)
    except (StoreError, OSError) as error:
        log.debug("the sample market is not kept: %s", error)
