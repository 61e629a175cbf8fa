"""Trading halts, filings and headlines of a name since the close before, as far as somebody is asked for them."""

from __future__ import annotations

import polars as pl

_KINDS = {
    "halt": ("halts", "halted_at", "halt_reason"),
    "filing": ("filings", "filed_at", "filing"),
    "headline": ("headlines", "headline_at", "headline"),
}


def measure(told: pl.DataFrame | None, names: pl.Series, asked: frozenset[str]) -> pl.DataFrame:
    """``underlying halts halted_at halt_reason`` and so on: of each kind how many, the newest one, and what it is.

    ``told`` is ``underlying at kind what``, oldest first. A count is null where nobody is ``asked`` for that kind.
    """
    rows = pl.DataFrame({"underlying": names})
    news = told if told is not None else _nothing()
    for kind, (count, at, what) in _KINDS.items():
        of_kind = news.filter(pl.col("kind") == kind).group_by("underlying", maintain_order=True)
        found = of_kind.agg(pl.len().cast(pl.Int64).alias(count), pl.last("at").alias(at), pl.last("what").alias(what))
        rows = rows.join(found, on="underlying", how="left", maintain_order="left")
        if kind in asked:
            rows = rows.with_columns(pl.col(count).fill_null(0))
    return rows


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"underlying": pl.String, "at": pl.Datetime("us", "UTC"), "kind": pl.String, "what": pl.String}
    )
