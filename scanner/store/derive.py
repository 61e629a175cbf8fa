"""From stored snapshots to session summaries: judged, nulled where not trusted, and summarised, in session order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from scanner import quality, sessions
from scanner.panel import Panel
from scanner.store.history import History
from scanner.store.snapshots import Snapshots, StoredChain
from scanner.store.summaries import CONTRACT_ROWS, VERDICT, Summaries

# Contract rows (contract columns and volume, open_interest, iv, delta, mid) and underlying rows (metrics) of a chain.
Summarise = Callable[[pl.DataFrame, Panel], tuple[pl.DataFrame, pl.DataFrame]]

# A session whose last quotes are older than this before its close has no closing volume.
CLOSE_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Derived:
    """What became of one session of one underlying: the verdicts on it, and whether it reached the close."""

    source: str
    session_date: date
    underlying: str
    rows: int
    final: bool
    verdicts: pl.DataFrame


def raw_summary(chain: pl.DataFrame, panel: Panel) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The summary that needs no pricing: volume, open interest and mid of each contract; no metrics."""
    del panel
    both = pl.col("bid").is_not_null() & (pl.col("ask") > 0) & (pl.col("ask") >= pl.col("bid"))
    contracts = chain.with_columns(
        iv=pl.lit(None, pl.Float64),
        delta=pl.lit(None, pl.Float64),
        mid=pl.when(both).then((pl.col("bid") + pl.col("ask")) / 2),
    ).select(CONTRACT_ROWS.names())
    return contracts, chain.select(pl.col("underlying").unique(maintain_order=True))


@dataclass(frozen=True)
class Deriver:
    """Makes the summaries of a store from its snapshots."""

    snapshots: Snapshots
    summaries: Summaries
    history: History
    summarise: Summarise
    calculation_version: str
    depth: int

    def derive(self, source: str, session: date, underlyings: Iterable[str]) -> list[Derived]:
        """Judge and summarise one session of some underlyings, from the newest quotes each has in the store."""
        names = sorted(set(underlyings))
        listed: dict[str, list[StoredChain]] = {}
        for item in self.snapshots.chains(source, session, names):
            listed.setdefault(item.underlying, []).append(item)
        if not listed:
            return []
        chain = self.snapshots.load([items[-1] for items in listed.values()])
        earlier = self.snapshots.load([items[-2] for items in listed.values() if len(items) > 1])
        panel = self.history.panel(source, listed, session, self.depth)
        verdicts = quality.judge(chain, panel, earlier, now=chain.select(pl.col("quote_time").max()).item())
        trusted, _ = quality.apply(chain, verdicts)
        final = {name: _is_final(items[-1]) for name, items in listed.items()}
        unfinished = [name for name, reached in final.items() if not reached]
        contracts, metrics = self.summarise(trusted, panel)
        contracts = contracts.with_columns(
            volume=pl.when(~pl.col("underlying").is_in(unfinished)).then(pl.col("volume"))
        )
        rows = _underlying_rows(trusted, verdicts, final, metrics).with_columns(
            inputs=pl.col("underlying").replace_strict({name: inputs(items) for name, items in listed.items()}),
            calculation_version=pl.lit(self.calculation_version),
        )
        self.summaries.write(source, session, contracts, rows)
        return [
            Derived(source, session, name, items[-1].rows, final[name], verdicts.filter(pl.col("underlying") == name))
            for name, items in listed.items()
        ]


def inputs(chains: Iterable[StoredChain]) -> str:
    """A digest of the stored chains one session of one underlying was summarised from."""
    return hashlib.blake2b("".join(item.fingerprint for item in chains).encode(), digest_size=8).hexdigest()


def _is_final(chain: StoredChain) -> bool:
    if not sessions.is_session(chain.session_date):
        return True
    return chain.quote_time >= sessions.session_close(chain.session_date) - CLOSE_TOLERANCE


def _underlying_rows(
    chain: pl.DataFrame, verdicts: pl.DataFrame, final: dict[str, bool], metrics: pl.DataFrame
) -> pl.DataFrame:
    rows = chain.group_by("underlying").agg(
        pl.col("session_date", "simulated").first(),
        pl.col("spot").drop_nulls().first(),
        pl.col("oi_asof").max(),
        pl.col("quote_time").max(),
    )
    judged = verdicts.group_by("underlying").agg(verdicts=pl.struct("check", "switches_off", "reason", "detail"))
    judged = judged.with_columns(pl.col("verdicts").cast(pl.List(VERDICT)))
    rows = rows.join(judged, on="underlying", how="left").with_columns(
        pl.col("verdicts").fill_null(pl.lit([], dtype=pl.List(VERDICT))),
        final=pl.col("underlying").replace_strict(final, return_dtype=pl.Boolean),
    )
    return rows.join(metrics.select("underlying", pl.exclude(rows.columns)), on="underlying", how="left")
