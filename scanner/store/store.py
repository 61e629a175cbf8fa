"""One folder that holds everything a scanner remembers of the market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from scanner.errors import StoreChangedError, StoreError
from scanner.market import corporate_events
from scanner.market.calendar import Calendar
from scanner.market.corporate_actions import Actions, Rename, read_renames
from scanner.metrics.summary import CALCULATION_VERSION, Summary
from scanner.object_prefix import ObjectPrefix
from scanner.pricing import Pricing
from scanner.store import checked, layout
from scanner.store.checked import Checked
from scanner.store.closes import FILE_NAME as CLOSES_FILE
from scanner.store.closes import KeptCloses
from scanner.store.derive import Derived, Deriver, Made
from scanner.store.files import folder_name, unwritable, write_atomically
from scanner.store.history import History
from scanner.store.locks import WriteLock
from scanner.store.models import Models
from scanner.store.resident import BaselineFiles
from scanner.store.snapshots import Snapshots
from scanner.store.spellings import Spellings
from scanner.store.stock_prints import StockPrints
from scanner.store.summaries import Summaries
from scanner.store.tapes import Tapes
from scanner.store.told import ToldOf

if TYPE_CHECKING:
    from scanner.store.mirror import Mirror

T = TypeVar("T")
# Makes the summaries of some sessions and names of a source, in session order; None where the store is to make them.
Maker = Callable[[str, Mapping[date, list[str]]], Iterator[Made] | None]

# Tables that `scanner import` keeps in the store, so that every later panel knows of them.
EVENTS_FILE = "events.csv"
RENAMES_FILE = "renames.csv"
BASELINES_FOLDER = "baselines"
MODELS_FOLDER = "models"
CHECKED_FOLDER = "checked"
SPELLINGS_FILE = "spellings.json"
# Seconds a writer waits for another one. A scan's write takes well under a second; an import may take minutes.
LOCK_PATIENCE = 10.0
# How often a writer begins again where other machines write the same; of those that write at once one comes through.
_MOST_ATTEMPTS = 32


class Store:
    """Snapshots, the summaries derived from them, and the history over those. Open it with :meth:`open`."""

    def __init__(
        self,
        place: Path | ObjectPrefix,
        path: Path,
        mirror: Mirror | None,
        *,
        calendar: Calendar,
        read_only: bool,
        pricing: Pricing,
        calculation_version: str,
        told: pl.DataFrame,
    ) -> None:
        self.place = place
        self.path = path
        self.mirror = mirror
        self.calendar = calendar
        self.read_only = read_only
        self.snapshots = Snapshots(path / "snapshots")
        self.summaries = Summaries(path / "summaries")
        self.tapes = Tapes(path / "tapes")
        self.stock_prints = StockPrints(path / "stock_prints")
        self.spellings = Spellings(path / SPELLINGS_FILE, self.snapshots, read_only=read_only)
        shared = None if mirror is None else mirror.models
        self.models = Models(path / MODELS_FOLDER, read_only=read_only, shared=shared)
        self.closes = KeptCloses(path / CLOSES_FILE)
        self.told_of = ToldOf(path)
        self._checked = Checked(path / CHECKED_FOLDER, read_only=read_only)
        self.pricing = pricing
        self._version = calculation_version
        self._told = told
        self._lock = WriteLock(path / "lock", LOCK_PATIENCE)
        self._act_on_events()

    @classmethod
    def open(
        cls,
        place: Path | ObjectPrefix,
        read_only: bool = False,
        pricing: Pricing | None = None,
        calculation_version: str = CALCULATION_VERSION,
        told: pl.DataFrame | None = None,
        *,
        calendar: Calendar,
    ) -> Store:
        """Open a store, making it where it is new: a folder, or a prefix in a bucket, which a folder mirrors.

        ``calendar`` is the one that all in it is judged by. ``pricing`` is how chains are priced where sessions are
        summarised anew (default: by the built-in curve), and ``calculation_version`` names the calculation. ``told`` is
        a table of events that others keep (the configuration's file), known beside the store's own; of two that name
        the same event its word counts. Raises StoreError where the folder cannot be used.
        """
        path, mirror = layout.taken(place, read_only=read_only)
        return cls(
            place,
            path,
            mirror,
            calendar=calendar,
            read_only=read_only,
            pricing=Pricing() if pricing is None else pricing,
            calculation_version=calculation_version,
            told=corporate_events.empty() if told is None else told,
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer of this machine; what was written is below the prefix in the bucket when it is over.

        Raises StoreLockedError that names the other one, StoreError where it is read-only or cannot be sent,
        StoreChangedError where another machine has written the same: :meth:`settled` does it again.
        """
        if self.read_only:
            raise StoreError(f"{self.place} was opened for reading only")
        with self._lock.held():
            yield
            if self.mirror is not None and self._lock.is_outermost:
                self.mirror.send()

    def settled(self, write: Callable[[], T]) -> T:
        """Write as the only writer, and again, over what another machine has written meanwhile, until it stands.

        What is done again adds to what is there; of so many writers as there are one comes through each time.
        """
        for _ in range(_MOST_ATTEMPTS - 1):
            with suppress(StoreChangedError), self.writing():
                return write()
        with self.writing():
            return write()

    @property
    def events(self) -> pl.DataFrame:
        """The events the store keeps, splits that companions announced, and what it was told of when it was opened."""
        return corporate_events.merged([self.told_of.splits(), self.kept_events, self._told])

    @property
    def kept_events(self) -> pl.DataFrame:
        """The table of events the store keeps; empty where it was never given one."""
        table = self.path / EVENTS_FILE
        return corporate_events.read(table).frame if table.exists() else corporate_events.empty()

    def keep_events(self, table: pl.DataFrame) -> None:
        """Put a table of events in place of the store's; splits among them apply to every panel from now on."""
        write_atomically(self.path / EVENTS_FILE, table.write_csv)
        self._act_on_events()

    def keep_closes(self, table: pl.DataFrame) -> None:
        """Add daily closes to those the store keeps. Raises StoreError where they cannot be read or written."""
        self.settled(lambda: self.closes.keep(table, self.events))

    def keep_announcements(self, told: pl.DataFrame, covered: Iterable[tuple[str, date]], source: str) -> None:
        """Put what a source announces of some kinds and days in the place of what it announced of them before."""
        covered = list(covered)

        def keep() -> None:
            before = self.told_of.splits()
            self.told_of.keep_events(told, covered, source)
            if not self.told_of.splits().equals(before):
                self._act_on_events()

        self.settled(keep)

    def keep_news(self, told: pl.DataFrame) -> None:
        """Add halts, filings and headlines to those the store keeps."""
        self.settled(lambda: self.told_of.keep_news(told))

    def keep_off_exchange(self, told: pl.DataFrame) -> None:
        """Add what was reported off the exchanges, by day."""
        self.settled(lambda: self.told_of.keep_off_exchange(told))

    def keep_weeks(self, told: pl.DataFrame) -> None:
        """Add what traded on alternative trading systems, by week."""
        self.settled(lambda: self.told_of.keep_weeks(told))

    def keep_renames(self, renames: tuple[Rename, ...]) -> None:
        """Put renames in place of the store's; they apply to every panel from now on."""
        lines = ["old,new,date", *(f"{item.old},{item.new},{item.effective}" for item in renames)]
        write_atomically(self.path / RENAMES_FILE, lambda handle: handle.write("\n".join(lines).encode() + b"\n"))
        self._act_on_events()

    def _act_on_events(self) -> None:
        renames = self.path / RENAMES_FILE
        known = self.events
        actions = Actions.of(known, read_renames(renames) if renames.exists() else ())
        files = None if self.read_only else BaselineFiles(self.path / BASELINES_FOLDER)
        history = History(self.summaries, self._version, actions, self.calendar, files)
        history.carry_on(getattr(self, "history", None))
        self.history = history
        kept = (self.snapshots, self.summaries, self.history)
        self._deriver = Deriver(*kept, self.pricing, self._version, actions, known, self.calendar)

    def outdated(self, before: date | None = None) -> dict[str, dict[date, list[str]]]:
        """What is not summarised as it would be now, by source and session, of the sessions before a day (or all).

        So it is after scans that did not see the close, after a killed one, and after an import of something older.
        """
        found = {source: self._outdated(source, before) for source in self.snapshots.sources()}
        return {source: stale for source, stale in found.items() if stale}

    def _outdated(self, source: str, before: date | None) -> dict[date, list[str]]:
        """What is outdated of a source; where nothing was and nothing has changed, that is known without looking."""
        folders = [kept.folder / folder_name(source) for kept in (self.snapshots, self.summaries)]
        digest = checked.digest(folders, before, *self._deriver.told)
        if self._checked.stands(source, digest):
            return {}
        stale = self._deriver.outdated(source, before)
        if not stale:
            self._checked.keep(source, digest)
        return stale

    def lineages(self, source: str, session: date, names: Iterable[str]) -> dict[str, str]:
        """A digest, for each name, of all that is stored which a summary of its session would be made from."""
        return self._deriver.lineages(source, session, names)

    def keep_measured(self, chain: pl.DataFrame, measured: Summary) -> None:
        """Write what a scan measured of chains that are stored, of one source and session, where the close was seen."""
        with self.writing():
            self._deriver.keep(chain, measured)

    def catch_up(
        self,
        plan: Mapping[str, Mapping[date, list[str]]] | None = None,
        on_session: Callable[[Derived], object] = lambda derived: None,
        maker: Maker | None = None,
    ) -> list[Derived]:
        """Summarise what is outdated (or the plan that :meth:`outdated` gave), each source in session order.

        ``maker`` makes the summaries (default: this process, one session after the other); here they are written.
        """
        done: dict[tuple[str, date, str], Derived] = {}
        left = plan

        def derive() -> None:
            nonlocal left
            planned, left = self.outdated() if left is None else left, None
            for source, stale in planned.items():
                elsewhere = None if maker is None else maker(source, stale)
                for made in self._made_here(source, stale) if elsewhere is None else elsewhere:
                    for derived in self._deriver.put(source, made):
                        if (key := (source, made.session, derived.underlying)) not in done:
                            on_session(derived)
                        done[key] = derived

        self.settled(derive)
        return list(done.values())

    def _made_here(self, source: str, stale: Mapping[date, list[str]]) -> Iterator[Made]:
        """The summaries of sessions, each made once the one before it is written."""
        for session, names in stale.items():
            made = self._deriver.make(source, session, names)
            if made is not None:
                yield made

    def made(
        self, source: str, session: date, names: Iterable[str], since: date, before: Mapping[date, Summary]
    ) -> Made | None:
        """The summary of one session of some names, for whoever writes it; None where nothing is stored of them.

        ``before`` are sessions of these names that were made and may not be written yet, ``since`` is what
        :meth:`compared_since` tells of all names that are judged in the session.
        """
        return self._deriver.after(source, before).make(source, session, names, since)

    def families(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """Names by whose history is whose, as the renames that the store knows have it."""
        return self._deriver.actions.families(names)

    def compared_since(
        self, source: str, names: Iterable[str], session: date, planned: Mapping[date, Iterable[str]]
    ) -> date:
        """The oldest session that the chains of a session are compared with, once what is planned is summarised."""
        return self.history.compared_since(source, names, session, planned)

    def remove(self, path: Path) -> None:
        """Delete one of the store's files, below the prefix in the bucket too. Raises StoreError."""
        if self.mirror is not None:
            self.mirror.delete(path)
        try:
            path.unlink(missing_ok=self.mirror is not None)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        except OSError as error:
            raise unwritable(path, error) from error
