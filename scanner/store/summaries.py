"""What each past session came to: one row for each contract, one for each underlying, derived from the snapshots.

A session of a source is two Parquet files: ``contracts`` and, written after it, ``underlyings``. Volumes, open interest
and quotes that the quality gate does not trust are null here, with the verdicts beside them. Everything in this module
can be rebuilt from the snapshots. Each underlying row carries the ``calculation_version`` it was made by and its
``lineage``: a digest of the chains it was made from and of the lineage of the session before. A row is up to date when
its lineage is the one it would get today; importing an older session or another one of its chains makes it outdated.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl

from scanner.market import symbology
from scanner.market.chain import INSTANT, SORT_KEY, distinct
from scanner.metrics.kept import CONTRACT_ROWS, VERDICT
from scanner.store.files import folder_name, from_folder_name, write_parquet

# The columns the store itself writes; the metrics of the underlying scope stand beside them under their own names.
UNDERLYING_ROWS = pl.Schema(
    [
        ("session_date", pl.Date),
        ("underlying", pl.String),
        ("spot", pl.Float64),
        ("oi_asof", pl.Date),
        ("quote_time", INSTANT),
        ("final", pl.Boolean),
        ("simulated", pl.Boolean),
        ("verdicts", pl.List(VERDICT)),
        ("lineage", pl.String),
        ("calculation_version", pl.String),
    ]
)

_FILES = ("contracts.parquet", "underlyings.parquet")
# A scan asks for the underlying rows of a year, and the next one for the same.
_SESSIONS_HELD = 600

log = logging.getLogger(__name__)


class Summaries:
    """The session summaries of a store, below ``folder/<source>/<session>/``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._damaged: set[Path] = set()

    def write(self, source: str, session: date, contracts: pl.DataFrame, underlyings: pl.DataFrame) -> None:
        """Put the summary rows of some underlyings in place of what the session held of them."""
        contracts, underlyings = in_place(
            self.contracts(source, session), self.underlyings(source, session), contracts, underlyings
        )
        # The underlying rows go last: a session counts as summarised only once they are there.
        write_parquet(self._path(source, session, "contracts"), contracts)
        write_parquet(self._path(source, session, "underlyings"), underlyings)
        self._damaged.discard(self._path(source, session, "contracts").parent)

    def contracts(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each contract of a session, sorted by root, expiry, strike and right."""
        return of_names(self._read(self._path(source, session, "contracts"), CONTRACT_ROWS), underlyings)

    def underlyings(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each underlying of a session."""
        return of_names(self._read(self._path(source, session, "underlyings"), UNDERLYING_ROWS), underlyings)

    def sources(self) -> list[str]:
        """Every source that has a summary."""
        return sorted(from_folder_name(path.name) for path in self.folder.glob("*") if path.is_dir())

    def sessions(self, source: str) -> list[date]:
        """Every summarised session of a source, ascending."""
        folder = self.folder / folder_name(source)
        return sorted(date.fromisoformat(path.parent.name) for path in folder.glob("*/underlyings.parquet"))

    def files(self) -> list[Path]:
        """Every summary file."""
        return sorted(self.folder.glob("*/*/*.parquet"))

    def problem(self, path: Path) -> str | None:
        """What is wrong with a summary file; None where it is whole."""
        schema = UNDERLYING_ROWS if path.stem == "underlyings" else CONTRACT_ROWS
        try:
            # Not the copy in memory: what is asked is whether the disk still holds it.
            columns = pl.read_parquet(path).schema
        except (pl.exceptions.PolarsError, OSError) as error:
            return f"{path} is damaged ({_short(error)})"
        return None if schema.items() <= columns.items() else f"{path} is damaged (columns are missing)"

    def stamp(self, source: str, session: date) -> tuple[int, int]:
        """A value that changes whenever the session is summarised anew."""
        return _file_stamp(self._path(source, session, "underlyings"))

    def _path(self, source: str, session: date, part: str) -> Path:
        return self.folder / folder_name(source) / session.isoformat() / f"{part}.parquet"

    def _read(self, path: Path, schema: pl.Schema) -> pl.DataFrame:
        """One of a session's two files. Where either is missing or damaged the session is not summarised: no rows."""
        if path.parent in self._damaged or not all((path.parent / name).exists() for name in _FILES):
            return pl.DataFrame(schema=schema)
        try:
            # Underlying rows are small and read for every panel; contract rows are large and read once by a baseline.
            if schema is UNDERLYING_ROWS:
                return _underlyings_in(path, _file_stamp(path))
            return _alike(pl.read_parquet(path), schema)
        except (pl.exceptions.PolarsError, OSError) as error:
            self._damaged.add(path.parent)
            log.warning("left out: %s is damaged (%s); `scanner store verify` mends it", path, _short(error))
            return pl.DataFrame(schema=schema)


@lru_cache(_SESSIONS_HELD)
def _underlyings_in(path: Path, stamp: tuple[int, int]) -> pl.DataFrame:
    """The underlying rows in a file as it stands, for every scan of a process. Raises as polars does."""
    return _alike(pl.read_parquet(path), UNDERLYING_ROWS)


def in_place(
    contracts: pl.DataFrame, underlyings: pl.DataFrame, new_contracts: pl.DataFrame, new_underlyings: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A session's contract and underlying rows with the new ones in place of what they hold of the same names."""
    others = ~pl.col("underlying").is_in(new_underlyings["underlying"].to_list())
    rows = pl.concat([contracts.filter(others), _shaped(new_contracts, CONTRACT_ROWS, extra=False)])
    names = pl.concat(
        [underlyings.filter(others), _shaped(new_underlyings, UNDERLYING_ROWS, extra=True)], how="diagonal_relaxed"
    )
    return rows.sort(SORT_KEY), names.sort("underlying")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def of_names(frame: pl.DataFrame, underlyings: Iterable[str] | None) -> pl.DataFrame:
    """The rows of some underlyings, spelled in any way; of all where none are named."""
    if underlyings is None:
        return frame
    wanted = {symbology.one_spelling(name) for name in underlyings}
    if wanted.issuperset(distinct(frame["underlying"])):
        return frame
    return frame.filter(pl.col("underlying").is_in(list(wanted)))


def _alike(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Rows under the names as they are written now; of a name that was kept in two spellings each row once."""
    alike = symbology.written_alike(frame)
    if alike is frame:
        return frame
    key = "underlying" if schema is UNDERLYING_ROWS else "contract"
    return alike.unique(key, keep="last", maintain_order=True)


def _shaped(frame: pl.DataFrame, schema: pl.Schema, *, extra: bool) -> pl.DataFrame:
    """Give a frame the columns of a schema, null where absent, its other columns kept behind them or dropped."""
    columns = [
        (pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name))
        for name, dtype in schema.items()
    ]
    others = [name for name in frame.columns if name not in schema] if extra else []
    return frame.select(*columns, *others)


def _file_stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
