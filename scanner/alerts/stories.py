"""One list of alerts: what several findings tell of one happening spends the session's budget once.

* A run of neighbouring strikes of one root and expiry is one story, of either right; so are the same strike in several
  expiries, and the legs of a spread. The strongest finding is the alert, which names the others' contracts; a ladder
  takes in its contracts. What several rules say of the very same thing stays, since it is shown together and kept score
  of rule by rule.
* A contract that looks like a leg of a rolled position opens nothing. Only a rule that looks at ``roll_suspect`` itself
  may say something else.
* What most names show at once is a fact about the market: one alert a rule tells it.

Only findings of calibrated rules are gathered like this; a fixed threshold does what its author wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import polars as pl

from scanner.activity import selection
from scanner.alerts.episodes import Draft, Episode
from scanner.alerts.identity import Key
from scanner.alerts.model import Alert
from scanner.alerts.selection import Reason, strongest_first
from scanner.alerts.surroundings import Frames

NARROW = ("contract", "strike", "ladder")
_WIDE = ("expiry", "underlying")
# Fewer names than this are no market.
LEAST_NAMES = 5
_CONTRACT = {"underlying", "root", "expiry", "strike", "right", "contract", "volume", "open_interest", "session_date"}
_CONTRACT |= {"combined_surprise", "volume_expected", "new_strike", "opening_chance"}
_CONTRACT |= {"volume_surprise", "volume_surprise_3", "volume_surprise_5", "volume_avg_5"}


@dataclass(frozen=True, slots=True)
class Gathered:
    """Which drafts go on, which are held back and why, and whose episode a wider telling of its story ends."""

    kept: tuple[Draft, ...]
    held_back: tuple[tuple[Draft, Reason], ...]
    displaced: frozenset[Key] = field(default=frozenset())


class Stories:
    """Which strikes of a scan are unusual together (:func:`scanner.activity.selection.stories`), by root and expiry."""

    def __init__(self, findings: pl.DataFrame, frames: Frames) -> None:
        self._strikes: dict[tuple[str, date], list[tuple[float, int]]] = {}
        contracts, ladders = frames.get("contract"), frames.get("ladder")
        narrow = findings.filter(pl.col("scope").is_in(NARROW) & pl.col("calibrated"))
        if contracts is None or ladders is None or narrow.height < 2 or not set(contracts.columns) >= _CONTRACT:
            return
        wanted = narrow.select("root", "expiry").unique()
        near = contracts.join(wanted, on=["root", "expiry"], how="semi", maintain_order="left")
        told = selection.stories(near, ladders.join(wanted, on=["root", "expiry"], how="semi"))
        for root, expiry, strike, story in told.select("root", "expiry", "strike", "story").iter_rows():
            self._strikes.setdefault((root, expiry), []).append((strike, story))

    def named(self, root: str | None, expiry: date | None, first: float | None, last: float | None) -> str | None:
        """The name of the story that some strikes belong to; None where they stand alone."""
        if root is None or expiry is None or first is None or last is None:
            return None
        for strike, story in self._strikes.get((root, expiry), ()):
            if first <= strike <= last:
                return f"{root} {story}"
        return None


def gather(drafts: Sequence[Draft], open_keys: frozenset[Key], episodes: Iterable[Episode], names: int) -> Gathered:
    """Make one list of a scan's drafts. ``episodes`` are those known, ``names`` counts the underlyings judged.

    An episode that is open already goes on, whatever else is found; a story that a ladder, or a higher severity, tells
    better ends the narrower one as *displaced*.
    """
    held: list[tuple[Draft, Reason]] = [(draft, Reason.roll) for draft in drafts if draft.roll]
    steady = [draft for draft in drafts if not draft.roll]
    ladders = [item.alert for item in episodes if item.key in open_keys and item.alert.scope == "ladder"]
    kept, displaced = [], set()
    for leader, others in _by_story(steady, open_keys):
        narrower = [draft for draft in others if draft.alert.subject != leader.alert.subject]
        if leader.key not in open_keys and any(_covers(ladder, leader.alert) for ladder in ladders):
            held += [(draft, Reason.story) for draft in (leader, *others)]
            continue
        kept += [_naming(leader, narrower), *(draft for draft in others if draft not in narrower)]
        for draft in narrower:
            if draft.key in open_keys and leader.key in open_keys:
                kept.append(draft)
                continue
            held.append((draft, Reason.story))
            displaced |= {draft.key} & open_keys
    market = set(_market_wide(kept, open_keys, names))
    held += [(draft, Reason.market) for draft in kept if draft.key in market]
    return Gathered(tuple(draft for draft in kept if draft.key not in market), tuple(held), frozenset(displaced))


def _by_story(drafts: Sequence[Draft], open_keys: frozenset[Key]) -> Iterator[tuple[Draft, list[Draft]]]:
    """The draft that tells each story, and the others of it; a draft without a story stands for itself."""
    yield from ((draft, []) for draft in drafts if draft.story is None)

    def telling(draft: Draft) -> tuple[int, bool, bool]:
        return -draft.alert.severity.rank, draft.alert.scope != "ladder", draft.key not in open_keys

    told = sorted(strongest_first(draft for draft in drafts if draft.story is not None), key=telling)
    for _, story in groupby(sorted(told, key=lambda draft: draft.story or ""), key=lambda draft: draft.story):
        leader, *others = story
        yield leader, others


def _naming(leader: Draft, others: Sequence[Draft]) -> Draft:
    """The leader's draft, whose alert names the contracts of the others after its own drivers."""
    more = [draft.alert.contract for draft in others if draft.alert.contract is not None]
    drivers = tuple(dict.fromkeys((*leader.alert.drivers, *more)))
    return leader.changed(alert=leader.alert.changed(drivers=drivers)) if more else leader


def _covers(ladder: Alert, alert: Alert) -> bool:
    """Whether a ladder's open alert is about a contract too."""
    first, last = ladder.evidence.get("first_strike"), ladder.evidence.get("last_strike")
    if alert.contract is None or alert.strike is None or first is None or last is None:
        return False
    same = (ladder.underlying, ladder.expiry, ladder.right) == (alert.underlying, alert.expiry, alert.right)
    return same and first <= alert.strike <= last and alert.severity.rank <= ladder.severity.rank


def _market_wide(drafts: Sequence[Draft], open_keys: frozenset[Key], names: int) -> Iterator[Key]:
    """The drafts of wide rules that most names show at once, but for the strongest of each rule."""
    wide = [draft for draft in strongest_first(drafts) if draft.calibrated and draft.alert.scope in _WIDE]
    for rule_id in dict.fromkeys(draft.key.rule_id for draft in wide):
        mine = [draft for draft in wide if draft.key.rule_id == rule_id]
        flagged = len({draft.alert.underlying for draft in mine})
        if flagged >= LEAST_NAMES and 2 * flagged > names:
            yield from (draft.key for draft in mine[1:] if draft.key not in open_keys)
