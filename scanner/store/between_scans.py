"""What a schedule hands from one scan to the next, so that it is not read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.store.models import LastModel

if TYPE_CHECKING:
    from scanner.store.history import History
    from scanner.store.store import Store


class BetweenScans:
    """The model used last, and the sessions held in memory; each is asked whether it still stands.

    For scans that take turns, each with a store that it has opened for itself.
    """

    def __init__(self) -> None:
        self.model = LastModel()
        self._history: History | None = None

    def hand_on(self, store: Store) -> None:
        """Have a store's history use what that of the scan before holds in memory."""
        store.history.carry_on(self._history)
        self._history = store.history
