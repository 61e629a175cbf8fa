"""Splits and renames: the past, restated on the basis of the session that is judged.

A whole-number split (7:1) keeps its roots: strikes and prices are divided, contracts multiplied, and a contract of
yesterday is the same contract today under its new strike. Any other split, and every reverse split, leaves the old
contracts with an adjusted root (``XYZ1``) and a deliverable of their own, while new standard ones are listed.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from scanner import events, symbology
from scanner.chain import SORT_KEY
from scanner.errors import SourceError

# Underlying-scope fields that count contracts (or are per share), and so change with the number of shares.
_COUNTS = ("call_volume", "put_volume", "call_oi", "put_oi")
_PRICES = ("spot", "top_strike", "call_wall", "put_wall", "gamma_flip", "max_pain")


@dataclass(frozen=True, slots=True)
class Split:
    """``ratio`` new shares for one old, from the session ``effective`` on."""

    underlying: str
    effective: date
    ratio: float

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
    """Every split and rename that is known."""

    splits: tuple[Split, ...] = ()
    renames: tuple[Rename, ...] = ()

    @classmethod
    def of(cls, table: pl.DataFrame, renames: tuple[Rename, ...] = ()) -> Actions:
        """The splits of a table of events, and renames."""
        return cls(tuple(Split(*row) for row in events.splits(table)), renames)

    def between(self, session: date, judged: date) -> Actions:
        """What lies between a past session and the judged one: its basis is not that of the judged session."""
        return Actions(
            tuple(split for split in self.splits if session < split.effective <= judged),
            tuple(rename for rename in self.renames if session < rename.effective <= judged),
        )

    def about(self, underlying: str, until: date) -> str:
        """Everything known of an underlying up to a session, as text; empty where there is nothing."""
        if not self.splits and not self.renames:
            return ""
        told = [
            *(split for split in self.splits if split.underlying == underlying and split.effective <= until),
            *(rename for rename in self.renames if rename.new == underlying and rename.effective <= until),
        ]
        return " ".join(map(repr, told))

    def former_names(self, underlyings: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The names asked for and those they went by before."""
        if underlyings is None:
            return None
        return tuple({*underlyings, *(rename.old for rename in self.renames if rename.new in underlyings)})

    def restate_contracts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Contract rows (contract columns, ``volume open_interest mid`` and more) on the judged session's basis."""
        rows = _renamed(rows, self.renames)
        whole = {split.underlying: split.ratio for split in self.splits if split.keeps_roots}
        adjusted = [split.underlying for split in self.splits if not split.keeps_roots]
        if whole:
            rows = _divided(rows, whole)
        if adjusted:
            rows = _adjusted(rows, adjusted)
        return rows

    def restate_underlyings(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Underlying rows on the judged session's basis: prices divided, contracts multiplied where roots are kept."""
        if self.renames:
            rows = rows.with_columns(underlying=_new_name(self.renames))
        for split in self.splits:
            here = pl.col("underlying") == split.underlying
            counts = [name for name in _COUNTS if name in rows.columns and split.keeps_roots]
            prices = [name for name in _PRICES if name in rows.columns]
            rows = rows.with_columns(
                pl.when(here).then(pl.col(counts) * split.ratio).otherwise(pl.col(counts)),
                pl.when(here).then(pl.col(prices) / split.ratio).otherwise(pl.col(prices)),
            )
        return rows


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
            renames.append(
                Rename(row["old"].strip().upper(), row["new"].strip().upper(), date.fromisoformat(row["date"]))
            )
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise SourceError(
                f"{path}:{number}: expected old,new,date such as FB,META,2022-06-09", "unreadable_renames"
            ) from error
    return tuple(renames)


def _new_name(renames: tuple[Rename, ...]) -> pl.Expr:
    return pl.col("underlying").replace({rename.old: rename.new for rename in renames})


def _renamed(rows: pl.DataFrame, renames: tuple[Rename, ...]) -> pl.DataFrame:
    """Give underlying, root and contract their new names; ``FB1`` becomes ``META1``."""
    if not renames:
        return rows
    tail = pl.col("root").str.strip_prefix(pl.col("underlying"))
    moved = pl.col("underlying").is_in([rename.old for rename in renames])
    renamed = rows.with_columns(
        root=pl.when(moved).then(pl.concat_str(_new_name(renames), tail)).otherwise("root"),
        underlying=_new_name(renames),
    )
    return renamed.with_columns(contract=symbology.format_osi_column()).sort(SORT_KEY)


def _divided(rows: pl.DataFrame, ratios: Mapping[str, float]) -> pl.DataFrame:
    """Divide strikes (to the cent, as the clearing house does) and prices, multiply contracts."""
    ratio = pl.col("underlying").replace_strict(ratios, default=1.0, return_dtype=pl.Float64)
    split = ratio != 1.0
    rows = rows.with_columns(
        strike=pl.when(split).then((pl.col("strike") / ratio).round(2)).otherwise("strike"),
        volume=(pl.col("volume") * ratio).round().cast(pl.Int64),
        open_interest=(pl.col("open_interest") * ratio).round().cast(pl.Int64),
        mid=pl.col("mid") / ratio,
    ).with_columns(contract=symbology.format_osi_column())
    return rows.sort(SORT_KEY)


def _adjusted(rows: pl.DataFrame, underlyings: list[str]) -> pl.DataFrame:
    """Move the standard contracts of some underlyings to their adjusted root."""
    moved = pl.col("underlying").is_in(underlyings) & (pl.col("root") == pl.col("underlying"))
    rows = rows.with_columns(root=pl.when(moved).then(pl.col("root") + "1").otherwise("root"))
    return rows.with_columns(contract=symbology.format_osi_column()).sort(SORT_KEY)
