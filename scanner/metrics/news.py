"""Trading halts, filings and headlines of a name since the close before, as far as somebody is asked for them."""

from __future__ import annotations

import polars as pl

from scanner.kernels.columns import placed

_KINDS = {
    "halt": ("halts", "halted_at", "halt_reason"),
    "filing": ("filings", "filed_at", "filing"),
    "headline": ("headlines", "headline_at", "headline"),
}
_SCHEMA: dict[str, pl.DataType] = {}
for _count, _at, _what in _KINDS.values():
    _SCHEMA |= {_count: pl.Int64(), _at: pl.Datetime("us", "UTC"), _what: pl.String()}


def measure(told: pl.DataFrame | None, names: pl.Series, asked: frozenset[str]) -> pl.DataFrame:
    """``underlying halts halted_at halt_reason`` and so on: of each kind how many, the newest one, and what it is.

    ``told`` is ``underlying at kind what``, oldest first. A count is null where nobody is ``asked`` for that kind.
    """
    rows = pl.DataFrame({"underlying": names})
    if told is None or told.is_empty():
        counts = [pl.Series(_KINDS[kind][0], [0] * rows.height, dtype=pl.Int64) for kind in _KINDS if kind in asked]
        return placed(rows.hstack(pl.DataFrame(schema=_SCHEMA).clear(rows.height)), counts)
    for kind, (count, at, what) in _KINDS.items():
        of_kind = told.filter(pl.col("kind") == kind).group_by("underlying", maintain_order=True)
        found = of_kind.agg(pl.len().cast(pl.Int64).alias(count), pl.last("at").alias(at), pl.last("what").alias(what))
        rows = rows.join(found, on="underlying", how="left", maintain_order="left")
        if kind in asked:
            rows = rows.with_columns(pl.col(count).fill_null(0))
    return rows
