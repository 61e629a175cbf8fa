"""What a story probably is, and why it might be nothing, as far as a chain shows it.

A chain tells no side and no order; but legs of equal size, calls and puts at one strike, a near expiry whose open
interest could have been closed, a dividend that goes tomorrow, can be seen, and are what most unusual volume turns out
to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from scanner import wording
from scanner.alerts.model import Kind

if TYPE_CHECKING:
    from scanner.alerts.surroundings import Row

LEG_LOTS, LEG_TOLERANCE = 100, 0.005
_BOTH_RIGHTS = 0.97
_LIKELY = 0.5
_PENNIES, _DEEP, _FAR = 0.05, -0.05, 0.25


def equal(first: float, second: float, tolerance: float = LEG_TOLERANCE) -> bool:
    """Whether two volumes are the same size, as the legs of one order are."""
    small, large = sorted((first, second))
    return small >= LEG_LOTS and large - small <= tolerance * large


def probably(members: Sequence[Row], legs: Sequence[Row]) -> tuple[Kind, tuple[str, ...]]:
    """The kind of a story, and reasons why it might be nothing.

    ``members`` are its contract rows, the rarest first; ``legs`` others of the name that traded the lead's size.
    """
    lead = members[0]
    reasons = list(_structure(lead, members, legs))
    kind = reasons[0][0] if reasons else _direction(lead)
    return kind, (*(text for _, text in reasons), *_plain_reasons(members))


def _structure(lead: Row, members: Sequence[Row], legs: Sequence[Row]) -> Iterator[tuple[Kind, str]]:
    if lead.get("roll_suspect"):
        yield Kind.roll, "may be a roll: about the same size traded at this strike in a nearer or later expiry"
    if _captures_dividend(lead):
        yield Kind.dividend_capture, "calls in the money bought and exercised before the ex-dividend date"
    for other in (*members, *legs):
        if _same(lead, other, "expiry", "strike", "root") and lead["right"] != other["right"]:
            small, large = sorted((lead["volume"], other["volume"]))
            if small >= LEG_LOTS and small >= _BOTH_RIGHTS * large:
                calls, puts = (lead, other) if lead["right"] == "C" else (other, lead)
                yield (
                    Kind.conversion,
                    f"{calls['volume']:,} calls and {puts['volume']:,} puts, a straddle or conversion",
                )
                return
    for other in (*members[1:], *legs):
        if equal(lead["volume"], other["volume"]):
            yield _of_legs(lead, other)
            return


def _of_legs(lead: Row, other: Row) -> tuple[Kind, str]:
    """Two contracts of one size: a diagonal roll where the nearer could be a closing, else a spread."""
    near = min(lead, other, key=lambda row: row["expiry"])
    named = f"{other['strike']:g} {'call' if other['right'] == 'C' else 'put'} of {other['expiry']:%d %b %Y}"
    size = f"{other['volume']:,} traded in the {named} too"
    closing = (near.get("open_interest") or 0) >= near["volume"]
    if lead["right"] == other["right"] and lead["expiry"] != other["expiry"] and closing:
        return Kind.roll, f"{size}: may be a roll"
    return Kind.spread, f"{size}: may be a leg of a spread"


def _captures_dividend(lead: Row) -> bool:
    days, depth = lead.get("days_to_ex_date"), lead.get("otm_pct")
    return lead["right"] == "C" and days is not None and days <= 4 and depth is not None and depth <= _DEEP


def _direction(lead: Row) -> Kind:
    chance, interest = lead.get("opening_chance"), lead.get("open_interest")
    beyond = interest is not None and lead["volume"] > interest
    return Kind.opening if beyond or (chance is not None and chance >= _LIKELY) else Kind.unknown


def _plain_reasons(members: Sequence[Row]) -> Iterator[str]:
    """What is true of every contract of the story: a ladder of two expiries does not expire today."""
    prices = _all(row.get("mid") or row.get("last") for row in members)
    distances = _all(row.get("otm_pct") for row in members)
    days = [row.get("dte") for row in members]
    if prices and prices[-1] <= _PENNIES:
        low, high = f"{prices[0] * 100:.2g}", f"{prices[-1] * 100:.2g}"
        yield f"{high} cent{'' if high == '1' else 's'} each" if low == high else f"{low} to {high} cents each"
    if distances and distances[0] >= _FAR:
        low, high = (wording.percent(distance, digits=0) for distance in (distances[0], distances[-1]))
        yield f"{low} out of the money" if low == high else f"at least {low} out of the money"
    if all(left is not None and left <= 0 for left in days):
        yield "expires today"
    elif all(left == 1 for left in days):
        yield "expires tomorrow"
    if all(_earnings_before_expiry(row) for row in members):
        yield "earnings before it expires"


def _all(values: Iterable[float | None]) -> list[float]:
    """The values from the smallest on; none at all where one is missing, for nothing is known of them all then."""
    listed = list(values)
    known = sorted(value for value in listed if value is not None)
    return known if len(known) == len(listed) else []


def _earnings_before_expiry(row: Row) -> bool:
    days, earnings = row.get("dte"), row.get("days_to_earnings")
    return earnings is not None and days is not None and 0 <= earnings <= days


def _same(first: Row, second: Row, *names: str) -> bool:
    return first is not second and all(first.get(name) == second.get(name) for name in names)
