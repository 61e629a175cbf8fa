"""One figure of a name over the sessions that the store remembers."""

from __future__ import annotations

import difflib
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from scanner.app import configuring, opening
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.fields import Field
    from scanner.outputs.series import Series


def history(
    symbol: str,
    field: str,
    *,
    source: str | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> Series:
    """A field of the underlying scope over the stored sessions of a name, restated for splits, gaps left as gaps.

    Fields are those that are remembered of a session (``docs/fields.md``). Of several sources the one that has the most
    sessions of the name, unless one is named: vendors count differently, and a series mixes none. Raises UsageError for
    another field, StoreError where nothing of the name is stored.
    """
    import polars as pl

    from scanner.market import symbology
    from scanner.outputs.series import Series

    wanted = _field(field)
    configured = configuring.settings(settings, store=store)
    opened = opening.open_history(configured)
    name = opened.spellings.of(pl.DataFrame({"underlying": [symbology.ticker(symbol)]}))["underlying"][0]
    found: list[tuple[int, str, pl.DataFrame]] = []
    for place in [source] if source else opened.summaries.sources():
        days = opened.summaries.sessions(place)
        if not days:
            continue
        past = opened.history.panel(place, [name], days[-1] + timedelta(days=1)).underlying_sessions
        rows = past.filter(pl.col("underlying") == name)
        if not rows.is_empty():
            found.append((rows.height, place, rows))
    if not found:
        raise StoreError(f"{opened.path} remembers no session of {name}; see `scanner store info`")
    _, place, rows = max(found, key=lambda item: item[0])
    first, last = (cast("date", day) for day in (rows["session_date"].min(), rows["session_date"].max()))
    sessions = configured.exchange_calendar.sessions_between(first, last)
    values = rows.select("session_date", pl.col(wanted.name).alias("value"))
    frame = pl.DataFrame({"session_date": sessions}).join(values, on="session_date", how="left", maintain_order="left")
    simulated = "simulated" in rows.columns and bool(rows["simulated"].any())
    return Series(name, wanted, place, frame, simulated)


def _field(name: str) -> Field:
    """The remembered number of that name, or of that title. Raises UsageError with those there are."""
    from scanner import fields

    kept = {one.name: one for one in fields.of("underlying").values() if one.remembered and one.numeric}
    titled = {one.title: one for one in kept.values()}
    if name in kept or name in titled:
        return kept.get(name) or titled[name]
    near = difflib.get_close_matches(name, kept, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise UsageError(f"{name} is not remembered of a session; there are {', '.join(kept)}{hint}")
