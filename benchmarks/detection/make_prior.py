"""Makes the built-in prior: ``python -m benchmarks.detection.make_prior FOLDER ...`` learns it from recorded chains.

A name that is judged by the prior has a few sessions of history or none. So the histories it is learnt from are cut
into pieces of ten sessions, each standing for a name never seen before; half of the pieces are fitted, the other half
calibrate them. What is written are fitted numbers only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.detection.recording import Recording
from scanner.activity import features, fitting, prior
from scanner.activity.history import Layout
from scanner.history.panel import Panel
from scanner.market.calendar import Calendar

PIECE = 10


def main(arguments: list[str] | None = None) -> int:
    """Learn and write the prior. Returns 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    default = Path(prior.__file__).with_name("prior.npz")
    parser.add_argument("--output", type=Path, default=default)
    options = parser.parse_args(arguments)
    pieces = [piece for folder in options.folders for piece in cut(Recording.read(folder))]
    layout = Layout.of(join(pieces), None)
    base = features.base_table(layout.panel.volume, layout.cell, np.zeros(len(layout.panel.volume), np.int32), names=1)
    every_name = np.repeat(base[-1:], len(layout.panel.underlyings) + 1, axis=0)

    def split(session: int, half: int) -> NDArray[np.bool_]:
        del session
        return np.asarray(layout.places.underlying % 2 == half)

    learned = fitting.learn(layout, [every_name, every_name], split, np.random.default_rng(1))
    # The pieces are names that nobody will scan.
    prior.save(options.output, replace(learned, own=learned.own[:, :0]), base[-1])
    return 0


def cut(recording: Recording) -> Iterator[Panel]:
    """Pieces of ten sessions of each name, the sessions renamed to the first ten of the recording."""
    for name in recording.underlyings:
        mine = (recording.contracts["underlying"] == name).to_numpy()
        good = np.flatnonzero(np.isfinite(recording.volume[mine]).any(axis=0))
        for number, start in enumerate(range(0, len(good) - PIECE + 1, PIECE)):
            yield _piece(recording, name, good[start : start + PIECE], f"{name}{number}", mine)


def _piece(recording: Recording, name: str, columns: NDArray[np.int64], label: str, mine: NDArray[np.bool_]) -> Panel:
    """One piece as a panel of its own, its expiries moved with its sessions."""
    rows = np.flatnonzero(mine & np.isfinite(recording.volume[:, columns]).any(axis=1))
    moved = (recording.sessions[0] - recording.sessions[columns[0]]).days
    contracts = recording.contracts[rows].with_columns(
        underlying=pl.lit(label), root=pl.lit(label), expiry=pl.col("expiry").dt.offset_by(f"{moved}d")
    )
    at = np.ix_(rows, columns)
    number = recording.underlyings.index(name)
    return Panel(
        recording.source,
        recording.sessions[:PIECE],
        contracts,
        volume=recording.volume[at],
        open_interest=recording.open_interest[at],
        iv=recording.iv[at],
        delta=recording.delta[at],
        mid=recording.price[at],
        underlyings=(label,),
        spot=recording.spot[number : number + 1, columns],
        oi_asof=np.full((1, PIECE), np.datetime64("NaT"), "datetime64[D]"),
        calendar=Calendar.standard(),
    )


def join(pieces: list[Panel]) -> Panel:
    """Pieces as one panel of many names over the same ten sessions."""
    contracts = (
        pl.concat(piece.contracts for piece in pieces).with_row_index("row").sort("root", "expiry", "strike", "right")
    )
    order = contracts["row"].to_numpy()

    def stacked(name: str) -> NDArray[np.float32]:
        return np.asarray(np.concatenate([getattr(piece, name) for piece in pieces])[order], np.float32)

    return Panel(
        pieces[0].source,
        pieces[0].sessions,
        contracts.drop("row"),
        volume=stacked("volume"),
        open_interest=stacked("open_interest"),
        iv=stacked("iv"),
        delta=stacked("delta"),
        mid=stacked("mid"),
        underlyings=tuple(name for piece in pieces for name in piece.underlyings),
        spot=np.concatenate([piece.spot for piece in pieces]),
        oi_asof=np.concatenate([piece.oi_asof for piece in pieces]),
        calendar=Calendar.standard(),
    )


if __name__ == "__main__":
    raise SystemExit(main())
