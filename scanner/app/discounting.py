"""The Treasury curve that discounts, how old it is, and fetching a newer one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import clock, configuring
from scanner.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.pricing import Curve


@dataclass(frozen=True, slots=True)
class Yields:
    """The yields in force on a ``day``: a polars frame of ``years`` and ``rate`` (decimal, continuously compounded).

    ``source`` says in words where they are from and how old they are.
    """

    day: date
    source: str
    frame: pl.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


def curve(*, refresh: bool = False, settings: Settings | Place | None = None) -> Yields:
    """The Treasury curve that discounts today; with ``refresh``, carried on to today over the network first.

    Raises UsageError where there is to be a refresh and the configuration names no file for it, SourceError where the
    Treasury does not answer, PricingError where the file cannot be read.
    """
    import polars as pl

    from scanner.app import preparing

    configured = configuring.settings(settings)
    known = _refreshed(configured.pricing.curve) if refresh else preparing.curve(configured)
    today = clock.right_now().date()
    rates = pl.DataFrame({"years": known.tenors, "rate": known.rates(today, known.tenors)})
    return Yields(today, known.source(today), rates)


def _refreshed(path: Path | None) -> Curve:
    """Fetch what is newer than the curve in a file, or than the built-in one where there is no file yet."""
    from scanner.pricing import curve
    from scanner.sources import treasury
    from scanner.sources.http import PoliteClient
    from scanner.store.files import write_atomically

    if path is None:
        raise UsageError(
            "--refresh: the configuration names no file to keep the yields in; add\n\n"
            "  pricing: {curve: treasury.csv}\n\nto it (a path is taken from the configuration's folder)"
        )
    shipped = curve.built_in().last_date
    held = curve.refreshed(path) if path.exists() else curve.built_in()
    kept = {str(path): curve.to_csv(held, after=shipped)} if held.last_date > shipped else {}
    texts = treasury.fetch(range(held.last_date.year, clock.right_now().year + 1), PoliteClient())
    newer = curve.to_csv(curve.parse(kept | texts), after=shipped)
    write_atomically(path, lambda handle: handle.write(newer.encode()))
    return curve.refreshed(path)
