"""Opening what is stored, for the commands that keep it and those that only read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.activity.record import Level
    from scanner.store.state import State
    from scanner.store.store import Store


def open_store(config: Path | None, store: Path | None, *, read_only: bool = False) -> Store:
    """The store in ``--store``, else in the configuration's folder. Raises ConfigError or StoreError."""
    from scanner.app import opening
    from scanner.cli import common

    return opening.open_store(common.settings_for(config, store=store), read_only=read_only)


def open_state(config: Path | None, store: Path | None) -> State:
    """The alerts and runs in ``--store``, else in the configuration's folder, opened to be read.

    Raises ConfigError, or StoreError where there are none yet.
    """
    from scanner.store.state import State

    return State.open(_folder(config, store), read_only=True)


def calibration_record(config: Path | None, store: Path | None) -> list[Level]:
    """How often chances were stated, and came, in the newest sessions of the store; empty where there is no state."""
    from scanner.activity import record
    from scanner.errors import StoreError

    try:
        with open_state(config, store) as state, state.read() as ledger:
            return record.levels(ledger.calibration())
    except StoreError:
        return []


def _folder(config: Path | None, store: Path | None) -> Path:
    from scanner import config as configuration

    return configuration.load(config).store.path if store is None else store


def mend_state(folder: Path) -> list[str]:
    """Verify the database of alerts and runs beside the snapshots; set it aside where it is damaged, and say so.

    One that a killed start left unfinished is finished; one that is whole and cannot be used where it lies - the disk
    is full - is left where it is.
    """
    from scanner.cli import common
    from scanner.errors import StoreDamagedError, StoreError
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
        kept = set_aside(path, common.right_now())
        return [str(error), f"set aside: {kept}; the next scan begins a new one, history is not touched"]
    except StoreError as error:
        return [f"{error}; left as it is"]


def age_to_keep(config: Path | None, keep: str | None) -> timedelta:
    """How long snapshots are kept: ``--keep``, else the configuration's. Raises UsageError where it is no duration."""
    from pydantic import ValidationError

    from scanner import config as configuration
    from scanner.errors import UsageError

    if keep is None:
        return configuration.load(config).store.keep_snapshots
    try:
        return configuration.StoreSettings.model_validate({"keep_snapshots": keep}).keep_snapshots
    except ValidationError as error:
        raise UsageError(f"--keep {keep}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
