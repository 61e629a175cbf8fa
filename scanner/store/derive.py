"""From stored snapshots to session summaries: judged, nulled where not trusted, and summarised, in session order."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from scanner import quality
from scanner.errors import StoreError
from scanner.market.calendar import Calendar
from scanner.market.corporate_actions import Actions
from scanner.store.history import History
from scanner.store.snapshots import Pulled, Snapshots, StoredChain
from scanner.store.summaries import CONTRACT_ROWS, VERDICT, Summaries

log = logging.getLogger(__name__)

# Contract rows (contract columns and volume, open_interest, iv, delta, mid) and underlying rows (metrics) of a chain,
# from it, the known events and the calendar.
Summarise = Callable[[pl.DataFrame, pl.DataFrame, Calendar], tuple[pl.DataFrame, pl.DataFrame]]

# A session whose last quotes are older than this before its close has no closing volume.
CLOSE_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Derived:
    """What became of one session of one underlying: the verdicts on it, and whether it reached the close.

    ``moments`` are those of the quotes of each part its newest chain came in.
    """

    source: str
    session_date: date
    underlying: str
    rows: int
    final: bool
    verdicts: pl.DataFrame
    moments: tuple[datetime, ...] = ()


def raw_summary(chain: pl.DataFrame, known: pl.DataFrame, calendar: Calendar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The summary that needs no pricing: volume, open interest and mid of each contract; no metrics."""
    del known, calendar
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
    actions: Actions
    events: pl.DataFrame
    calendar: Calendar

    def derive(self, source: str, session: date, underlyings: Iterable[str]) -> list[Derived]:
        """Judge and summarise one session of some underlyings, from the newest quotes each has in the store."""
        listed, chain, earlier = self._newest(source, session, sorted(set(underlyings)))
        if not listed:
            return []
        panel = self.history.recent(source, listed, session)
        verdicts = quality.judge(chain, panel, earlier, now=chain.select(pl.col("quote_time").max()).item())
        trusted, _ = quality.apply(chain, verdicts)
        final = {name: _is_final(pulls[-1], self.calendar) for name, pulls in listed.items()}
        unfinished = [name for name, reached in final.items() if not reached]
        # What had not traded yet when the session was last seen is not the session's volume.
        closing = trusted.with_columns(volume=pl.when(~pl.col("underlying").is_in(unfinished)).then(pl.col("volume")))
        contracts, metrics = self._summarised(source, session, closing)
        before = self._lineages_before(source, session, listed)
        lineages = {
            name: self._lineage(name, session, before.get(name, ""), (item for pull in pulls for item in pull.parts))
            for name, pulls in listed.items()
        }
        rows = _underlying_rows(trusted, verdicts, final, metrics).with_columns(
            lineage=pl.col("underlying").replace_strict(lineages),
            calculation_version=pl.lit(self.calculation_version),
        )
        self.summaries.write(source, session, contracts, rows)
        found = {str(name): part for (name,), part in verdicts.partition_by("underlying", as_dict=True).items()}
        nothing = verdicts.clear()
        rows_of = dict(chain.group_by("underlying").len().iter_rows())
        return [
            Derived(source, session, name, rows_of[name], final[name], found.get(name, nothing), _moments(pulls[-1]))
            for name, pulls in listed.items()
        ]

    def _summarised(self, source: str, session: date, chain: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The summary of a chain; a name that cannot be priced is kept without volatilities, and costs no other."""
        try:
            return self.summarise(chain, self.events, self.calendar)
        except Exception as error:
            names = chain["underlying"].unique().sort().to_list()
            if len(names) == 1:
                log.warning("%s %s %s is kept without volatilities: %r", source, session, names[0], error)
                return raw_summary(chain, self.events, self.calendar)
        parts = [self._summarised(source, session, chain.filter(pl.col("underlying") == name)) for name in names]
        contracts, metrics = zip(*parts, strict=True)
        return pl.concat(contracts), pl.concat(metrics, how="diagonal_relaxed")

    def _newest(
        self, source: str, session: date, names: list[str]
    ) -> tuple[dict[str, list[Pulled]], pl.DataFrame, pl.DataFrame]:
        """What is stored of a session by name, its newest chains and those before them; damaged files are passed by."""
        while True:
            listed = self.snapshots.pulled(source, session, names)
            try:
                chain = self.snapshots.joined(pulls[-1] for pulls in listed.values())
                earlier = self.snapshots.joined(pulls[-2] for pulls in listed.values() if len(pulls) > 1)
            except StoreError:
                # The file is left out of the next listing.
                continue
            return listed, chain, earlier

    def outdated(self, source: str) -> dict[date, list[str]]:
        """The sessions whose summary is missing or not what it would be if it were made now, and of which names."""
        stale: dict[date, list[str]] = {}
        newest: dict[str, str] = {}
        for session in sorted({*self.snapshots.sessions(source), *self.summaries.sessions(source)}):
            held = dict(self.summaries.underlyings(source, session).select("underlying", "lineage").iter_rows())
            listed: dict[str, list[StoredChain]] = {}
            for item in self.snapshots.chains(source, session):
                listed.setdefault(item.underlying, []).append(item)
            # Where the snapshots are pruned, the summary they left is all there is, and stands.
            due = held | {
                name: self._lineage(name, session, newest.get(name, ""), items) for name, items in listed.items()
            }
            names = [name for name in listed if held.get(name) != due[name]]
            if names:
                stale[session] = names
            if self.calendar.is_session(session):
                newest.update(due)
        return stale

    def _lineage(self, name: str, session: date, before: str, chains: Iterable[StoredChain]) -> str:
        """A digest of all that the summary of one session of one underlying is made from."""
        told = self.actions.about(name, session) + self.calendar.told_later(session)
        in_order = sorted(chains, key=lambda item: (item.quote_time, item.scan_id))
        parts = [before, self.calculation_version, told, *(item.fingerprint for item in in_order)]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()

    def _lineages_before(self, source: str, session: date, names: Iterable[str]) -> dict[str, str]:
        """The lineage that each name's newest session before this one has."""
        wanted, found = set(names), dict[str, str]()
        for day in reversed(self.summaries.sessions(source)):
            if wanted and day < session and self.calendar.is_session(day):
                rows = self.summaries.underlyings(source, day, wanted)
                found.update(rows.select("underlying", "lineage").iter_rows())
                wanted -= found.keys()
        return found


def _is_final(pull: Pulled, calendar: Calendar) -> bool:
    session = pull.parts[-1].session_date
    return not calendar.is_session(session) or pull.moment >= calendar.session_close(session) - CLOSE_TOLERANCE


def _moments(pull: Pulled) -> tuple[datetime, ...]:
    return tuple(part.quote_time for part in pull.parts)


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
