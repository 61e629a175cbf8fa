"""The trade tape of one name: its orders, packages and campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from scanner.app import asked_tapes, clock, configuring, opening
from scanner.errors import SourceError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.market.calendar import Calendar
    from scanner.outputs.tape import TapeView
    from scanner.tape.prints import Tape


def tape(
    symbol: str,
    *,
    contract: str | None = None,
    min_premium: float | None = None,
    as_of: str | date | None = None,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    quotes: Place | None = None,
    flagged: bool = False,
    store: Place | None = None,
) -> TapeView:
    """One name's orders of a session, put together out of its prints.

    The tape is a recorded one (``path``: a file, with the quotes of the file ``quotes`` or of the one that a vendor
    puts beside it), the ``simulated`` source's, what a live source gives of the contracts that traded most (of one
    with ``contract``), or what `scanner import` put into the store: that of the newest session, or of ``as_of``'s up to
    that moment. Narrowed to one ``contract`` (a symbol in any dialect) and to orders worth ``min_premium`` dollars.
    ``flagged``: the trades alone that the live source itself finds unusual. Raises SourceError where there is no tape,
    UsageError for a contract that cannot be read, or a source that has no prints.
    """
    from pathlib import Path

    import polars as pl

    from scanner.market.symbology import parse_osi, ticker
    from scanner.outputs.tape import TapeView
    from scanner.sources.tapes.files import read_tape
    from scanner.tape.prints import Tape
    from scanner.tape.reading import read

    configured = configuring.settings(settings, store=store, source=source)
    calendar, name = configured.exchange_calendar, ticker(symbol)
    moment = configuring.instant_for(as_of, calendar)
    try:
        wanted = None if contract is None else parse_osi(contract).osi
    except ValueError as error:
        raise UsageError(f"--contract {error}") from error
    if path is None and source is not None and configured.source != ("simulated",):
        received = asked_tapes.tape(name, wanted, moment, configured, flagged=flagged)
    elif flagged:
        raise UsageError("--flagged: the trades that a live source finds unusual; name it with --source")
    elif path is None:
        received = _received(name, moment, configured, named=source is not None)
    else:
        received = read_tape(Path(path), None if quotes is None else Path(quotes))
    found = received.prints.filter(pl.col("underlying").cast(pl.String) == name)
    if found.is_empty():
        raise SourceError(f"{name}: no print of it {_until(moment)}", "no_tape")
    session = found["session_date"].max()
    assert isinstance(session, date)
    until = min(moment or clock.right_now(), _ends(calendar, session))
    found = found.filter((pl.col("session_date") == session) & (pl.col("time") <= until))
    reading = read(Tape(found, received.problems))
    least = 0.0 if min_premium is None else min_premium
    orders = reading.orders.filter(_of(wanted), pl.col("premium") >= least)
    packages = reading.packages.filter(
        pl.col("premium") >= least, True if wanted is None else pl.col("contracts").list.contains(wanted)
    )
    campaigns = reading.campaigns.filter(_of(wanted), pl.col("premium") >= least)
    prints = found.filter(_of(wanted))
    simulated = bool(found["simulated"].any())
    return TapeView(name, session, until, prints, orders, packages, campaigns, reading, simulated, reading.problems)


def _of(wanted: str | None) -> pl.Expr:
    import polars as pl

    return pl.lit(value=True) if wanted is None else pl.col("contract").cast(pl.String) == wanted


def _ends(calendar: Calendar, session: date) -> datetime:
    """The end of a New York day: no print of a session is later."""
    from datetime import timedelta

    return calendar.session_close(session) + timedelta(hours=8)


def _until(moment: datetime | None) -> str:
    return "on this tape" if moment is None else f"up to {moment:%Y-%m-%d %H:%M} UTC"


def _received(name: str, moment: datetime | None, settings: Settings, *, named: bool) -> Tape:
    """The tape from where it was asked: the simulated market, or the store."""
    from scanner.tape.prints import Tape, conform

    if named and settings.source == ("simulated",):
        from scanner.sources.simulated import SimulatedSource

        return conform(SimulatedSource().tape(name, moment or clock.right_now()), source="simulated")
    kept = opening.open_store(settings, read_only=True).tapes
    days = [item.session for item in kept.kept() if item.underlying == name]
    day = max(days, default=None) if moment is None else settings.exchange_calendar.session_of(moment)
    if day is None or day not in days:
        raise SourceError(
            f"{name}: the store holds no tape of it{'' if moment is None else f' of {day}'}; "
            "`scanner import FILE` takes one, --path FILE shows one, --source simulated invents one",
            "no_tape",
        )
    return Tape(kept.load(day, [name], moment))
