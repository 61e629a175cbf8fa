"""An alert as a person reads it: what and how far off, how rare, what is beside it, why it might be nothing.

Words come from here, from :mod:`scanner.outputs.clauses` and from the field table, never from the names of columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from scanner import wording
from scanner.alerts.model import Alert, Confirmation, Kind
from scanner.alerts.verdict import Verdict
from scanner.market import symbology
from scanner.outputs import clauses, numbers, tape_words
from scanner.outputs.text import printable

# Stars from which on an alert is rare, the surprise from which on money is.
_RARE_STARS, _RARE_MONEY = 4, 1.0
# A surprise of less is nothing that anybody would remark upon.
_REMARKABLE = 1.0
_TELLING = 3
# What stands in other parts of the sentence, or is only there to be kept.
_ELSEWHERE = frozenset(
    {
        "dte", "spot", "history_sessions", "once_in_sessions", "premium", "premium_surprise", "first_strike",
        "last_strike", "volume_expected", "volume_multiple", "volume_q", "bid", "ask", "last", "score",
    }
)  # fmt: skip
_BEFORE = "_prev"


@dataclass(frozen=True, slots=True)
class Sentence:
    """The parts of what is said of an alert.

    ``about`` is the contract, strikes or name; ``measure`` how far off it is, ``short`` the same in few figures;
    ``rarity`` how seldom as much comes; ``beside`` what goes on in the name, the most telling first; ``doubts`` why it
    might be nothing.
    """

    about: str
    measure: tuple[str, ...]
    short: tuple[str, ...]
    rarity: tuple[str, ...]
    beside: tuple[str, ...]
    doubts: tuple[str, ...]


def of(alert: Alert) -> Sentence:
    """The sentence of an alert."""
    return Sentence(
        about=about(alert),
        measure=tuple(_measure(alert)),
        short=tuple(_measure(alert, short=True)),
        rarity=tuple(_rarity(alert)),
        beside=tuple(_beside(alert)),
        doubts=tuple(_doubts(alert)),
    )


def story(alert: Alert) -> Iterator[str]:
    """What there is to say beyond the lines: by which rule, of which contracts, what they are of their expiry."""
    said = alert.message
    for name in (alert.contract, *alert.drivers):
        said = said if name is None else said.replace(name, contract(name, alert.session_date))
    yield printable(f"{alert.title}. {said}")
    named = [contract(name, alert.session_date) for name in alert.drivers]
    if named:
        told = "Led by" if alert.contract is None else "Told together with"
        more = alert.context.get("story", {}).get("contracts", 0) - 1 - len(named)
        yield f"{told} {'; '.join(named)}" + (f"; and {more:,} more" if more > 0 and alert.contract else "") + "."
    share = alert.context.get("strike_volume_share")
    if share is not None and alert.right is not None:
        side = "calls" if alert.right == "C" else "puts"
        yield f"It was {wording.percent(share, digits=0)} of the expiry's {side}."
    moved = clauses.put_call_moved(alert.context)
    if moved is not None and alert.underlying is not None:
        yield f"{printable(alert.underlying)}'s {moved}."
    surprise = alert.evidence.get("combined_surprise")
    if alert.scope == "contract" and surprise is not None:
        yield f"For the contract alone, {wording.chance(surprise)}."
    yield from tape_words.of_evidence(alert.evidence)


def verdict(said: Verdict) -> str:
    """What the open interest said, in a line: ``12 Aug: MU 1,150 call, 14 Aug OPENED 4,668 of 5,399 (86 %)``.

    It is said of what the alert rests on, not of the story told with it: only of that the open interest was compared.
    """
    day = wording.day(said.session_date, said.session_date)
    what = f"{'SIMULATED ' if said.alert.simulated else ''}{day}: {rests_on(said.alert)}"
    if said.outcome is Confirmation.unconfirmable:
        return f"{what}: no open interest will tell"
    verb = "OPENED" if said.outcome is Confirmation.confirmed else "NOT opened"
    if said.opened is None or not said.volume:
        return f"{what} {verb}"
    share = f" ({wording.percent(said.opened / said.volume, digits=0)})" if said.opened > 0 else ""
    return f"{what} {verb}: {said.opened:,} of {said.volume:,}{share}"


def fitted(parts: Iterable[str], width: int, joint: str = "; ") -> str:
    """As many of the parts, from the first on, as fit into a width; the first is always there."""
    text = ""
    for part in parts:
        longer = f"{text}{joint}{part}" if text else part
        if text and len(longer) > width:
            break
        text = longer
    return text


def about(alert: Alert) -> str:
    """What an alert is about: ``GOOG 235 call, 12 Sep``, ``MU 105-125 puts, 14 Aug``, ``TSLA``."""
    story = alert.context.get("story")
    if story is not None and alert.scope in ("contract", "strike", "ladder"):
        words = _of_story(story, alert)
    else:
        words = _of_alert(alert)
    return printable(words)


def rests_on(alert: Alert) -> str:
    """What of its story an alert rests on, whose open interest alone is compared: ``MU 700 put, 17 Dec 2027``."""
    return printable(_of_alert(alert))


def _of_story(story: dict[str, Any], alert: Alert) -> str:
    (low, high), (first, last) = story["strikes"], map(date.fromisoformat, story["expiries"])
    days = [wording.day(day, alert.session_date) for day in dict.fromkeys((first, last))]
    roots = "/".join(story["roots"])
    return f"{roots} {_span(low, high)} {_rights(story['rights'], story['contracts'], alert.kind)}, {'-'.join(days)}"


def _rights(rights: str, contracts: int, kind: Kind) -> str:
    if len(rights) > 1:
        return "straddle?" if kind is Kind.conversion and contracts == 2 else "calls+puts"
    return ("call" if rights == "C" else "put") + ("" if contracts == 1 else "s")


def _span(low: float, high: float) -> str:
    return f"{low:,g}" if low == high else f"{low:,g}-{high:,g}"


def _of_alert(alert: Alert) -> str:
    if alert.contract is not None:
        return contract(alert.contract, alert.session_date)
    roots = alert.context.get("story", {}).get("roots", ()) if alert.scope in ("strike", "ladder") else ()
    words = ["/".join(roots) or alert.underlying or "Market"]
    first, last = alert.evidence.get("first_strike"), alert.evidence.get("last_strike")
    if alert.strike is not None:
        words.append(f"{alert.strike:,g}")
    elif first is not None and last is not None:
        words.append(_span(first, last))
    if alert.right is not None:
        words.append("calls" if alert.right == "C" else "puts")
    elif alert.scope == "strike":
        words.append("calls+puts")
    name = " ".join(words)
    return name if alert.expiry is None else f"{name}, {wording.day(alert.expiry, alert.session_date)}"


def contract(symbol: str, session: date) -> str:
    """A contract's symbol in words, ``NVDA 130 put, 21 Jun``; whatever else it is, as it stands."""
    try:
        found = symbology.parse_osi(symbol)
    except ValueError:
        return printable(symbol)
    right = "call" if found.right == "C" else "put"
    return f"{found.root} {found.strike:,g} {right}, {wording.day(found.expiry, session)}"


def traded(alert: Alert) -> tuple[float, float | None, int] | None:
    """Volume, what is usual, and of how many sessions, where an alert is about the volume of contracts."""
    told, evidence = alert.context.get("story"), alert.evidence
    if alert.scope not in ("contract", "strike", "ladder"):
        return None
    if told is not None:
        return told["traded"], told["usual"], told["sessions"]
    volume, usual = evidence.get("volume"), evidence.get("volume_expected")
    return None if volume is None or usual is None else (volume, usual, 1)


def _measure(alert: Alert, *, short: bool = False) -> Iterator[str]:
    """How far off: volume beside what is usual and what it is worth, else the figures that the rule looked at."""
    told = traded(alert)
    if told is None:
        yield printable(alert.title[:1].lower() + alert.title[1:])
        yield from _figures(alert)
        return
    volume, usual, sessions = told
    span = "" if sessions == 1 else f" in {sessions} sessions"
    if short:
        yield wording.quotient(volume, usual) + span.replace(" in", ",")
    else:
        yield f"{volume:,.0f} traded{span}"
        yield wording.against(volume, usual)
    if alert.premium is not None:
        yield wording.money(alert.premium)


def _figures(alert: Alert) -> Iterator[str]:
    """The first figures of the rule, each by its title; what stands beside one of the session before, with it."""
    told = {**alert.context, **alert.evidence}
    # A change is said by what changed, where both of its ends are known.
    names = (_changed(name, told) for name in alert.evidence)
    for name in [name for name in dict.fromkeys(names) if _is_telling(name, told.get(name))][:_TELLING]:
        said = f"{numbers.title(alert.scope, name)} {numbers.with_unit(alert.scope, name, told[name])}"
        before = told.get(name + _BEFORE)
        yield said if before is None else f"{said} ({numbers.with_unit(alert.scope, name + _BEFORE, before)})"


def _changed(name: str, told: Mapping[str, Any]) -> str:
    level = name.removesuffix("_change")
    return level if told.get(level) is not None and told.get(level + _BEFORE) is not None else name


def _is_telling(name: str, value: Any) -> bool:
    """Whether a value is a number worth saying, and not said elsewhere."""
    kept_apart = name in _ELSEWHERE or "_surprise" in name or name.endswith(_BEFORE)
    return not kept_apart and isinstance(value, int | float) and not isinstance(value, bool)


def _rarity(alert: Alert) -> Iterator[str]:
    """How sure: how often as much comes on this list, and as much money in this name."""
    if alert.evidence.get("uncalibrated"):
        yield "a fixed threshold, not calibrated"
    elif alert.baseline.kind == "prior":
        yield "built-in baseline: its own history is too short for a rank"
    elif alert.once_in_sessions is not None:
        yield f"{wording.once(alert.once_in_sessions)} on this list"
    else:
        yield from _odds(alert)
    if alert.discovery and (alert.stars or 0) >= _RARE_STARS:
        yield "stands out among all contracts"
    money = alert.premium_surprise
    if money is not None and money >= _RARE_MONEY:
        yield f"money in {printable(alert.underlying or 'it')}: once in {10**money:,.0f}"
    elif money is not None and (alert.stars or 0) >= _RARE_STARS:
        yield "but the money is nothing rare"


def _odds(alert: Alert) -> Iterator[str]:
    surprises = [value for name, value in alert.evidence.items() if "_surprise" in name and value is not None]
    if surprises:
        chance = wording.chance(max(surprises))
        yield f"{chance} in itself" if max(surprises) < _REMARKABLE else f"{chance} for it, not ranked on this list"


def _beside(alert: Alert) -> Iterator[str]:
    if alert.underlying is not None:
        name = printable(alert.underlying)
        yield from clauses.clauses(name, alert.context, alert.session_date, alert.expiry, alert.first_seen)


def _doubts(alert: Alert) -> Iterator[str]:
    """Why it might be nothing, where the data shows it."""
    yield from map(printable, alert.may_be)
    expiring = clauses.expiring_today(alert.context)
    if expiring is not None and alert.expiry is None:
        yield expiring
