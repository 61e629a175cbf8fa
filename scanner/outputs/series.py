"""One figure of a name over the sessions that the store remembers: a small chart, a table, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.text import Text

from scanner import wording
from scanner.alerts.model import iso
from scanner.fields import Field
from scanner.outputs import terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.text import printable

if TYPE_CHECKING:
    import pandas as pd

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = "12345678"
_GAP = " "
_DATED = 8
_WIDE = 120


@dataclass(frozen=True, slots=True)
class Series:
    """A field of a name, ``frame`` with ``session_date value``: a row for every session of the exchange from the first
    remembered one to the last, null where the store has nothing, or nothing trusted."""

    symbol: str
    field: Field
    source: str
    frame: pl.DataFrame
    simulated: bool = False

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


def text(found: Series, form: str) -> str:
    """The series as ``json`` (schema, name, field, unit, source, values) or ``csv``."""
    if form == "csv":
        return csv_document(found.frame.columns, found.frame.iter_rows())
    values = [{"session_date": iso(day), "value": value} for day, value in found.frame.iter_rows()]
    told = {"underlying": found.symbol, "field": found.field.name, "unit": found.field.unit.value}
    return to_json({"schema": SCHEMA, **told, "source": found.source, "values": values}) + "\n"


def show(found: Series, to: Console) -> None:
    """Print what the figure is now and where that lies, the chart, and where there is room its last values."""
    terminal.print_banner(found.simulated, to)
    known = found.frame.drop_nulls("value")
    if known.is_empty():
        terminal.say(f"{printable(found.symbol)}: nothing of {found.field.title} is known in the sessions stored.", to)
        return
    first, last = known["session_date"][0], known["session_date"][-1]
    span = f"{wording.day(first, last)} to {wording.day(last, last)} {last.year}"
    head = f"{printable(found.symbol)} {found.field.title}, {span} ({terminal.counted(known.height, 'session')})"
    terminal.say(Text(f"{head}   now {found.field.say(known['value'][-1])}, {place(known['value'])}", style="bold"), to)
    ends = (found.field.say(known["value"][0]), found.field.say(known["value"][-1]))
    room = max(to.width - len(ends[0]) - len(ends[1]) - 4, 10)
    chart = _chart(found.frame["value"].to_list()[-room:], plain=to.options.ascii_only)
    to.print(Text(f" {ends[0]} {chart} {ends[1]}"), soft_wrap=True)
    if to.width >= _WIDE:
        for line in _dated(found):
            to.print(line, soft_wrap=True)


def place(values: pl.Series) -> str:
    """Where the newest value lies among all of them, and among how many."""
    now, others = values[-1], values.count()
    if others == 1:
        return "the only one known"
    above, below = int((values > now).sum()), int((values < now).sum())
    end, before = ("highest", above) if above <= below else ("lowest", below)
    return f"the {end} of {others:,}" if before == 0 else f"{_ordinal(before + 1)} {end} of {others:,}"


def _ordinal(place: int) -> str:
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def _chart(values: list[float | None], *, plain: bool) -> str:
    """A block a session, as high as its value between the least and the most; a gap stays blank."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    blocks = _PLAIN_BLOCKS if plain else _BLOCKS
    steps = len(blocks) - 1

    def block(value: float | None) -> str:
        if value is None:
            return _GAP
        return blocks[steps // 2 if high == low else round(steps * (value - low) / (high - low))]

    return "".join(map(block, values))


def _dated(found: Series) -> Iterator[Text]:
    newest: date = found.frame["session_date"][-1]
    for day, value in found.frame.tail(_DATED).iter_rows():
        yield Text(f"  {wording.day(day, newest):>6}  {found.field.say(value)}")
