"""What alerts need of whoever keeps them. The state of :mod:`scanner.store` has this shape; no store is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol, TypeVar

from scanner.alerts.episodes import Episode, Event, Sighting
from scanner.alerts.flagged import Flagged
from scanner.alerts.identity import Key
from scanner.alerts.model import Alert, HeldBack, NotJudged
from scanner.alerts.routing import Letter
from scanner.alerts.silence import Silence

T = TypeVar("T")


class Kept(Protocol):
    """Everything kept of alerts, within one transaction."""

    def episodes(self, before: datetime, session_date: date, simulated: bool) -> list[Episode]:
        """The open episodes, and those of this session already closed, as they stood before a moment."""
        ...

    def save_episodes(self, episodes: Iterable[Episode], events: Iterable[Event], seen_at: datetime, run: str) -> None:
        """Keep what became of episodes in a run."""
        ...

    def happened_at(self, moment: datetime, alert_ids: Iterable[str]) -> set[tuple[str, str]]:
        """What has been kept of some alerts as of a moment: their ids, each with what happened."""
        ...

    def sightings(self, simulated: bool) -> list[Sighting]:
        """The findings that do not hold long enough yet."""
        ...

    def replace_sightings(self, gone: Iterable[Key], remembered: Iterable[Sighting]) -> None:
        """Forget some of them, and remember others."""
        ...

    def save_left_out(self, run: str, held_back: Iterable[HeldBack], not_judged: Iterable[NotJudged]) -> None:
        """Keep what did not become an alert in a run, and what could not be judged."""
        ...

    def flag(self, flagged: Iterable[Flagged]) -> None:
        """Remember the contracts behind alerts."""
        ...

    def flagged(self, *, outcome: str | None = None) -> list[Flagged]:
        """The contracts behind alerts, oldest session first."""
        ...

    def decide(self, flagged: Iterable[Flagged]) -> None:
        """Keep what became of flagged contracts."""
        ...

    def silences(self) -> list[Silence]:
        """What is silenced, or once was."""
        ...

    def queue(self, letters: Iterable[Letter], most_an_hour: dict[str, int] | None = None) -> None:
        """Keep messages to be sent, once each."""
        ...

    def standing(self, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Some alerts as they stand now, by id; without those that there are none of."""
        ...

    def confirm(self, confirmed: Iterable[tuple[Alert, str]], seen_at: datetime) -> None:
        """Keep what the open interest said at a moment about alerts, each with what happened to it."""
        ...


class Keeper(Protocol):
    """Who opens it."""

    def write(self) -> AbstractContextManager[Kept]:
        """All of it, to read and to write: kept as a whole at the end, or not at all. Raises StoreError."""
        ...

    def settled(self, write: Callable[[Kept], T]) -> T:
        """The same with what is written in it, which is done again where the connection to it is lost."""
        ...
