"""One figure of a name over the sessions that the store remembers."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

from scanner.app import configuring, opening
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.fields import Field
    from scanner.outputs.series import Series


# What follows from what is remembered; see scanner.metrics.over_time.
DERIVED = (
    "previous_close", "spot_change", "spot_change_5", "spot_change_week", "put_call_volume_prev",
    "put_call_volume_change", "iv30_change", "iv30_change_week", "skew_change", "volume_ratio_5", "volume_ratio_20",
    "call_volume_ratio_20", "back_volume_ratio_20", "hv_20", "iv_hv_ratio", "iv_sessions", "iv_rank_252",
    "iv_percentile_252", "zero_dte_percentile_252", "notional_percentile_252",
)  # fmt: skip


def history(
    symbol: str,
    field: str,
    *,
    together: str | Sequence[str] = (),
    source: str | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> Series:
    """A figure of the underlying scope over the stored sessions of a name, restated for splits, gaps left as gaps.

    Fields are those that are remembered of a session (``docs/fields.md``) and those that follow from them: changes,
    means, ranks, realised volatility, distances to means of closes. ``together`` names other share classes of the same
    company, with which volumes, open interest, money and their ratios are told as one. Of several sources the one that
    has the most sessions of the name, unless one is named: vendors count differently, and a series mixes none. Raises
    UsageError for another field, StoreError where nothing of the name is stored.
    """
    import polars as pl

    from scanner.market import symbology
    from scanner.metrics import over_time, returns, underlying
    from scanner.outputs.series import Series

    wanted = _field(field)
    others = [together] if isinstance(together, str) else list(together)
    if others and not over_time.can_be_added(wanted):
        raise UsageError(f"--with {', '.join(others)}: {wanted.title} is of one share class alone, and no sum")
    configured = configuring.settings(settings, store=store)
    opened = opening.open_history(configured)
    asked = pl.DataFrame({"underlying": [symbology.ticker(name) for name in (symbol, *others)]})
    names = opened.spellings.of(asked)["underlying"].to_list()
    found: list[tuple[int, str, pl.DataFrame]] = []
    for place in [source] if source else opened.summaries.sources():
        days = opened.summaries.sessions(place)
        if not days:
            continue
        past = opened.history.panel(place, names, days[-1] + timedelta(days=1)).underlying_sessions
        rows = past.filter(pl.col("underlying").is_in(names))
        if not rows.is_empty() and rows["underlying"].n_unique() == len(names):
            found.append((rows.height, place, underlying.remembered(rows)))
    if not found:
        raise StoreError(f"{opened.place} remembers no session of {' and '.join(names)}; see `scanner store info`")
    _, place, rows = max(found, key=lambda item: item[0])
    simulated = "simulated" in rows.columns and bool(rows["simulated"].any())
    title = "+".join(names)
    kept = over_time.together(rows, title) if others else rows
    first, last = (cast("date", day) for day in (rows["session_date"].min(), rows["session_date"].max()))
    sessions = pl.DataFrame({"session_date": configured.exchange_calendar.sessions_between(first, last)})
    values = sessions.join(kept, on="session_date", how="left", maintain_order="left")
    if not others:
        told = opened.closes.before(last + timedelta(days=1), names, opened.events)
        closes = returns.closes(kept, told).select("session_date", close="spot")
        values = over_time.with_derived(values.join(closes, on="session_date", how="left", maintain_order="left"))
    return Series(title, wanted, place, values.select("session_date", pl.col(wanted.name).alias("value")), simulated)


def _field(name: str) -> Field:
    """The number of that name, or of that title, that there is a series of. Raises UsageError with those there are."""
    from scanner import fields
    from scanner.metrics import over_time

    of_scope = fields.of("underlying")
    derived = [of_scope[one] for one in DERIVED]
    kept = {
        one.name: one for one in (*of_scope.values(), *derived) if one.numeric and (one.remembered or one in derived)
    }
    kept |= over_time.EXTRA
    titled = {one.title: one for one in kept.values()}
    if name in kept or name in titled:
        return kept.get(name) or titled[name]
    near = difflib.get_close_matches(name, kept, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise UsageError(f"{name}: there is no series of it; there are {', '.join(kept)}{hint}")
