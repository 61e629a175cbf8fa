"""Keeping a store whole: what it holds, whether it can all be read, making the derived anew, and letting go of the old.

What is damaged is never deleted: it is moved to ``set-aside/`` under a name that says where it came from, and what was
derived from it is made again from what is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from scanner.errors import StoreError
from scanner.store.derive import Derived
from scanner.store.files import TEMPORARY_SUFFIX, unwritable
from scanner.store.fingerprints import agrees
from scanner.store.holdings import SET_ASIDE
from scanner.store.store import BASELINES_FOLDER, Store


@dataclass
class Verified:
    """What :func:`verify` found: how much is whole, what is damaged, what was left behind, what is outdated."""

    snapshots: int = 0
    summaries: int = 0
    damaged: list[str] = field(default_factory=list)
    set_aside: list[Path] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)
    outdated: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged and nothing has to be made again."""
        return not self.damaged and not self.outdated


def verify(store: Store, on_file: Callable[[Path], object] = lambda path: None) -> Verified:
    """Read everything back. What is damaged is set aside, unless the store was opened for reading only.

    Each snapshot is checked against the fingerprints in its footer, each summary against the snapshots it came from.
    """
    found = Verified()
    if store.read_only:
        _examine(store, found, on_file)
        return found
    with store.writing():
        _examine(store, found, on_file)
        for path in found.leftovers:
            # The lock is ours: whoever wrote this is gone, and it was never a whole file.
            path.unlink(missing_ok=True)
    return found


def _examine(store: Store, found: Verified, on_file: Callable[[Path], object]) -> None:
    for path in store.snapshots.files():
        on_file(path)
        problem = _snapshot_problem(store, path)
        if problem is None:
            found.snapshots += 1
        else:
            _condemn(store, found, path, problem)
    for path in store.summaries.files():
        on_file(path)
        problem = store.summaries.problem(path)
        if problem is None:
            found.summaries += 1
        else:
            # Its session counts as not summarised from here on, and is made again from the snapshots.
            _condemn(store, found, path, problem)
    found.leftovers = sorted(store.path.rglob(f"*{TEMPORARY_SUFFIX}"))
    found.outdated = sum(
        len(names)
        for source, stale in store.outdated().items()
        for session, names in stale.items()
        # The newest session is summarised once it is over, or a later one begins.
        if session < max(store.snapshots.sessions(source))
    )


def count(plan: dict[str, dict[date, list[str]]]) -> int:
    """How many summaries of one session of one underlying a plan would make."""
    return sum(len(names) for stale in plan.values() for names in stale.values())


def _snapshot_problem(store: Store, path: Path) -> str | None:
    try:
        chains = store.snapshots.footer(path)
        if not agrees(store.snapshots.load(chains), chains[0].file_fingerprint):
            return f"{path} is damaged: it does not hold what was written"
    except StoreError as error:
        return str(error)
    return None


def _condemn(store: Store, found: Verified, path: Path, problem: str) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        # Nobody can say what is in it: no permission, a failing disk.
        found.damaged.append(f"{path} cannot be read: {error.strerror}; left as it is")
        return
    if store.mirror is not None and store.mirror.mend(path):
        found.damaged.append(f"{problem}; it was whole below {store.place} and is fetched again")
        return
    found.damaged.append(problem)
    if not store.read_only:
        found.set_aside.append(set_aside(store, path))


def set_aside(store: Store, path: Path) -> Path:
    """Move a damaged file of the store out of the way. Returns where it is now."""
    kept = store.path / SET_ASIDE / path.relative_to(store.path)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.replace(kept)
    except OSError as error:
        raise unwritable(kept, error) from error
    if store.mirror is not None:
        store.mirror.delete(path)
    return kept


def rebuild(
    store: Store,
    on_plan: Callable[[int], object] = lambda total: None,
    on_session: Callable[[Derived], object] = lambda derived: None,
) -> list[Derived]:
    """Make every summary anew from the snapshots. Sessions whose snapshots are pruned keep the summary they have."""
    with store.writing():
        shutil.rmtree(store.path / BASELINES_FOLDER, ignore_errors=True)
        for path in store.summaries.files():
            if store.summaries.problem(path) is not None:
                set_aside(store, path)
        plan = {source: _everything(store, source) for source in store.snapshots.sources()}
        on_plan(count(plan))
        return store.catch_up(plan, on_session)


def _everything(store: Store, source: str) -> dict[date, list[str]]:
    return {
        session: sorted({item.underlying for item in store.snapshots.chains(source, session)})
        for session in store.snapshots.sessions(source)
    }


def prune(store: Store, keep: timedelta, now: datetime) -> list[Path]:
    """Delete snapshots of sessions older than ``keep``; their summaries stay. Returns the files deleted.

    A session that is not summarised yet is kept, for its snapshots are all there is of it.
    """
    oldest = (now.astimezone(UTC) - keep).date()
    with store.writing():
        return [path for source in store.snapshots.sources() for path in _prune_source(store, source, oldest)]


def _prune_source(store: Store, source: str, oldest: date) -> Iterator[Path]:
    outdated = store.outdated().get(source, {})
    for session in store.snapshots.sessions(source):
        if session < oldest and session not in outdated:
            for path in {item.path for item in store.snapshots.chains(source, session)}:
                store.remove(path)
                yield path
