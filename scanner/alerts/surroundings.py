"""The market around a finding: the row of the metric frame it came from, its underlying, and its chain's quote time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.alerts.model import plain
from scanner.fields import SCOPES
from scanner.kernels.columns import among

Frames = Mapping[str, pl.DataFrame]
Row = Mapping[str, Any]


class Surroundings:
    """Rows of the metric frames by key; only those that some finding needs are ever turned into dicts."""

    def __init__(self, findings: pl.DataFrame, frames: Frames) -> None:
        names = findings["underlying"].drop_nulls().unique()
        by_scope = findings.partition_by("scope", as_dict=True)
        self._rows = {
            scope: _rows(found, scope, frames[scope]) for (scope,), found in by_scope.items() if scope in frames
        }
        self._underlyings = _by_underlying(frames.get("underlying"), names)
        contracts = frames.get("contract")
        self._quotes: dict[str | None, dict[str, Any]] = {}
        self._drivers: dict[str, dict[str, Any]] = {}
        if contracts is not None and not contracts.is_empty():
            rows = np.flatnonzero(among(contracts["underlying"], names))
            self._quotes = _quotes(contracts, rows)
            self._drivers = _drivers(findings, contracts, rows)

    def row(self, finding: Row, evidence: Row) -> Row:
        """The frame's row behind a finding; empty where the frame has none."""
        key = tuple(_first(finding.get(name), evidence.get(name)) for name in SCOPES[finding["scope"]].keys)
        return self._rows.get(finding["scope"], {}).get(key, {})

    def underlying(self, name: str | None) -> Row:
        """The underlying-scope row of a name."""
        return self._underlyings.get(name, {})

    def drivers(self, finding: Row) -> list[Row]:
        """The contract-scope rows of the contracts that drove a finding, strongest first."""
        return [self._drivers[name] for name in finding["drivers"] or () if name in self._drivers]

    def quotes(self, name: str | None) -> Row:
        """``quote_time``, ``oi_asof``, ``source`` and ``baseline_kind`` of a name's chain."""
        return self._quotes.get(name, {})


def evidence_of(finding: Row, first: tuple[str, ...]) -> dict[str, Any]:
    """A finding's evidence as plain values: the fields named first in their order, then what else has a value.

    Findings of all rules share one struct, so that a null of a field the rule does not name belongs to another rule.
    """
    value = finding["evidence"]
    given: dict[str, Any] = plain(json.loads(value) if isinstance(value, str) else value or {})
    named = {name: given[name] for name in first if name in given}
    return named | {name: item for name, item in given.items() if name not in named and item is not None}


def _rows(findings: pl.DataFrame, scope: str, frame: pl.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The frame's rows that findings of its scope may be of, by key."""
    keys = SCOPES[scope].keys
    if not set(keys) <= set(frame.columns):
        return {}
    shared = [name for name in keys if name in findings.columns and findings[name].null_count() == 0]
    wanted = findings.select(pl.col(name).cast(frame.schema[name]) for name in shared)
    found = frame[_matching(frame, wanted, shared)] if shared else frame
    return {tuple(row[name] for name in keys): row for row in found.iter_rows(named=True)}


def _matching(frame: pl.DataFrame, wanted: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """The numbers of the rows that have one of the wanted keys: of a frame of many columns few rows are looked at."""
    rows = np.arange(frame.height)
    if "underlying" in wanted.columns:
        rows = np.flatnonzero(among(frame["underlying"], wanted["underlying"]))
    near = frame[list(keys)][rows].hstack([pl.Series("_row", rows)])
    return near.join(wanted, on=keys, how="semi")["_row"]


def _by_underlying(frame: pl.DataFrame | None, names: pl.Series) -> dict[str | None, dict[str, Any]]:
    if frame is None or frame.is_empty():
        return {}
    found = frame.filter(pl.col("underlying").is_in(names.implode()))
    return {row["underlying"]: row for row in found.iter_rows(named=True)}


def _drivers(findings: pl.DataFrame, contracts: pl.DataFrame, rows: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """The named contracts among some rows."""
    named = findings["drivers"].explode().drop_nulls().unique()
    found = contracts["contract"][rows].is_in(named.implode())
    return {row["contract"]: row for row in contracts[rows[found.to_numpy()]].iter_rows(named=True)}


def _quotes(contracts: pl.DataFrame, rows: NDArray[np.int64]) -> dict[str | None, dict[str, Any]]:
    """What some rows tell of their names' chains."""
    newest = [name for name in ("quote_time", "oi_asof", "source") if name in contracts.columns]
    kind = [name for name in ("baseline_kind",) if name in contracts.columns]
    of_names = contracts["underlying", *newest, *kind][rows]
    # "own" sorts before "prior": a chain is measured by its own history as soon as one of its contracts is.
    found = of_names.group_by("underlying").agg(pl.col(newest).max(), pl.col(kind).min())
    return {row["underlying"]: row for row in found.iter_rows(named=True)}


def _first(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
