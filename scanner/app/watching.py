"""Files that a running schedule goes by - configuration, rules, events -, and whether any of them has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import shipped

if TYPE_CHECKING:
    from scanner.config import Settings

_Stamp = tuple[int, int]


def files_of(settings: Settings, configuration: Path | None) -> list[Path]:
    """The files and folders that a configuration names, itself first; those that ship with the program never change."""
    from scanner import config

    own = config.find(configuration)
    named = [own] if own != shipped.default_config() else []
    return [*named, *settings.rules, *(place for place in (settings.events, settings.pricing.curve) if place)]


class Watched:
    """Some files and folders, and when they were last written."""

    def __init__(self, places: Iterable[Path]) -> None:
        self._places = list(places)
        self._stamps = self._look()

    def have_changed(self) -> bool:
        """Whether anything was written, added or taken away since this was last asked."""
        before, self._stamps = self._stamps, self._look()
        return self._stamps != before

    def _look(self) -> dict[Path, _Stamp]:
        return {path: stamp for place in self._places for path, stamp in _stamps(place)}


def _stamps(place: Path) -> Iterator[tuple[Path, _Stamp]]:
    try:
        inside = sorted(place.rglob("*.y*ml")) if place.is_dir() else [place]
        for path in inside:
            status = path.stat()
            yield path, (status.st_mtime_ns, status.st_size)
    except OSError:
        # Gone, or about to be put in place: to be seen as soon as it is there again.
        return
