"""Fitted models below a prefix in a bucket, so that what one machine has fitted no other one fits again.

They are known by what they were fitted from, and put where none is. Nothing waits for them and nothing fails with
them: a model that cannot be had is fitted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from scanner.errors import StoreError
from scanner.store.model_files import LARGEST, SUFFIX
from scanner.store.objects import Objects, RefusedError, Version

log = logging.getLogger(__name__)

_FOLDER = "models/"
_NAME = re.compile(rf"[0-9a-f]{{32}}{re.escape(SUFFIX)}")
# Those below the prefix: of so many newest sessions and sets of names of all machines.
MOST_SHARED = 64


class SharedModels:
    """The models below a prefix, as the last listing had them, and those of this process that are to be put there."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._there: dict[str, Version] = {}
        self._waiting: dict[str, Path] = {}
        # What is to be put over: versions that were found to be no models.
        self._doubtful: dict[str, str] = {}

    def listed(self, objects: Mapping[str, Version]) -> None:
        """What is below the prefix now."""
        models = ((key.removeprefix(_FOLDER), version) for key, version in objects.items() if key.startswith(_FOLDER))
        self._there = {name: version for name, version in models if _NAME.fullmatch(name)}

    def take(self, name: str) -> bytes | None:
        """The file of that name; None where there is none to be had."""
        version = self._there.get(name)
        if version is None or version.size > LARGEST:
            return None
        try:
            found = self._objects.read(_FOLDER + name)
        except StoreError as error:
            log.info("%s; the model is fitted here", error)
            return None
        return None if found is None else found[0]

    def doubt(self, name: str, why: str) -> None:
        """What was taken is no model: it is said, and what is fitted here is put in its place."""
        log.warning("%s/%s%s is left out: %s; fitted here", self._objects.place, _FOLDER, name, why)
        version = self._there.pop(name, None)
        if version is not None:
            self._doubtful[name] = version.tag

    def offer(self, path: Path) -> None:
        """Have a file put below the prefix with the next writing."""
        if _NAME.fullmatch(path.name) and path.name not in self._there:
            self._waiting[path.name] = path

    def send(self) -> None:
        """Put what is to be put, and let go of the oldest."""
        for name, path in list(self._waiting.items()):
            try:
                content = path.read_bytes()
                self._there[name] = self._objects.write(_FOLDER + name, content, self._doubtful.get(name))
            except RefusedError:
                log.debug("%s: another machine was sooner", name)
            except (StoreError, OSError) as error:
                log.debug("%s is not shared: %s", name, error)
                return
            del self._waiting[name]
            self._doubtful.pop(name, None)
            self._let_go()

    def _let_go(self) -> None:
        by_age = sorted(self._there, key=lambda name: (self._there[name].written, name))
        for name in by_age[:-MOST_SHARED]:
            try:
                self._objects.delete(_FOLDER + name)
            except StoreError as error:
                log.debug("%s stays: %s", name, error)
                return
            del self._there[name]
