"""Where the open interest of one name sits, and what it exposes whoever hedges it to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from scanner.app import configuring, looking
from scanner.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.frames import Frame
    from scanner.outputs.structure import Structure


def structure(
    symbol: str,
    *,
    convention: str = "calls-long-puts-short",
    to: str | date | None = None,
    as_of: str | date | None = None,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    chain: Frame | None = None,
    store: Place | None = None,
    accept_terms: Sequence[str] = (),
) -> Structure:
    """Exposures by strike and expiry, walls, zero gamma, max pain, notional and expected moves of one name.

    ``convention`` is what dealers are taken to hold (:class:`scanner.metrics.exposures.Convention`), ``to`` a day for
    which the expected move is told too. The others are as in :func:`~scanner.app.looking.chain`; nothing is kept.
    Raises UsageError for another convention and for a day that has passed, and what opening a source raises.
    """
    from scanner.market.symbology import ticker
    from scanner.metrics import exposures
    from scanner.outputs.structure import Structure

    try:
        taken = exposures.Convention(convention)
    except ValueError:
        raise UsageError(f"--convention {convention}: there are {', '.join(exposures.Convention)}") from None
    configured = configuring.settings(settings, store=store, source=source, path=path, accept_terms=accept_terms)
    received, moment, measured = looking.look_at(
        ticker(symbol), as_of, configured, named_source=bool(source or path), handed_in=chain
    )
    frames, calendar = measured.frames, configured.exchange_calendar
    held = exposures.live(frames["contract"], frames["expiry"], calendar, taken)
    expiries = exposures.by_expiry(held, frames["expiry"])
    underlying = dict(frames["underlying"].row(0, named=True))
    kept = dict(underlying)
    if taken is not exposures.Convention.calls_long_puts_short:
        # What is kept of sessions follows the usual convention, and is no past of another one.
        sums = {f"{kind}_exposure": held[f"{kind}_exposure"].sum() for kind in ("delta", "vanna", "charm")}
        underlying |= {"gex": held["gamma_exposure"].sum(), "gamma_flip": None, **sums}
        kept |= {"gex": None}
    day = None if to is None else configuring.day_for("--to", to)
    if day is not None and day <= frames["contract"]["session_date"][0]:
        raise UsageError(f"--to {day}: that day has passed")
    opened = held.filter(held["open_interest"] > 0)
    return Structure(
        symbol=underlying["underlying"],
        moment=moment,
        convention=taken.value,
        words=taken.words,
        strikes=exposures.by_strike(held),
        expiries=expiries,
        underlying=underlying,
        without=opened["gamma_exposure"].null_count(),
        simulated=bool(frames["contract"]["simulated"].any()),
        move_to=None if day is None else (day, exposures.move_to(expiries, day)),
        problems=tuple(received.problems),
        history=_history(measured.panel.underlying_sessions, kept),
    )


def _history(past: pl.DataFrame, today: Mapping[str, Any]) -> pl.DataFrame:
    """``session_date gex notional_oi`` of a name's sessions remembered, and of the one that is looked at."""
    import polars as pl

    from scanner.metrics.underlying import remembered

    names = ("session_date", "gex", "notional_oi")
    own = remembered(past).filter(underlying=today["underlying"]).select(names).sort("session_date")
    return pl.concat([own, pl.DataFrame([{name: today[name] for name in names}], schema=own.schema)])
