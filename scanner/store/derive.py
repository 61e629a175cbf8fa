"""From stored snapshots to session summaries, in session order: what imports, rebuilds and catching up do.

The steps are those of a scan, by the same functions: gated (:mod:`scanner.quality`), priced (:mod:`scanner.pricing`)
and summarised (:mod:`scanner.metrics.summary`). All of them lie below the store, and nothing is called back; a scan,
which lies above it, hands in what it has measured already, and that is written where deriving would give just that.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from scanner import quality
from scanner.errors import StoreError
from scanner.market.calendar import Calendar
from scanner.market.corporate_actions import Actions
from scanner.metrics import summary
from scanner.metrics.summary import Summary
from scanner.pricing import PricedChain, Pricing
from scanner.store.ahead import Ahead
from scanner.store.fingerprints import described
from scanner.store.history import History
from scanner.store.snapshots import Pulled, Snapshots, StoredChain
from scanner.store.summaries import Summaries

log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class Made:
    """The summary of one session of some underlyings that is not written yet, and what became of each of them.

    ``left_out`` are snapshot files of that session that turned out to be damaged, by their names.
    """

    session: date
    summary: Summary
    derived: tuple[Derived, ...]
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Deriver:
    """Makes the summaries of a store from its snapshots."""

    snapshots: Snapshots
    summaries: Summaries
    history: History
    pricing: Pricing
    calculation_version: str
    actions: Actions
    events: pl.DataFrame
    calendar: Calendar

    @property
    def told(self) -> tuple[str, ...]:
        """All that summaries are made from beside the store's files."""
        return self.calculation_version, self.calendar.fingerprint, repr(self.actions)

    def make(self, source: str, session: date, underlyings: Iterable[str], since: date | None = None) -> Made | None:
        """Judge and summarise one session of some underlyings, from the newest quotes each has in the store.

        What it gives is to be :meth:`put`; None where nothing is stored of them. ``since`` bounds the sessions that
        the chains are compared with, as :meth:`History.compared_since` tells it.
        """
        listed, chain, earlier = self._newest(source, session, sorted(set(underlyings)))
        if not listed:
            return None
        panel = self.history.recent(source, listed, session, since)
        verdicts = quality.judge(chain, panel, earlier, now=chain.select(pl.col("quote_time").max()).item())
        trusted, _ = quality.apply(chain, verdicts)
        found = summary.of_session(self._priced(trusted), verdicts, self.calendar)
        by_name = {str(name): part for (name,), part in verdicts.partition_by("underlying", as_dict=True).items()}
        nothing = verdicts.clear()
        rows_of = dict(chain.group_by("underlying").len().iter_rows())
        final = dict(found.underlyings.select("underlying", "final").iter_rows())
        derived = (
            Derived(source, session, name, rows_of[name], final[name], by_name.get(name, nothing), _moments(pulls[-1]))
            for name, pulls in listed.items()
        )
        return Made(session, found, tuple(derived), self.snapshots.left_out(source, session))

    def put(self, source: str, made: Made) -> tuple[Derived, ...]:
        """Write a summary that was made here or by another process; sessions of a name in their order."""
        self.snapshots.leave_out(source, made.session, made.left_out)
        names = [item.underlying for item in made.derived]
        self._write(source, made.session, made.summary, self.lineages(source, made.session, names))
        return made.derived

    def after(self, source: str, made: Mapping[date, Summary]) -> Deriver:
        """One that knows sessions which were made and may not be written yet, of all names it will be asked for."""
        known = Ahead(self.summaries, source, made, self.calculation_version)
        return replace(self, history=History(known, self.calculation_version, self.actions, self.calendar))

    def keep(self, chain: pl.DataFrame, measured: Summary) -> None:
        """Write what was measured of the chains of one source and session whose close was seen.

        The chains are stored already. One that deriving would not begin from - it is part of a larger one, or others
        came after it or with it - is left to be derived.
        """
        final = measured.underlyings.filter("final")["underlying"]
        if final.is_empty():
            return
        source, session = chain.select("source", "session_date").row(0)
        said = {name: (quoted, digest) for name, quoted, _, digest, *_ in described(chain).iter_rows()}
        pulled = self.snapshots.pulled(source, session, final)
        newest = [name for name in final if _is_newest(pulled.get(name, []), *said[name])]
        lineages = self.lineages(source, session, newest)
        held = dict(self.summaries.underlyings(source, session, newest).select("underlying", "lineage").iter_rows())
        changed = pl.Series([name for name in newest if held.get(name) != lineages[name]], dtype=pl.String)
        if len(changed):
            self._write(source, session, measured.of(changed), lineages)

    def _write(self, source: str, session: date, found: Summary, lineages: dict[str, str]) -> None:
        rows = found.underlyings.with_columns(
            lineage=pl.col("underlying").replace_strict(lineages),
            calculation_version=pl.lit(self.calculation_version),
        )
        self.summaries.write(source, session, found.contracts, rows)

    def _priced(self, chain: pl.DataFrame) -> PricedChain:
        """A chain priced; a name that cannot be priced is kept without volatilities, and costs no other."""
        names = chain["underlying"].unique().sort()
        try:
            return self.pricing.price(chain, self.calendar, self.events, sides=("mid",))
        except Exception as error:
            if len(names) == 1:
                session = chain["session_date"][0]
                log.warning("%s %s %s is kept without volatilities: %r", chain["source"][0], session, names[0], error)
                return summary.unpriced(chain)
        parts = [self._priced(chain.filter(pl.col("underlying") == name)) for name in names]
        return PricedChain(
            pl.concat([part.contracts for part in parts], how="diagonal_relaxed"),
            pl.concat([part.expiries for part in parts], how="diagonal_relaxed"),
            pl.concat([part.underlyings for part in parts], how="diagonal_relaxed"),
        )

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

    def outdated(self, source: str, before: date | None = None) -> dict[date, list[str]]:
        """The sessions whose summary is missing or not what it would be if it were made now, and of which names.

        ``before`` leaves out the sessions from a day on: those no later one asks for yet.
        """
        stale: dict[date, list[str]] = {}
        newest: dict[str, str] = {}
        for session in sorted({*self.snapshots.sessions(source), *self.summaries.sessions(source)}):
            if before is not None and session >= before:
                break
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

    def lineages(self, source: str, session: date, names: Iterable[str]) -> dict[str, str]:
        """What summaries of one session of some names would be made from, as it is stored now."""
        wanted = list(names)
        before = self._lineages_before(source, session, wanted)
        listed: dict[str, list[StoredChain]] = {name: [] for name in wanted}
        for item in self.snapshots.chains(source, session, wanted):
            if item.underlying in listed:
                listed[item.underlying].append(item)
        return {name: self._lineage(name, session, before.get(name, ""), items) for name, items in listed.items()}

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


def _is_newest(pulls: list[Pulled], quoted: datetime, digest: str) -> bool:
    """Whether a chain of some moment and digest is all of the newest pull, and the only one of its moment."""
    if not pulls or len(pulls[-1].parts) != 1:
        return False
    (newest,) = pulls[-1].parts
    alone = len(pulls) == 1 or pulls[-2].moment < quoted
    return newest.quote_time == quoted and newest.fingerprint == digest and alone


def _moments(pull: Pulled) -> tuple[datetime, ...]:
    return tuple(part.quote_time for part in pull.parts)
