"""One folder that holds everything a scanner remembers of the market."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from types import TracebackType

from scanner.errors import StoreError
from scanner.store.derive import Derived, Deriver, Summarise, raw_summary
from scanner.store.files import unwritable, write_atomically
from scanner.store.history import History
from scanner.store.snapshots import Snapshots
from scanner.store.summaries import Summaries

LAYOUT = 1
DEFAULT_DEPTH = 60


class Store:
    """Snapshots, the summaries derived from them, and the history over those. Open it with :meth:`open`."""

    def __init__(self, path: Path, *, read_only: bool, summarise: Summarise, calculation_version: str) -> None:
        self.path = path
        self.read_only = read_only
        self.snapshots = Snapshots(path / "snapshots")
        self.summaries = Summaries(path / "summaries")
        self.history = History(self.summaries)
        self._deriver = Deriver(
            self.snapshots, self.summaries, self.history, summarise, calculation_version, DEFAULT_DEPTH
        )

    @classmethod
    def open(
        cls,
        path: Path,
        read_only: bool = False,
        summarise: Summarise = raw_summary,
        calculation_version: str = "raw",
    ) -> Store:
        """Open a store, making the folder where it is new.

        ``summarise`` computes what needs pricing and ``calculation_version`` names how; without them summaries hold
        volume, open interest and mids alone. Raises StoreError where the folder cannot be used.
        """
        path = Path(path).expanduser()
        marker = path / "store.json"
        if marker.exists():
            _check_layout(marker)
        elif read_only:
            raise StoreError(
                f"no store at {path}; `scanner import` or `scanner scan` makes one, or name it with --store"
            )
        elif path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file, not a folder; name a folder with --store DIR")
        else:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise unwritable(path, error) from error
            write_atomically(marker, lambda handle: handle.write(json.dumps({"layout": LAYOUT}).encode()))
        return cls(path, read_only=read_only, summarise=summarise, calculation_version=calculation_version)

    def derive_from(
        self,
        source: str,
        first: dict[str, date],
        on_session: Callable[[Derived], object] = lambda derived: None,
    ) -> list[Derived]:
        """Derive anew, in session order, each underlying from a session on; ``first`` says from which one."""
        done = []
        for session in self.snapshots.sessions(source):
            names: Iterable[str] = [name for name, start in first.items() if session >= start]
            for derived in self._deriver.derive(source, session, names):
                on_session(derived)
                done.append(derived)
        return done

    def close(self) -> None:
        """Let go of everything held."""

    def __enter__(self) -> Store:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def _check_layout(marker: Path) -> None:
    try:
        layout = json.loads(marker.read_text())["layout"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{marker} cannot be read ({error}); is {marker.parent} a store of this program?") from error
    if layout != LAYOUT:
        raise StoreError(f"{marker.parent} has layout {layout}, this version knows {LAYOUT}; use a newer scanner")
