"""Opening what is stored, for the commands that keep it and those that only read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.metrics.record import Level
    from scanner.store.state import State
    from scanner.store.store import Store


def open_store(config: Path | None, store: Path | None, *, read_only: bool = False) -> Store:
    """The store in ``--store``, else in the configuration's folder. Raises ConfigError or StoreError."""
    from scanner.cli import common, opening

    return opening.open_store(common.settings_for(config, store=store), read_only=read_only)


def open_state(config: Path | None, store: Path | None) -> State:
    """The alerts and runs in ``--store``, else in the configuration's folder, opened to be read.

    Raises ConfigError, or StoreError where there are none yet.
    """
    from scanner.store.state import State

    return State.open(_folder(config, store), read_only=True)


def calibration_record(config: Path | None, store: Path | None) -> list[Level]:
    """How often chances were stated, and came, in the newest sessions of the store; empty where there is no state."""
    from scanner.errors import StoreError
    from scanner.metrics import record

    try:
        with open_state(config, store) as state, state.read() as ledger:
            return record.levels(ledger.calibration())
    except StoreError:
        return []


def _folder(config: Path | None, store: Path | None) -> Path:
    from scanner import config as configuration

    return configuration.load(config).store.path if store is None else store


def mend_state(folder: Path) -> list[str]:
    """Verify the database of alerts and runs beside the snapshots; set it aside where it is damaged, and say so."""
    from scanner.cli import common
    from scanner.errors import StoreError
    from scanner.store.state import FILE_NAME, State, set_aside

    path = folder / FILE_NAME
    if not path.exists():
        return []
    try:
        with State.open(path, read_only=True) as state:
            problems = state.verify()
    except StoreError as error:
        problems = [str(error)]
    if not problems:
        return []
    kept = set_aside(path, common.right_now())
    return [*problems, f"set aside: {kept}; the next scan begins a new one, history is not touched"]


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
