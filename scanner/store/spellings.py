"""One spelling for each name in a store, where vendors write a class share with a mark and without.

Roots have no mark, and no two underlyings share a root: ``XYZ.A`` and ``XYZA`` are one. The best known class shares are
written alike wherever they are read (:mod:`scanner.market.symbology`); of any other only a mark tells that it is one,
and the store keeps to the spelling that it met first.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import polars as pl

from scanner.market.chain import distinct
from scanner.market.symbology import plain_ticker, share_class
from scanner.store.files import write_atomically
from scanner.store.snapshots import Snapshots

log = logging.getLogger(__name__)


class Spellings:
    """The names of a store that have two spellings, in a small file of ``{"XYZA": "XYZ.A"}``."""

    def __init__(self, path: Path, snapshots: Snapshots, *, read_only: bool) -> None:
        self._path, self._snapshots, self._read_only = path, snapshots, read_only

    def of(self, chain: pl.DataFrame) -> pl.DataFrame:
        """A chain frame whose names are spelled as the store knows them. Raises StoreError where it cannot be written.

        A name with a mark that is new to the store is remembered by it.
        """
        given, known = chain["underlying"], self._kept()
        marked = [name for name in distinct(given) if "." in name]
        unmet = [name for name in marked if _is_told_by_its_mark(name) and plain_ticker(name) not in known]
        if unmet:
            known |= {plain_ticker(name): self._first_met(name) for name in unmet}
            if not self._read_only:
                write_atomically(self._path, lambda handle: handle.write(json.dumps(known, indent=1).encode()))
        plain = {name: spelled for name, spelled in known.items() if name != spelled}
        named = {name: known[plain_ticker(name)] for name in marked if plain_ticker(name) in known}
        other = {name: spelled for name, spelled in (plain | named).items() if spelled != name}
        return chain.with_columns(given.replace(other)) if other else chain

    def _kept(self) -> dict[str, str]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read (%s); names are taken as they are spelled", self._path, error)
            return {}
        return {str(plain): str(name) for plain, name in kept.items()} if isinstance(kept, dict) else {}

    def _first_met(self, name: str) -> str:
        """The spelling under which chains of a name are stored already; its own where there are none."""
        kept = self._snapshots
        for source in kept.sources():
            for session in kept.sessions(source):
                for item in kept.chains(source, session, [name]):
                    return item.underlying
        return name


def _is_told_by_its_mark(name: str) -> bool:
    """Whether a name is a class share that is none without its mark."""
    return share_class(name) is not None and share_class(plain_ticker(name)) is None
