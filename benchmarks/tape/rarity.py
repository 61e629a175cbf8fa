"""How often a largest order comes that is stated to be rare, on simulated sessions held out from those before them."""

from __future__ import annotations

import argparse
from datetime import date, timedelta

import numpy as np
import polars as pl

from benchmarks.tape.simulated import NAMES, SEED
from scanner.market.calendar import Calendar
from scanner.sources.simulated import sample_tape
from scanner.tape.measure import contracts
from scanner.tape.prints import conform
from scanner.tape.rarity import Reference, surprise
from scanner.tape.reading import read

_FIRST, _BEFORE, _JUDGED = date(2025, 5, 1), 8, 8
_STATED = (1, 2, 3)


def run(given: argparse.Namespace) -> None:
    """Print how many times as often as stated largest orders came, by how rare they were stated to be."""
    del given
    days = Calendar.standard().sessions_between(_FIRST, _FIRST + timedelta(days=40))[: _BEFORE + _JUDGED]
    sessions = [contracts(read(conform(sample_tape(SEED, NAMES, day), source="simulated"))) for day in days]
    stated = [
        surprise(sessions[place], Reference.of(pl.concat(sessions[:place])), own=False).drop_nulls().to_numpy()
        for place in range(_BEFORE, len(days))
    ]
    all_of = np.concatenate(stated)
    print(f"{len(stated)} sessions of {', '.join(NAMES)}, each against those before it: {len(all_of):,} contracts")
    print("stated  contracts  times as often as stated")
    for decades in _STATED:
        found = int((all_of >= decades).sum())
        print(f"1 in {10**decades:<6,}{found:6,}  {found / (len(all_of) * 10.0**-decades):.2f}")
