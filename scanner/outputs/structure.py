"""Positioning on the screen and as JSON: gamma by strike, what goes at each expiry, expected moves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.model import iso, plain
from scanner.errors import ScanProblem
from scanner.outputs import series, terminal
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.text import printable

if TYPE_CHECKING:
    import pandas as pd

_BANDS, _REACH = 11, 0.06
_BAR = 10
_EXPIRIES = 8
_WIDE = 120
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Structure:
    """The positioning of one name at ``moment`` (UTC), of what is not settled by then.

    ``strikes`` has a row a strike, ``expiries`` a row a root and expiry; exposures are in dollars, and what they mean
    is said by :mod:`scanner.metrics.exposures`, whose ``convention`` they follow. ``underlying`` is the name's row of
    the underlying scope; ``gamma_flip`` in it is null under another convention than the usual one. ``without`` counts
    the open contracts that have no volatility and so no exposure. ``move_to`` is one standard deviation of the move to
    a day that was asked for, as a part of the price; None where no expiry is on either side of it. ``history`` has
    ``session_date gex notional_oi`` of the sessions remembered, this one at the end, oldest first.
    """

    symbol: str
    moment: datetime
    convention: str
    words: str
    strikes: pl.DataFrame
    expiries: pl.DataFrame
    underlying: Mapping[str, Any]
    without: int
    simulated: bool
    move_to: tuple[date, float | None] | None
    problems: tuple[ScanProblem, ...]
    history: pl.DataFrame

    @property
    def frame(self) -> pl.DataFrame:
        """The strikes."""
        return self.strikes

    def to_pandas(self) -> pd.DataFrame:
        """``strikes`` as a frame of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.strikes)


def text(found: Structure) -> str:
    """The structure as JSON: what is said of the name, every strike and every expiry; a missing value is null."""
    return (
        to_json(
            {
                "schema": SCHEMA,
                "as_of": iso(found.moment),
                "simulated": found.simulated,
                "convention": found.convention,
                "contracts_without_volatility": found.without,
                "expected_move": None
                if found.move_to is None
                else plain({"to": found.move_to[0], "part": found.move_to[1]}),
                "underlying": plain(found.underlying),
                "history": [plain(row) for row in found.history.iter_rows(named=True)],
                "strikes": [plain(row) for row in found.strikes.iter_rows(named=True)],
                "expiries": [plain(row) for row in found.expiries.iter_rows(named=True)],
            }
        )
        + "\n"
    )


def show(found: Structure, to: Console) -> None:
    """Print the structure: the convention first, gamma by bands of strikes around the price, then the expiries."""
    terminal.print_banner(found.simulated, to)
    for line in _head(found):
        terminal.say(line, to)
    bands = _bands(found)
    if bands:
        for text_line in _profile(bands, float(found.underlying["spot"]), wide=to.width >= _WIDE):
            to.print(text_line, soft_wrap=True)
    to.print()
    to.print(_expiries(found, wide=to.width >= _WIDE))
    for line in _foot(found):
        terminal.say(line, to)


def _head(found: Structure) -> Iterator[Text]:
    row = found.underlying
    price = "price missing" if row.get("spot") is None else f"{row['spot']:,.2f}"
    gex = row.get("gex")
    gamma = "gamma not known" if gex is None else f"gamma {wording.signed_money(gex)} per 1 %"
    yield Text(f"{printable(found.symbol)} {price}   {gamma}, if dealers are {found.words}", style="bold")
    parts = []
    flip, spot = row.get("gamma_flip"), row.get("spot")
    if flip is not None and spot:
        side = f"{'positive' if (gex or 0) < 0 else 'negative'} {'above' if flip > spot else 'below'}"
        parts.append(f"turns {side} {flip:,.1f} ({wording.percent(flip / spot - 1, signed=True)})")
    parts += [f"{name.replace('_', ' ')} {row[name]:,g}" for name in ("call_wall", "put_wall") if row.get(name)]
    if parts:
        yield Text("   ".join(parts))


def _bands(found: Structure) -> list[dict[str, Any]]:
    """Strikes within a tenth or so of the price, in steps of a round number of dollars, each with its sums."""
    spot = found.underlying.get("spot")
    strikes = found.strikes
    if spot is None or strikes.is_empty():
        return []
    width = _round_step(2 * _REACH * spot / _BANDS)
    near = strikes.filter((pl.col("strike") >= spot * (1 - _REACH)) & (pl.col("strike") <= spot * (1 + _REACH)))
    summed = near.with_columns(band=(pl.col("strike") / width + 0.5).floor() * width)
    names = [name for name in summed.columns if name not in ("strike", "band")]
    grouped = summed.group_by("band").agg(
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in names
    )
    return list(grouped.sort("band").iter_rows(named=True))


def _round_step(size: float) -> float:
    scale = 10.0 ** math.floor(math.log10(size))
    return next(scale * step for step in _STEPS if scale * step >= size * 0.999)


def _profile(bands: Sequence[dict[str, Any]], spot: float, *, wide: bool) -> Iterator[Text]:
    most = max((abs(band["gamma_exposure"] or 0.0) for band in bands), default=0.0) or 1.0
    nearest = min(bands, key=lambda band: abs(band["band"] - spot))["band"]
    size, unit = _unit(most)
    heading = f"{'Strike':>8} {'Gamma':>9}"
    if wide:
        yield Text(
            f"{heading}  {'':{2 * _BAR + 1}}  {'OI':>9}  {'Calls':>9} {'Puts':>9} {'Vanna':>9} {'Charm':>9}",
            style="bold",
        )
    for band in bands:
        gamma = band["gamma_exposure"]
        length = 0 if gamma is None else round(_BAR * abs(gamma) / most)
        left = "#" * length if gamma is not None and gamma < 0 else ""
        right = "#" * length if gamma is not None and gamma > 0 else ""
        value = "-" if gamma is None else _figure(gamma / size) + unit
        held = (band["call_oi"] or 0) + (band["put_oi"] or 0)
        line = f"{band['band']:>8,g} {value:>9}  {left:>{_BAR}}|{right:<{_BAR}}  OI {_short(held):>6}"
        if wide:
            cells = [band[name] for name in ("calls_gamma", "puts_gamma", "vanna_exposure", "charm_exposure")]
            line += "  " + " ".join(f"{'-' if cell is None else wording.signed_money(cell):>9}" for cell in cells)
        yield Text(line + ("  <- price" if band["band"] == nearest else ""))


def _expiries(found: Structure, *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    headings = ["Expiry", "Notional", "of OI", "Gamma gone (positive)", "Pain", "Straddle", "Smile"]
    for heading in [*headings, *(["Gamma", "Vanna", "Charm"] if wide else [])]:
        table.add_column(heading, justify="left" if heading == "Expiry" else "right", no_wrap=True)
    session = found.underlying["session_date"]
    rows = found.expiries.sort("notional_oi", descending=True, nulls_last=True).head(_EXPIRIES).sort("expiry")
    for row in rows.iter_rows(named=True):
        notional = "-" if row["notional_oi"] is None else wording.money(row["notional_oi"])
        gone = f"{_share(row['gamma_share'])} ({_share(row['positive_gamma_share'])})"
        pain = "-" if row["max_pain"] is None else f"{row['max_pain']:,g}"
        more = [row[name] for name in ("gamma_exposure", "vanna_exposure", "charm_exposure")] if wide else []
        root = "" if row["root"] == found.symbol else f" {printable(row['root'])}"
        table.add_row(
            wording.day(row["expiry"], session) + root, notional, _share(row["oi_share"]), gone, pain,
            _move(row["expected_move_pct"]), _move(row["smile_move_pct"]),
            *("-" if value is None else wording.signed_money(value) for value in more),
        )  # fmt: skip
    return table


def _foot(found: Structure) -> Iterator[Text]:
    row, parts = found.underlying, []
    if row.get("zero_dte_share"):
        parts.append(f"Expires today: {wording.percent(row['zero_dte_share'], digits=0)} of the volume.")
    sums = {name: float(found.strikes[f"{name}_exposure"].sum()) for name in ("delta", "vanna", "charm")}
    parts.append(
        f"Delta {wording.signed_money(sums['delta'])}, vanna {wording.signed_money(sums['vanna'])} a point of "
        f"volatility, charm {wording.signed_money(sums['charm'])} a day."
    )
    yield Text(" ".join(parts))
    places = [
        f"{words} {series.place(known)}"
        for words, known in (("gamma", found.history["gex"]), ("notional", found.history["notional_oi"]))
        if known[-1] is not None and known.count() > 1
    ]
    if places:
        yield Text(f"In its own history: {', '.join(places)}.")
    if found.move_to is not None:
        day, move = found.move_to
        told = "no expiry beyond it has quotes" if move is None else f"{wording.percent(move)} (one sd)"
        yield Text(f"Expected move to {wording.day(day, row['session_date'])}: {told}.")
    yield Text(
        "A straddle is 0.7 to 0.8 of one standard deviation (sd), the smile one sd: do not mix them.", style="dim"
    )
    if found.expiries["smile_move_pct"].null_count() == found.expiries.height:
        yield Text("No quotes, so that there is no move by the smile.", style="dim")
    if found.without:
        yield Text(f"{found.without:,} open contracts without a volatility count for nothing.", style="dim")
    hidden = found.expiries.height - min(found.expiries.height, _EXPIRIES)
    if hidden:
        yield Text(f"The {_EXPIRIES} expiries with the most open; {hidden} more: --format json.", style="dim")


def _figure(value: float) -> str:
    """One place, with its sign; next to nothing has none."""
    said = f"{value:+.1f}"
    return said if said.strip("+-0.") else "0.0"


def _unit(most: float) -> tuple[float, str]:
    return next(((size, unit) for size, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")) if most >= size), (1.0, ""))


def _short(count: float) -> str:
    return wording.money(count).removeprefix("$")


def _share(value: Any) -> str:
    return "-" if value is None else wording.percent(value, digits=0)


def _move(value: Any) -> str:
    return "-" if value is None else wording.percent(value, digits=2)
