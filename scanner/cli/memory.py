"""Opening the stored alerts for the commands that only read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.store.state import State


def stored_state(config: Path | None, store: Path | None) -> State:
    """The state in ``--store``, else in the configuration's folder, opened to be read.

    Raises ConfigError, or StoreError where there is none yet.
    """
    from scanner import config as configuration
    from scanner.store.state import State

    folder = configuration.load(config).store.path if store is None else store
    return State.open(folder, read_only=True)
