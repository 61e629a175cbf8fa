"""Fitted volume models, kept so that the second scan of a session need not fit again.

A model is learnt from a panel and the events beside it; the same two always give the same model. What was learnt is
kept on disk as plain arrays, exactly, so that nothing a scan says depends on whether it was kept, nor, where a store is
shared, by which machine; what is laid out around it is kept in memory for the next scan of a schedule. Everything here
is derived: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import polars as pl

from scanner import activity
from scanner.activity import VolumeModel, prior, ranking
from scanner.activity.history import Layout
from scanner.activity.ranking.past import Past
from scanner.errors import StoreError
from scanner.history.panel import Panel
from scanner.kernels.computing import computed_with
from scanner.store.files import write_atomically
from scanner.store.model_files import SUFFIX, DoubtfulError, packed, unpacked

# Models kept on disk: those of the newest session for some sets of names.
MOST_KEPT = 8

log = logging.getLogger(__name__)


class Shared(Protocol):
    """Models that several machines share, by the names of their files."""

    def take(self, name: str) -> bytes | None:
        """The file of that name; None where there is none to be had."""
        ...

    def doubt(self, name: str, why: str) -> None:
        """What was taken is no such model."""
        ...

    def offer(self, path: Path) -> None:
        """Give a file to the others, some time."""
        ...


class LastModel:
    """The model used last, under the name of its file: what a schedule hands from one scan to the next."""

    def __init__(self) -> None:
        self._used: tuple[Path, VolumeModel] | None = None

    def take(self, path: Path, make: Callable[[], VolumeModel]) -> VolumeModel:
        """The model of a file: the last one where it is that, else the one made now, which is the last from here on."""
        if self._used is None or self._used[0] != path:
            self._used = path, make()
        return self._used[1]


class Models:
    """The models of a store, in ``folder``; without a folder, or of a panel that has no fingerprint, nothing is kept.

    A ``read_only`` store lends what it has and keeps nothing. What another machine has ``shared`` is not fitted again.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False, shared: Shared | None = None) -> None:
        self._folder = folder
        self._read_only = read_only
        self._shared = shared

    def fit(self, panel: Panel, events: pl.DataFrame | None = None, last: LastModel | None = None) -> VolumeModel:
        """The model for the session after a panel, as :func:`scanner.activity.fit` makes it.

        ``last`` is held by whoever scans again and again: a model in it is not even read.
        """
        if self._folder is None or not panel.fingerprint:
            return activity.fit(panel, events)
        path = self._folder / f"{_name(panel, events)}{SUFFIX}"
        last = LastModel() if last is None else last

        def make() -> VolumeModel:
            return (
                self._kept(path, panel, events) or self._taken(path, panel, events) or self._fitted(path, panel, events)
            )

        return last.take(path, make)

    def _kept(self, path: Path, panel: Panel, events: pl.DataFrame | None) -> VolumeModel | None:
        """The model in a file; None where there is none that can be read."""
        try:
            return _model(path.read_bytes(), path.stem, panel, events)
        except (OSError, DoubtfulError) as error:
            log.debug("no model taken from %s: %s", path, error)
            return None

    def _taken(self, path: Path, panel: Panel, events: pl.DataFrame | None) -> VolumeModel | None:
        """The model that another machine has fitted, kept here from now on; None where there is none to be had."""
        content = None if self._shared is None else self._shared.take(path.name)
        if content is None or self._shared is None:
            return None
        try:
            model = _model(content, path.stem, panel, events)
        except DoubtfulError as error:
            self._shared.doubt(path.name, str(error))
            return None
        self._keep(path, content)
        return model

    def _fitted(self, path: Path, panel: Panel, events: pl.DataFrame | None) -> VolumeModel:
        model = activity.fit(panel, events)
        if model.past is not None and not self._read_only:
            values = prior.arrays_of(model.learned, model.base) | model.past.arrays()
            if self._keep(path, packed(values, path.stem)) and self._shared is not None:
                self._shared.offer(path)
        return model

    def _keep(self, path: Path, content: bytes) -> bool:
        """Keep a file, and let go of those that were kept longest ago; whether that was possible."""
        if self._read_only:
            return False
        try:
            write_atomically(path, lambda handle: handle.write(content))
            by_age = sorted(path.parent.glob(f"*{SUFFIX}"), key=lambda kept: kept.stat().st_mtime_ns)
            for old in by_age[:-MOST_KEPT]:
                old.unlink(missing_ok=True)
        except (StoreError, OSError) as error:
            log.debug("model not kept: %s", error)
            return False
        return True


def _model(content: bytes, name: str, panel: Panel, events: pl.DataFrame | None) -> VolumeModel:
    """The model of a panel in a file. Raises DoubtfulError where it is anything else."""
    arrays = unpacked(content, name, len(panel.underlyings), len(panel.sessions))
    learned, base = prior.learned_from(arrays)
    return VolumeModel.over(Layout.of(panel, events), learned, "own", base, Past.from_arrays(arrays))


def _name(panel: Panel, events: pl.DataFrame | None) -> str:
    """A name that changes with anything a model is made from: the panel, the events, and how models are made."""
    told = "" if events is None else events.write_csv()
    parts = "\x1f".join((panel.fingerprint, told, _making()))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


@cache
def _making() -> str:
    """What stands for the way models are made: what computes, the modules, and the model that came with the package."""
    digest = hashlib.blake2b(str(computed_with()).encode(), digest_size=16)
    for package in (activity, ranking):
        for item in sorted(resources.files(package).iterdir(), key=lambda item: item.name):
            if item.name.endswith((".py", ".npz")):
                digest.update(item.read_bytes())
    return digest.hexdigest()
