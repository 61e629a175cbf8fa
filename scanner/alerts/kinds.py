"""What a story probably is, and why it might be nothing, as far as a chain shows it.

A chain tells no side and no order; but legs of equal size, calls and puts at one strike, a near expiry whose open
interest could have been closed, a dividend that goes tomorrow, can be seen, and are what most unusual volume turns out
to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanner.alerts.model import Kind
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
    return kind, (*(text for _, text in reasons), *_plain_reasons(lead))


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


def _plain_reasons(lead: Row) -> Iterator[str]:
    price, days, distance = lead.get("mid") or lead.get("last"), lead.get("dte"), lead.get("otm_pct")
    if price is not None and price <= _PENNIES:
        yield f"{price * 100:.0f} cent{'' if round(price * 100) == 1 else 's'} each"
    if distance is not None and distance >= _FAR:
        yield f"{distance:.0%} out of the money"
    if days is not None and days <= 1:
        yield "expires today" if days <= 0 else "expires tomorrow"
    earnings = lead.get("days_to_earnings")
    if earnings is not None and days is not None and 0 <= earnings <= days:
        yield "earnings before it expires"


def _same(first: Row, second: Row, *names: str) -> bool:
    return first is not second and all(first.get(name) == second.get(name) for name in names)
