"""What the store holds, whether it is whole, making it whole, and letting go of the old."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening
from scanner.errors import StoreError

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.store.derive import Derived
    from scanner.store.holdings import Info
    from scanner.store.maintenance import Verified


@dataclass(frozen=True, slots=True)
class Examined:
    """What :func:`verify_store` found in the history and in the state, and how many sessions it summarised anew."""

    found: Verified
    damaged_state: tuple[str, ...]
    rebuilt: int

    @property
    def whole(self) -> bool:
        """Whether nothing was damaged."""
        return self.found.whole and not self.damaged_state


@dataclass(frozen=True, slots=True)
class Pruned:
    """The snapshot files that were deleted, the age beyond which, and the state's rows that went, by table."""

    files: tuple[Path, ...]
    age: timedelta
    rows: dict[str, int] = field(default_factory=dict)


def store_info(*, settings: Settings | Place | None = None, store: Place | None = None) -> Info:
    """What the store holds: sources, sessions, sizes in bytes, versions. Raises StoreError where there is no store."""
    from scanner.store.holdings import Held, info

    return info(Held.of(configuring.settings(settings, store=store).store.path))


def verify_store(*, settings: Settings | Place | None = None, store: Place | None = None) -> Examined:
    """Read everything back; set aside what is damaged and make it anew from what is whole.

    Raises StoreError where the store cannot be written.
    """
    from scanner.store import maintenance

    opened = opening.open_store(configuring.settings(settings, store=store))
    found = maintenance.verify(opened)
    damaged_state = mend_state(opened.path)
    return Examined(found, tuple(damaged_state), len(opened.catch_up()))


def rebuild_store(*, settings: Settings | Place | None = None, store: Place | None = None) -> list[Derived]:
    """Make everything derived anew from the snapshots. Raises StoreError where the store cannot be written."""
    from scanner.store import maintenance

    return maintenance.rebuild(opening.open_store(configuring.settings(settings, store=store)))


def prune_store(
    keep: str | timedelta | None = None, *, settings: Settings | Place | None = None, store: Place | None = None
) -> Pruned:
    """Delete snapshots older than ``keep`` (``400d``; None: the configuration's). The history made from them stays.

    Of the state goes what is older than the configuration's ``keep_alerts`` and ``keep_records``. Raises UsageError
    where ``keep`` is no duration, StoreError where the store cannot be written.
    """
    from scanner.store import maintenance

    configured = configuring.settings(settings, store=store)
    age = configured.store.keep_snapshots if keep is None else keep if isinstance(keep, timedelta) else _age(keep)
    gone = maintenance.prune(opening.open_store(configured), age, clock.right_now())
    return Pruned(tuple(gone), age, prune_state(configured))


def prune_state(settings: Settings) -> dict[str, int]:
    """Remove from the state what is older than the configuration keeps it; returns how many rows of each table.

    Nothing where there is no state yet. Raises StoreError where it cannot be written.
    """
    today = clock.right_now().date()
    try:
        opening.open_state(settings, read_only=True).close()
    except StoreError:
        return {}
    with opening.open_state(settings) as state, state.write() as ledger:
        return ledger.prune(today - settings.store.keep_alerts, today - settings.store.keep_records)


def _age(keep: str) -> timedelta:
    from pydantic import ValidationError

    from scanner.config import StoreSettings
    from scanner.errors import UsageError

    try:
        return StoreSettings.model_validate({"keep_snapshots": keep}).keep_snapshots
    except ValidationError as error:
        raise UsageError(f"--keep {keep}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def mend_state(folder: Path) -> list[str]:
    """Verify the database of alerts and runs beside the snapshots; set it aside where it is damaged, and say so.

    One that a killed start left unfinished is finished; one that is whole and cannot be used where it lies - the disk
    is full - is left where it is.
    """
    from scanner.errors import StoreDamagedError
    from scanner.store.state import FILE_NAME, State, is_whole, set_aside

    path = folder / FILE_NAME
    if not path.exists():
        return []
    try:
        with State.open(path) as state:
            return state.verify()
    except StoreDamagedError as error:
        if is_whole(path):
            return [f"{path}: it cannot be used where it lies, but a copy of it is whole; left as it is"]
        kept = set_aside(path, clock.right_now())
        return [str(error), f"set aside: {kept}; the next scan begins a new one, history is not touched"]
    except StoreError as error:
        return [f"{error}; left as it is"]
