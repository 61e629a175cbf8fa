"""Fitted volume models, kept so that the second scan of a session need not fit again.

A model is learnt from a panel and the events beside it; the same two always give the same model. What was learnt is
kept on disk as plain arrays, exactly, so that nothing a scan says depends on whether it was kept; what is laid out
around it is kept in memory for the next scan of a schedule. Everything here is derived: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner import activity
from scanner.activity import VolumeModel, prior, ranking
from scanner.activity.history import Layout
from scanner.activity.ranking.past import Past
from scanner.errors import StoreError
from scanner.history.panel import Panel
from scanner.store.files import write_atomically

# Models kept on disk: those of the newest session for some sets of names.
MOST_KEPT = 8

log = logging.getLogger(__name__)


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

    A ``read_only`` store lends what it has and keeps nothing.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only

    def fit(self, panel: Panel, events: pl.DataFrame | None = None, last: LastModel | None = None) -> VolumeModel:
        """The model for the session after a panel, as :func:`scanner.activity.fit` makes it.

        ``last`` is held by whoever scans again and again: a model in it is not even read.
        """
        if self._folder is None or not panel.fingerprint:
            return activity.fit(panel, events)
        path = self._folder / f"{_name(panel, events)}.npz"
        last = LastModel() if last is None else last
        return last.take(path, lambda: self._load(path, panel, events) or self._fitted(path, panel, events))

    def _load(self, path: Path, panel: Panel, events: pl.DataFrame | None) -> VolumeModel | None:
        """The model in a file; None where there is none that can be read."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            learned, base = prior.learned_from(arrays)
            past = Past.from_arrays(arrays)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.debug("no model taken from %s: %s", path, error)
            return None
        return VolumeModel.over(Layout.of(panel, events), learned, "own", base, past)

    def _fitted(self, path: Path, panel: Panel, events: pl.DataFrame | None) -> VolumeModel:
        model = activity.fit(panel, events)
        if model.past is not None and not self._read_only:
            try:
                _save(path, prior.arrays_of(model.learned, model.base) | model.past.arrays())
            except (StoreError, OSError) as error:
                log.debug("model not kept: %s", error)
        return model


def _save(path: Path, values: dict[str, NDArray[Any]]) -> None:
    built = io.BytesIO()
    np.savez_compressed(built, allow_pickle=False, **values)
    write_atomically(path, lambda handle: handle.write(built.getbuffer()))
    by_age = sorted(path.parent.glob("*.npz"), key=lambda kept: kept.stat().st_mtime_ns)
    for old in by_age[:-MOST_KEPT]:
        old.unlink(missing_ok=True)


def _name(panel: Panel, events: pl.DataFrame | None) -> str:
    """A name that changes with anything a model is made from: the panel, the events, and how models are made."""
    told = "" if events is None else events.write_csv()
    parts = "\x1f".join((panel.fingerprint, told, _making()))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


@cache
def _making() -> str:
    """What stands for the way models are made: the modules that make them, and the model that came with the package."""
    digest = hashlib.blake2b(digest_size=16)
    for package in (activity, ranking):
        for item in sorted(resources.files(package).iterdir(), key=lambda item: item.name):
            if item.name.endswith((".py", ".npz")):
                digest.update(item.read_bytes())
    return digest.hexdigest()
