"""The tape of one name as a live source gives it: contract by contract, those that traded most first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from scanner.app import clock, opening
from scanner.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.config import Settings
    from scanner.sources.base import Source, TellsFlagged, TellsPrints
    from scanner.tape.prints import Problem, Tape

_MOST_CONTRACTS = 40
# Prints of a session come before and after its trading hours too.
_AROUND = timedelta(hours=8)


def tape(name: str, contract: str | None, moment: datetime | None, settings: Settings, *, flagged: bool) -> Tape:
    """The prints of a session up to ``moment`` (None: now), of one contract or of those that trade most.

    Raises SourceError where the source fails, UsageError where it has none.
    """
    from scanner.sources.base import Gives
    from scanner.tape.prints import Problem, Tape

    calendar, until = settings.exchange_calendar, moment or clock.right_now()
    session = calendar.session_of(until)
    first, last = calendar.session_open(session) - _AROUND, min(until, calendar.session_close(session) + _AROUND)
    wanted, what = (Gives.flagged, "flagged trades") if flagged else (Gives.trades, "prints")
    source = opening.source_that_gives(settings, wanted, what, "`--path FILE` reads a recorded tape")
    if flagged:
        found = cast("TellsFlagged", source).flagged(name, first, last)
        only = Problem("flagged_alone", "only what the vendor finds unusual: no whole tape, and nothing to import", 0)
        return Tape(found.prints, (only, *found.problems))
    contracts, problems = ([contract], []) if contract else _most_traded(source, name, until)
    return _together(cast("TellsPrints", source), contracts, first, last, problems)


def _most_traded(source: Source, name: str, until: datetime) -> tuple[list[str], list[Problem]]:
    """The contracts of a name that traded most so far, and what was left out."""
    import polars as pl

    from scanner.tape.prints import Problem

    if clock.right_now() - until > _AROUND:
        raise UsageError("--contract: of a past session the source does not say which contracts traded; name one")
    (fetched,) = source.chains([name], until)
    if fetched.chain is None:
        raise SourceError(fetched.error.message if fetched.error else f"{name}: no chain", "no_tape")
    traded = fetched.chain.filter(pl.col("volume") > 0).sort("volume", descending=True, maintain_order=True)
    asked = traded.head(_MOST_CONTRACTS)
    if asked.height == traded.height:
        return asked["contract"].to_list(), []
    share = int(asked["volume"].sum()) / int(traded["volume"].sum())
    few = f"of {traded.height:,} contracts the {asked.height} that traded most were asked for, {share:.0%} of the lots"
    return asked["contract"].to_list(), [Problem("part_alone", few, 0)]


def _together(
    source: TellsPrints, contracts: Sequence[str], first: datetime, last: datetime, problems: list[Problem]
) -> Tape:
    """The tapes of several contracts as one. A contract whose prints cannot be had costs itself alone."""
    import polars as pl

    from scanner.sources.tapes.base import added_up
    from scanner.tape.prints import Problem, Tape, empty

    parts = [empty()]
    for contract in contracts:
        try:
            found = source.prints(contract, first, last)
        except SourceError as error:
            if len(contracts) == 1 or error.code in ("unauthorised", "not_entitled", "unreachable", "quota_spent"):
                raise
            problems.append(Problem("not_given", f"{contract}: its prints could not be had: {error}", 0))
            continue
        parts.append(found.prints)
        problems += found.problems
    together = pl.concat(parts).sort("time", "sequence", maintain_order=True, nulls_last=True)
    return Tape(together, tuple(added_up(problems)))
