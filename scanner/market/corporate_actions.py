"""Splits and renames: the past, restated on the basis of the session that is judged.

A whole-number split (7:1) keeps its roots: strikes and prices are divided, contracts multiplied, and a contract of
yesterday is the same contract today under its new strike. Any other split, and every reverse split, leaves the old
contracts with an adjusted root (``XYZ1``) and a deliverable of their own, while new standard ones are listed.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path

import polars as pl

from scanner import fields
from scanner.errors import SourceError
from scanner.fields import OnSplit
from scanner.market import corporate_events, symbology
from scanner.market.chain import SORT_KEY
from scanner.market.symbology import plain_ticker, spellings


@dataclass(frozen=True, slots=True)
class Split:
    """``ratio`` new shares for one old, from the session ``effective`` on.

    ``number`` counts the splits of the name that left adjusted contracts, this one included.
    """

    underlying: str
    effective: date
    ratio: float
    number: int = 1

    @property
    def keeps_roots(self) -> bool:
        """Whether the exchange divides strikes and multiplies contracts, rather than adjusting the deliverable."""
        return self.ratio >= 1 and self.ratio == round(self.ratio)


@dataclass(frozen=True, slots=True)
class Rename:
    """An underlying that goes by another symbol from the session ``effective`` on."""

    old: str
    new: str
    effective: date


@dataclass(frozen=True, slots=True)
class Actions:
    """Every split and rename that is known. Names mean the same in every spelling: ``BRK.B``, ``BRK-B``, ``BRKB``."""

    splits: tuple[Split, ...] = ()
    renames: tuple[Rename, ...] = ()

    @classmethod
    def of(cls, table: pl.DataFrame, renames: tuple[Rename, ...] = ()) -> Actions:
        """The splits of a table of events, and renames."""
        return cls(tuple(Split(*row) for row in corporate_events.splits(table)), renames)

    def between(self, session: date, judged: date, names: tuple[str, ...] | None = None) -> Actions:
        """What lies between a past session and the judged one: its basis is not that of the judged session.

        Every name in it is the one that the judged session knows, spelled as in ``names``.
        """
        known = tuple(sorted((item for item in self.renames if item.effective <= judged), key=_effective))
        spelled = {plain_ticker(name): name for name in names or ()}
        counts = Counter[str]()
        splits = []
        for split in sorted(self.splits, key=_effective):
            name = plain_ticker(_later_name(split.underlying, split.effective, known))
            counts[name] += not split.keeps_roots
            if session < split.effective <= judged:
                splits.append(replace(split, underlying=spelled.get(name, name), number=max(counts[name], 1)))
        renames = (
            replace(rename, new=spelled.get(plain_ticker(rename.new), rename.new))
            for rename in known
            if session < rename.effective
        )
        return Actions(tuple(splits), tuple(renames))

    def about(self, underlying: str, until: date) -> str:
        """Everything known of an underlying up to a session, as text; empty where there is nothing."""
        if not self.splits and not self.renames:
            return ""
        names = {plain_ticker(name) for name in self.former_names((underlying,)) or ()}
        told = [
            *(split for split in self.splits if plain_ticker(split.underlying) in names and split.effective <= until),
            *(rename for rename in self.renames if plain_ticker(rename.new) in names and rename.effective <= until),
        ]
        return " ".join(map(repr, told))

    def former_names(self, underlyings: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The names asked for and those they went by before, the latter in every spelling."""
        if underlyings is None:
            return None
        plain, former = {plain_ticker(name) for name in underlyings}, set[str]()
        for rename in sorted(self.renames, key=_effective, reverse=True):
            if plain_ticker(rename.new) in plain:
                plain.add(plain_ticker(rename.old))
                former.update(spellings(rename.old))
        return tuple({*underlyings, *former})

    def families(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """Names, sorted, by whose history is whose: a name with those it went by before, and in other spellings."""
        later: dict[str, str] = {}

        def newest(name: str) -> str:
            while name in later:
                name = later[name]
            return name

        for rename in self.renames:
            old, new = newest(plain_ticker(rename.old)), newest(plain_ticker(rename.new))
            if old != new:
                later[old] = new
        found: dict[str, list[str]] = {}
        for name in sorted(set(names)):
            found.setdefault(newest(plain_ticker(name)), []).append(name)
        return [tuple(family) for family in found.values()]

    def restate_contracts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Contract rows (contract columns, ``volume open_interest mid`` and more) on the judged session's basis."""
        if not self.splits and not self.renames:
            return rows
        for names in _at_once(self.renames):
            rows = _renamed(rows, names)
        for split in sorted(self.splits, key=_effective):
            rows = _divided(rows, split) if split.keeps_roots else _adjusted(rows, split)
        return rows.with_columns(contract=symbology.format_osi_column()).sort(SORT_KEY)

    def restate_underlyings(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Underlying rows on the judged session's basis: prices divided, contracts multiplied where roots are kept."""
        for names in _at_once(self.renames):
            rows = rows.with_columns(underlying=_new_name(rows, names))
        for split in self.splits:
            rows = _restated(rows, "underlying", split)
        return rows


def _effective(action: Split | Rename) -> date:
    return action.effective


def _later_name(name: str, since: date, renames: tuple[Rename, ...]) -> str:
    """What a name of a session is called after the renames (oldest first) of that session and of later ones."""
    for rename in renames:
        if rename.effective >= since and plain_ticker(rename.old) == plain_ticker(name):
            name = rename.new
    return name


def _at_once(renames: tuple[Rename, ...]) -> Iterator[dict[str, str]]:
    """Plain old name to new one, of each session's renames: two names may change places."""
    for _, group in groupby(sorted(renames, key=_effective), key=_effective):
        yield {plain_ticker(rename.old): rename.new for rename in group}


def is_renames_header(line: str) -> bool:
    """Whether a file that starts with this line is a table of renames."""
    return {"old", "new", "date"} <= {cell.strip().lower() for cell in line.split(",")}


def read_renames(path: Path) -> tuple[Rename, ...]:
    """Read a mapping file ``old,new,date``. Raises SourceError naming the line that is wrong."""
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is a folder, a pipe or a device, not a file", "unreadable_renames")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})", "unreadable_renames") from error
    renames = []
    for number, row in enumerate(rows, start=2):
        try:
            old, new = (symbology.ticker(row[name]) for name in ("old", "new"))
            if not (symbology.is_name(old) and symbology.is_name(new)):
                raise ValueError(f"{old!r} or {new!r} is not a symbol")
            renames.append(Rename(old, new, date.fromisoformat(row["date"])))
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise SourceError(
                f"{path}:{number}: expected old,new,date such as FB,META,2022-06-09", "unreadable_renames"
            ) from error
    return tuple(renames)


def _new_name(rows: pl.DataFrame, names: Mapping[str, str]) -> pl.Series:
    """The underlying of each row under its new name."""
    told = {name: names.get(plain_ticker(name), name) for name in rows["underlying"].unique()}
    return rows["underlying"].replace(told)


def _renamed(rows: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Give underlying and root their new names; ``FB1`` becomes ``META1``, ``2FB`` ``2META``."""
    heads = rows.select("underlying", "root").unique()
    moved = [_new_root(name, root, names) for name, root in heads.iter_rows()]
    heads = heads.with_columns(pl.Series("_root", moved, dtype=pl.String))
    rows = rows.join(heads, on=["underlying", "root"], how="left", maintain_order="left")
    return rows.with_columns(root="_root", underlying=_new_name(rows, names)).drop("_root")


def _new_root(underlying: str, root: str, names: Mapping[str, str]) -> str:
    old = plain_ticker(underlying)
    own = re.fullmatch(rf"([1-4]?){re.escape(old)}(\d?)", root)
    return root if old not in names or own is None else f"{own[1]}{plain_ticker(names[old])}{own[2]}"


def _is_of(split: Split) -> pl.Expr:
    return pl.col("underlying").is_in(spellings(split.underlying))


def _divided(rows: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Restate contracts that keep their roots; strikes are rounded to the cent, as the clearing house does."""
    cents = pl.when(_is_of(split)).then(pl.col("strike").round(2)).otherwise("strike")
    return _restated(rows, "contract", split).with_columns(strike=cents)


def _restated(rows: pl.DataFrame, scope: str, split: Split) -> pl.DataFrame:
    """Rows of a scope with every field as the field dictionary says a split changes it."""
    known = [field for name, field in fields.of(scope).items() if name in rows.columns]
    prices = [field.name for field in known if field.on_split is OnSplit.price]
    counts = [field.name for field in known if field.on_split is OnSplit.contracts and split.keeps_roots]
    here = _is_of(split)
    return rows.with_columns(
        pl.when(here).then(pl.col(prices) / split.ratio).otherwise(pl.col(prices)),
        # The ratio of contracts that keep their roots is a whole number.
        pl.when(here).then(pl.col(counts) * int(split.ratio)).otherwise(pl.col(counts)),
    )


def _adjusted(rows: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Move the standard contracts of an underlying to an adjusted root: the next after those it has had already."""
    stem = plain_ticker(split.underlying)
    taken = set(rows.filter(_is_of(split))["root"].unique())
    free = (f"{stem}{digit}" for digit in range(split.number, 10))
    root = next((candidate for candidate in free if candidate not in taken), f"{stem}9")
    moved = _is_of(split) & (pl.col("root") == stem)
    return rows.with_columns(root=pl.when(moved).then(pl.lit(root)).otherwise("root"))
