"""Simulated tapes whose truth is known, of a seed that nothing was set by."""

from __future__ import annotations

from datetime import date

import polars as pl

from scanner.sources.simulated import sample_tape
from scanner.tape.prints import conform
from scanner.tape.reading import Reading, read

SEED, DAYS = 77, (date(2025, 6, 12), date(2025, 6, 13))
NAMES = ("GOOG", "KO", "AAPL", "BA", "XOM", "TLT")
_TRUTH = ("sequence", "aggressor", "customer", "order")


def tapes() -> list[tuple[Reading, pl.DataFrame]]:
    """Each day's tape read, and beside it the truth (``sequence aggressor customer order``)."""
    found = []
    for day in DAYS:
        raw = sample_tape(SEED, NAMES, day)
        found.append((read(conform(raw, source="simulated")), raw.select(_TRUTH)))
    return found
