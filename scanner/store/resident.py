"""Baselines on disk, so that a scan in a new process need not read sixty sessions again.

A baseline is one folder: the contracts in the order they came, and one file of plain float32 for each session, which
is mapped into memory and read only where a panel looks. A new session adds files; ``state.json`` is renamed into place
last and says which of them count. Everything here is derived: where it does not fit it is left alone and made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scanner.errors import StoreError
from scanner.history.baseline import Baseline, Column
from scanner.history.contract_ids import ContractIndex
from scanner.history.panel import FIELDS
from scanner.store.files import folder_name, write_atomically, write_parquet
from scanner.store.locks import WriteLock

LAYOUT = 1
# Baselines kept of one source, each for another set of names.
MOST_KEPT = 8
Stamps = Mapping[date, tuple[int, int]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Which baseline: of what source and names, how deep, by which calculation and on which basis."""

    source: str
    names: tuple[str, ...] | None
    depth: int
    told: str

    @property
    def folder(self) -> str:
        """A name of its own for each source, set of names and depth."""
        names = "\n".join(self.names) if self.names is not None else "*"
        digest = hashlib.blake2b(f"{self.depth}\n{names}".encode(), digest_size=8).hexdigest()
        return f"{folder_name(self.source)}/{digest}"


class BaselineFiles:
    """The baselines of a store, below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = WriteLock(folder / "lock", patience=0.0)

    def load(self, kept: Kept) -> tuple[Stamps, Baseline] | None:
        """A baseline as it was saved, and the stamps of the sessions in it; None where there is none that fits."""
        folder = self._folder / kept.folder
        try:
            state = json.loads((folder / "state.json").read_text("utf-8"))
            if (state["layout"], state["told"]) != (LAYOUT, kept.told):
                return None
            return _load(folder / state["generation"], state, kept.depth)
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
            log.debug("no baseline taken from %s: %s", folder, error)
            return None

    def save(self, kept: Kept, stamps: Stamps, baseline: Baseline) -> None:
        """Save a baseline, adding to what is there where it only moved on. What cannot be saved is rebuilt later."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock.held():
                _save(self._folder / kept.folder, kept, stamps, baseline)
        except (StoreError, OSError) as error:
            log.debug("baseline not kept: %s", error)


def _load(folder: Path, state: dict[str, Any], depth: int) -> tuple[Stamps, Baseline]:
    parts = [pl.read_parquet(folder / f"contracts-{number}.parquet") for number in range(state["parts"])]
    baseline = Baseline(depth)
    baseline.generation = state["generation"]
    baseline.index = ContractIndex(pl.concat(parts))
    columns, stamps = [], {}
    for text, stamp, contracts in state["sessions"]:
        session = date.fromisoformat(text)
        mapped = np.memmap(folder / f"{text}.f32", np.float32, "r", shape=(len(FIELDS), contracts))
        columns.append(Column(session, np.asarray(mapped)))
        stamps[session] = (stamp[0], stamp[1])
    baseline.columns = tuple(columns)
    baseline.last_listed = np.fromfile(folder / f"{columns[-1].session}.listed", np.int32)
    if len(baseline.last_listed) != len(baseline.index):
        raise ValueError("contracts and sessions do not fit together")
    return stamps, baseline


def _save(folder: Path, kept: Kept, stamps: Stamps, baseline: Baseline) -> None:
    home = folder / baseline.generation
    held = _held(folder, baseline.generation)
    contracts = baseline.index.contracts
    parts, known = held.get("parts", 0), held.get("contracts", 0)
    if known < contracts.height or not parts:
        write_parquet(home / f"contracts-{parts}.parquet", contracts[known:])
        parts += 1
    on_disk = {text for text, _, _ in held.get("sessions", [])}
    for column in baseline.columns:
        if column.session.isoformat() not in on_disk:
            _write(home / f"{column.session}.f32", np.ascontiguousarray(column.values).data)
    _write(home / f"{baseline.columns[-1].session}.listed", baseline.last_listed.data)
    state = {
        "layout": LAYOUT,
        "told": kept.told,
        "generation": baseline.generation,
        "parts": parts,
        "contracts": contracts.height,
        "sessions": [[f"{item.session}", stamps[item.session], item.values.shape[1]] for item in baseline.columns],
    }
    _write(folder / "state.json", json.dumps(state).encode())
    _sweep(folder, baseline)
    _let_go_of_the_oldest(folder.parent)


def _write(path: Path, content: bytes | memoryview) -> None:
    write_atomically(path, lambda handle: handle.write(content))


def _let_go_of_the_oldest(folder: Path) -> None:
    """Keep the baselines of the sets of names that were asked for last."""
    by_age = sorted(folder.glob("*/state.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in by_age[:-MOST_KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)


def _held(folder: Path, generation: str) -> dict[str, Any]:
    """What is on disk of this very baseline; empty where something else is."""
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if state.get("generation") == generation else {}


def _sweep(folder: Path, baseline: Baseline) -> None:
    """Delete what no longer counts. Whoever has it mapped keeps it until they are done."""
    wanted = {f"{column.session}" for column in baseline.columns}
    for path in folder.iterdir():
        if path.is_dir() and path.name != baseline.generation:
            shutil.rmtree(path, ignore_errors=True)
    for path in (folder / baseline.generation).iterdir():
        gone = path.suffix == ".f32" and path.stem not in wanted
        if gone or (path.suffix == ".listed" and path.stem != f"{baseline.columns[-1].session}"):
            with contextlib.suppress(OSError):
                path.unlink()
