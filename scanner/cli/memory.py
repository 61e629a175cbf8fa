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
    from scanner.cli import common
    from scanner.store.state import State

    return State.open(common.settings_for(config, store=store).store.path, read_only=True)
