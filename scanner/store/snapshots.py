"""Chains exactly as received: append-only zstd Parquet, one file for each scan and session.

A file is written under a temporary name and renamed, so it is whole or absent. Its footer lists the chains inside, each
with a fingerprint of its content, which is how the same recording imported or scanned twice changes nothing. What came
in parts is kept in parts and read back as one chain (:mod:`scanner.market.parts`), so that a part may arrive at any
time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from scanner.errors import StoreDamagedError, StoreError
from scanner.history.known_before import OF_EARLIER
from scanner.market import chain as chain_module
from scanner.market import parts
from scanner.market.symbology import one_spelling, plain_ticker, written_alike
from scanner.store.files import folder_name, from_folder_name, write_parquet

log = logging.getLogger(__name__)

_FOOTER_KEY = "scanner.snapshot"
_SUFFIX = ".parquet"
# Of what a vendor calls an underlying, as much as fits a file's name when each character is written as twelve.
_LONGEST_IN_NAME = 12
# Rows of one row group: small enough that reading one underlying of a market-wide file skips nearly all of it.
_ROW_GROUP = 131_072


@dataclass(frozen=True, slots=True)
class StoredChain:
    """One chain inside a snapshot file, as its footer tells it.

    ``underlying`` is the name as it is written everywhere, ``spelled`` as the file has it.
    ``fingerprint`` is a digest of all it says, ``listing`` one of its contracts, ``file_fingerprint`` that of the file.
    ``volume`` is that of all contracts: of two chains of one moment the one with more is the later, for it only grows.
    """

    source: str
    session_date: date
    scan_id: str
    underlying: str
    spelled: str
    quote_time: datetime
    rows: int
    fingerprint: str
    listing: str
    volume: int
    file_fingerprint: str
    path: Path


@dataclass(frozen=True, slots=True)
class Pulled:
    """One chain of a session as it was pulled, oldest quotes first: mostly one stored chain, or the parts of one."""

    parts: tuple[StoredChain, ...]

    @property
    def moment(self) -> datetime:
        """The moment of its newest quotes."""
        return self.parts[-1].quote_time


class Snapshots:
    """The snapshot files of a store, below ``folder/<source>/<session>/<scan>.parquet``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._footers: dict[Path, tuple[tuple[int, int], tuple[StoredChain, ...]]] = {}
        self._damaged: set[Path] = set()

    def write(self, chain: pl.DataFrame, scan_id: str) -> list[Path]:
        """Store a chain frame; one file for each source and session in it. Returns the files written.

        Raises StoreError where a file cannot be written, or where the scan has already stored that session.
        """
        from scanner.store.fingerprints import described

        return [self._write_scan(part, described(part), scan_id) for part in _by_session(chain)]

    def _write_scan(self, chain: pl.DataFrame, told: pl.DataFrame, scan_id: str) -> Path:
        source, session = chain.select("source", "session_date").row(0)
        path = self.path(source, session, scan_id)
        if path.exists():
            raise StoreError(f"scan {scan_id} has already stored {source} {session} at {path}")
        self._write_file(path, chain, told)
        return path

    def write_once(self, chain: pl.DataFrame, name: str) -> pl.DataFrame:
        """Store the recorded chains of one source and session that are not stored yet, in one file; returns those.

        The file has that name, and what tells its content, behind it. Raises StoreError where it cannot be written.
        """
        from scanner.store.fingerprints import together

        fresh, told = self._unheld(chain)
        if fresh.is_empty():
            return fresh
        source, session, underlying, quoted = fresh.select("source", "session_date", "underlying", "quote_time").row(0)
        named = underlying[:_LONGEST_IN_NAME] if len(told) == 1 else f"{len(told)} chains"
        scan_id = f"{name}-{named}-{quoted:%Y%m%dT%H%M%SZ}-{together(told['fingerprint'])[-12:]}"
        self._write_file(self.path(source, session, scan_id), fresh, told)
        return fresh

    def write_unheld(self, chain: pl.DataFrame, scan_id: str) -> pl.DataFrame:
        """Store the chains of a frame that are not stored yet, neither in one piece nor in parts; returns those.

        Stored are those of a file that is read again, and those of a market at rest. One file for each source and
        session, as :meth:`write` names it. Raises StoreError where one cannot be written.
        """
        written = []
        for part in _by_session(chain):
            fresh, told = self._unheld(part)
            if not fresh.is_empty():
                self._write_scan(fresh, told, scan_id)
                written.append(fresh)
        return pl.concat(written) if written else chain.clear()

    def _unheld(self, chain: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The chains of a frame of one source and session that are not stored yet, and their description."""
        from scanner.store.fingerprints import KEY, described

        told = described(chain)
        missing = self._is_missing(chain, told)
        if missing.all():
            return chain, told
        told = told.filter(missing)
        return chain.join(told.select(KEY), on=KEY, how="semi", maintain_order="left"), told

    def _is_missing(self, chain: pl.DataFrame, told: pl.DataFrame) -> pl.Series:
        """Which of the chains described, all of one source and session, are not stored yet."""
        from scanner.store.fingerprints import KEY

        stored: dict[tuple[str, datetime], list[StoredChain]] = {}
        for item in self.chains(*chain.select("source", "session_date").row(0)):
            stored.setdefault((plain_ticker(item.underlying), item.quote_time), []).append(item)
        held = []
        for *key, digest in told.select(*KEY, "fingerprint").iter_rows():
            items = stored.get((plain_ticker(key[0]), key[1]), []) if stored else []
            same = any(item.fingerprint == digest for item in items)
            held.append(same or (bool(items) and self._holds_otherwise(chain.filter(_is_chain(*key)), items)))
        return ~pl.Series(held, dtype=pl.Boolean)

    def _holds_otherwise(self, chain: pl.DataFrame, moment: list[StoredChain]) -> bool:
        """Whether one chain is stored with the digest of an earlier version, or in parts that end at its moment."""
        from scanner.store.fingerprints import agrees, fingerprint, is_earlier

        if any(is_earlier(item.fingerprint) and agrees(chain, item.fingerprint) for item in moment):
            return True
        source, session, quoted = moment[0].source, moment[0].session_date, moment[0].quote_time
        listed = [item for item in self.chains(source, session, [moment[0].underlying]) if item.quote_time <= quoted]
        in_parts = [pull for pull in self._pulls(listed) if pull.moment == quoted and len(pull.parts) > 1]
        digest = fingerprint(chain)
        try:
            return any(fingerprint(self.joined([pull])) == digest for pull in in_parts)
        except StoreError:
            return False

    def path(self, source: str, session: date, scan_id: str) -> Path:
        """Where one scan's chains of one source and session are kept."""
        return self._session_folder(source, session) / f"{folder_name(scan_id)}{_SUFFIX}"

    def _session_folder(self, source: str, session: date) -> Path:
        return self.folder / folder_name(source) / session.isoformat()

    @staticmethod
    def _write_file(path: Path, chain: pl.DataFrame, told: pl.DataFrame) -> None:
        """Write chains of one source and session, and beside them their description."""
        footer = {_FOOTER_KEY: json.dumps(_footer(chain, told))}
        write_parquet(path, chain, row_group_size=_ROW_GROUP, metadata=footer)

    def sources(self) -> list[str]:
        """Every source that has snapshots."""
        return sorted(from_folder_name(path.name) for path in _folders(self.folder))

    def sessions(self, source: str) -> list[date]:
        """Every session of a source that has a snapshot, ascending."""
        return sorted(date.fromisoformat(path.name) for path in _folders(self.folder / folder_name(source)))

    def chains(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> list[StoredChain]:
        """What is stored of a session, by name, oldest quotes first; a damaged file is logged and left out.

        Underlyings may be spelled in any way.
        """
        wanted = None if underlyings is None else {plain_ticker(name) for name in underlyings}
        listed = [
            item
            for path in sorted(self._session_folder(source, session).glob(f"*{_SUFFIX}"))
            for item in self._footer_or_nothing(path)
            if wanted is None or plain_ticker(item.underlying) in wanted
        ]
        return sorted(listed, key=lambda item: (item.underlying, item.quote_time, item.volume, item.scan_id))

    def _footer_or_nothing(self, path: Path) -> tuple[StoredChain, ...]:
        if path in self._damaged:
            return ()
        try:
            return self.footer(path)
        except FileNotFoundError:
            # Pruned by another process since it was listed.
            return ()
        except StoreError as error:
            self._give_up(path, error)
            return ()

    def _give_up(self, path: Path, error: StoreError) -> None:
        """Leave a damaged file out from now on, and say so once."""
        self._damaged.add(path)
        log.warning("left out: %s", error)

    def left_out(self, source: str, session: date) -> frozenset[str]:
        """The names of the files of a session that turned out to be damaged."""
        folder = self._session_folder(source, session)
        return frozenset(path.name for path in self._damaged if path.parent == folder)

    def leave_out(self, source: str, session: date, names: Iterable[str]) -> None:
        """Leave out files of a session that another process found to be damaged, and said so."""
        self._damaged.update(self._session_folder(source, session) / name for name in names)

    def footer(self, path: Path) -> tuple[StoredChain, ...]:
        """The chains one file holds. Raises StoreError where the file is cut short or not one of ours."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        cached = self._footers.get(path)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        try:
            described = json.loads(pl.read_parquet_metadata(path)[_FOOTER_KEY])
        except (pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
            raise damaged(path, error) from error
        chains = tuple(_stored_chains(path, described))
        self._footers[path] = (stamp, chains)
        return chains

    def newest(
        self, source: str, session: date, underlyings: Iterable[str] | None = None, until: datetime | None = None
    ) -> pl.DataFrame:
        """The newest quotes of each underlying in a session (up to a moment), parts joined, damaged files passed by.

        Empty where there are none.
        """
        wanted = None if underlyings is None else set(underlyings)
        while True:
            listed = self.pulled(source, session, wanted, until)
            try:
                return self.joined(pulls[-1] for pulls in listed.values())
            except StoreError:
                # The file is left out of the next listing.
                continue

    def earlier(self, chain: pl.DataFrame) -> pl.DataFrame:
        """The newest quotes from before those of a chain of one source, in its session; empty where there are none.

        The columns are those that a later chain is compared by (:data:`scanner.history.known_before.OF_EARLIER`).
        """
        from scanner.kernels.groups import Groups

        names = Groups.of(chain, ("underlying",))
        quoted = dict(zip(names.keys["underlying"], names.latest(chain["quote_time"]), strict=True))
        source, session = chain.select("source", "session_date").row(0)
        while True:
            before = [
                [pull for pull in pulls if pull.moment < quoted[name]]
                for name, pulls in self.pulled(source, session, quoted, max(quoted.values())).items()
                if name in quoted
            ]
            try:
                return self.joined((pulls[-1] for pulls in before if pulls), OF_EARLIER)
            except StoreError:
                continue

    def pulled(
        self,
        source: str,
        session: date,
        underlyings: Iterable[str] | None = None,
        until: datetime | None = None,
    ) -> dict[str, list[Pulled]]:
        """What is stored of a session (up to a moment) by name and pull, oldest quotes first."""
        listed: dict[str, list[StoredChain]] = {}
        for item in self.chains(source, session, underlyings):
            if until is None or item.quote_time <= until:
                listed.setdefault(item.underlying, []).append(item)
        return {name: self._pulls(items) for name, items in listed.items()}

    def _pulls(self, items: Sequence[StoredChain]) -> list[Pulled]:
        """The chains of one name, source and session by the pull they belong to."""
        if len({item.listing for item in items}) == 1:
            # The rule: each is a whole chain, and lists what the others do.
            return [Pulled((item,)) for item in items]
        known = [parts.Part(item, item.quote_time, item.listing, partial(self._contracts, item)) for item in items]
        return [Pulled(tuple(part.item for part in pull.parts)) for pull in parts.pulls(known)]

    def _contracts(self, item: StoredChain) -> list[str]:
        """The contracts of a stored chain; none where its file turns out to be damaged."""
        try:
            held = pl.scan_parquet(item.path).filter(_is_of(item)).select("contract").collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            self._give_up(item.path, damaged(item.path, error))
            return []
        return held["contract"].to_list()

    def joined(self, pulls: Iterable[Pulled], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The chains of some pulls, parts joined, sorted as every chain is; some ``columns`` of them, or all.

        Raises StoreError as :meth:`load` does.
        """
        return written_alike(self._joined(list(pulls), columns))

    def _joined(self, chosen: list[Pulled], columns: Sequence[str] | None) -> pl.DataFrame:
        whole = [pull.parts[0] for pull in chosen if len(pull.parts) == 1]
        if len(whole) == len(chosen):
            return self.load(whole, columns)
        made = [parts.join([self.load([item]) for item in pull.parts]) for pull in chosen if len(pull.parts) > 1]
        joined = pl.concat([self.load(whole), *made]).sort(chain_module.SORT_KEY)
        return joined if columns is None else joined.select(columns)

    def load(self, chains: Iterable[StoredChain], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read chosen chains back, sorted as every chain is; some ``columns`` of them, or all.

        Raises StoreError where a file turns out to be damaged; from then on :meth:`chains` leaves that file out.
        """
        by_path: dict[Path, list[StoredChain]] = {}
        for item in chains:
            by_path.setdefault(item.path, []).append(item)
        if not by_path:
            return chain_module.empty() if columns is None else chain_module.empty().select(columns)
        if len(by_path) == 1:
            ((path, items),) = by_path.items()
            return self._load_file(path, items, columns)
        wanted = None if columns is None else list(dict.fromkeys([*columns, *chain_module.SORT_KEY]))
        parts = pl.concat(self._load_file(path, items, wanted) for path, items in by_path.items())
        return parts.sort(chain_module.SORT_KEY).select(pl.all() if columns is None else pl.col(columns))

    def _load_file(self, path: Path, items: list[StoredChain], columns: Sequence[str] | None) -> pl.DataFrame:
        try:
            if len(items) == len(self.footer(path)):
                return pl.read_parquet(path, columns=None if columns is None else list(columns))
            rows = pl.scan_parquet(path).filter(pl.any_horizontal(_is_of(item) for item in items))
            return rows.select(pl.all() if columns is None else pl.col(columns)).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            damage = damaged(path, error)
            self._give_up(path, damage)
            raise damage from error

    def files(self) -> Iterator[Path]:
        """Every snapshot file, by source and session."""
        yield from sorted(self.folder.glob(f"*/*/*{_SUFFIX}"))


def damaged(path: Path, error: Exception) -> StoreError:
    """The error for a file that cannot be read back: for want of permission, say, or because it is damaged."""
    reason = " ".join(str(error).split())[:120]
    if isinstance(error, OSError):
        return StoreError(f"{path} cannot be read ({reason})")
    return StoreDamagedError(f"{path} is damaged ({reason}); `scanner store verify` sets it aside")


def _by_session(chain: pl.DataFrame) -> list[pl.DataFrame]:
    """The chains of each source and session; where all are of one, as they mostly are, no row is copied."""
    key = ("source", "session_date")
    return [chain] if all(chain[name].n_unique() == 1 for name in key) else chain.partition_by(key)


def _is_of(item: StoredChain) -> pl.Expr:
    """Whether a row of a file is of a chain in it."""
    return _is_chain(item.spelled, item.quote_time)


def _is_chain(underlying: str, quoted: datetime) -> pl.Expr:
    """Whether a row is of the chain of one underlying and moment."""
    return (pl.col("underlying") == underlying) & (pl.col("quote_time") == quoted)


def _footer(chain: pl.DataFrame, told: pl.DataFrame) -> dict[str, Any]:
    """What a footer says of a frame: one entry for each underlying and quote time."""
    from scanner.store.fingerprints import together

    source, session = chain.select("source", "session_date").row(0)
    return {
        "source": source,
        "session_date": session.isoformat(),
        "fingerprint": together(told["fingerprint"]),
        "chains": [[underlying, quoted.isoformat(), *said] for underlying, quoted, *said in told.iter_rows()],
    }


def _stored_chains(path: Path, described: dict[str, Any]) -> Iterator[StoredChain]:
    session, scan_id = date.fromisoformat(described["session_date"]), from_folder_name(path.stem)
    whole = described["fingerprint"]
    for number, (underlying, quoted, rows, *said) in enumerate(described["chains"]):
        # Files of earlier versions say no more of a chain: then the digest of the file stands for that of each.
        own, listing, volume = said or (whole, f"{whole}/{number}", 0)
        yield StoredChain(
            source=described["source"],
            session_date=session,
            scan_id=scan_id,
            underlying=one_spelling(underlying),
            spelled=underlying,
            quote_time=datetime.fromisoformat(quoted),
            rows=rows,
            fingerprint=own,
            listing=listing,
            volume=volume,
            file_fingerprint=whole,
            path=path,
        )


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
