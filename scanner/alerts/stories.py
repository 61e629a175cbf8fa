"""One list of alerts: what several findings tell of one happening is told once, and whole.

* The stories of a scan are made before anything is held back (:mod:`scanner.activity.ranking.stories`): neighbouring
  strikes, the same strike in several expiries, the legs of a spread. One finding tells each of them: that of the
  highest severity, then of its rarest contract, by the rule that says most. It names the five that are rarest.
* A story that is being told goes on under the alert that tells it, whichever rule finds it now; a contract that an
  open alert names is told again only where it has become stronger than that alert ever was. Only findings of calibrated
  rules are gathered like this; a fixed threshold does what its author wrote.
* A contract that looks like a leg of a rolled position opens nothing, and strikes of which most do are no ladder. Only
  a rule that looks at ``roll_suspect`` itself may say something else.
* What most names show at once is a fact about the market: one alert a rule tells it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from scanner.alerts.episodes import Draft, Episode
from scanner.alerts.identity import Key
from scanner.alerts.kinds import LEG_LOTS, LEG_TOLERANCE
from scanner.alerts.selection import Reason, strongest_first
from scanner.alerts.story import Story
from scanner.alerts.surroundings import Frames, Row
from scanner.kernels.columns import among

NARROW = ("contract", "strike", "ladder")
_WIDE = ("expiry", "underlying")
# Fewer names than this are no market.
LEAST_NAMES = 5
_LEAST_LEG = 1.0
# Sizes within a tenth are "about as much"; of those fewer than so many may be expected to agree by chance.
_ABOUT, _MOST_BY_CHANCE = 0.1, 0.25


# What a story is made of; of eighty columns no others become Python's.
_PARTS = (
    "underlying", "root", "contract", "expiry", "strike", "right", "volume", "volume_5", "volume_usual_5",
    "volume_expected", "open_interest", "premium", "premium_surprise", "combined_surprise", "once_in_sessions",
    "family", "story", "opening_chance", "roll_suspect", "mid", "last", "otm_pct", "dte", "days_to_earnings",
    "days_to_ex_date",
)  # fmt: skip
_LADDER = ("root", "expiry", "right")
# What names a run: root, expiry, right and the first strike.
_Run = tuple[Any, ...]


class Stories:
    """The stories of a scan that some finding touches; empty where the scan's contracts were not ranked."""

    def __init__(self, findings: pl.DataFrame, frames: Frames) -> None:
        self._members: dict[int, list[Row]] = {}
        self._made: dict[int, Story] = {}
        self._places: dict[tuple[Any, Any], list[tuple[float, str, str, int]]] = {}
        self._runs: dict[_Run, list[Row]] = {}
        contracts = frames.get("contract")
        narrow = findings.filter(pl.col("scope").is_in(NARROW))
        if contracts is None or "story" not in contracts.columns or narrow.is_empty():
            return
        of_names = among(contracts["underlying"], narrow["underlying"])
        contracts = contracts.select(name for name in _PARTS if name in contracts.columns).filter(of_names)
        touched = narrow.select("root", "expiry").unique()
        in_stories = contracts.filter(pl.col("story").is_not_null())
        near = in_stories.join(touched, on=["root", "expiry"], how="semi")
        told = in_stories.filter(pl.col("story").is_in(near["story"].unique().implode()))
        rarest = told.sort("once_in_sessions", "combined_surprise", descending=True, nulls_last=True)
        self._legs = _Legs(contracts, rarest["underlying"].unique())
        self._runs = _of_runs(contracts, frames.get("ladder"), touched)
        for row in rarest.iter_rows(named=True):
            self._members.setdefault(row["story"], []).append(row)
            place = self._places.setdefault((row["root"], row["expiry"]), [])
            place.append((row["strike"], row["right"], row["contract"], row["story"]))

    def of(self, finding: Row, looked: Row) -> Story | None:
        """The story that a finding is about; of a wider one the rarest in it. None where it is about none.

        What a ladder tells is all of its run: also the contracts of it that are not rare enough to be linked.
        """
        if finding["scope"] not in NARROW:
            return None
        first, last = (looked.get(name, finding["strike"]) for name in ("first_strike", "last_strike"))
        found = [
            number
            for strike, right, contract, number in self._places.get((finding["root"], finding["expiry"]), ())
            if (finding["contract"] is None or contract == finding["contract"])
            and (finding["right"] is None or right == finding["right"])
            and (first is None or last is None or first <= strike <= last)
        ]
        number = max(found, key=lambda number: self._story(number).once_in_sessions or 0.0, default=None)
        if number is None:
            return None
        run = (*(finding[name] for name in _LADDER), first)
        return self._told_with(number, run) if finding["scope"] == "ladder" else self._story(number)

    def _story(self, number: int) -> Story:
        """A story, made when a finding is first about it."""
        if number not in self._made:
            self._made[number] = self._of(number, self._members[number])
        return self._made[number]

    def _told_with(self, number: int, run: _Run) -> Story:
        """A story together with the contracts of a run that are not linked to it."""
        linked = {row["contract"] for row in self._members[number]}
        others = [row for row in self._runs.get(run, ()) if row["contract"] not in linked]
        return self._of(number, [*self._members[number], *others]) if others else self._story(number)

    def _of(self, number: int, members: Sequence[Row]) -> Story:
        return Story.of(f"{members[0]['root']} {number}", members, self._legs.beside(members))


def _of_runs(contracts: pl.DataFrame, ladders: pl.DataFrame | None, touched: pl.DataFrame) -> dict[_Run, list[Row]]:
    """The contracts of the runs of some roots and expiries, all that lie between the first and the last strike."""
    if ladders is None:
        return {}
    near = ladders.join(touched, on=_LADDER[:2], how="semi").select(*_LADDER, "first_strike", "last_strike")
    between = pl.col("strike").is_between("first_strike", "last_strike")
    runs: dict[_Run, list[Row]] = {}
    for row in contracts.join(near, on=_LADDER).filter(between).iter_rows(named=True):
        runs.setdefault((*(row[name] for name in _LADDER), row["first_strike"]), []).append(row)
    return runs


class _Legs:
    """The contracts of some names that could be another leg: of size, and not usual themselves."""

    def __init__(self, contracts: pl.DataFrame, names: pl.Series) -> None:
        large = (pl.col("volume") >= LEG_LOTS) & (pl.col("combined_surprise") >= _LEAST_LEG)
        self._rows: dict[str, list[Row]] = {}
        for row in contracts.filter(large & pl.col("underlying").is_in(names.implode())).iter_rows(named=True):
            self._rows.setdefault(row["underlying"], []).append(row)

    def beside(self, members: Sequence[Row]) -> list[Row]:
        """Those that traded the size of a story's rarest contract and are none of the story's own.

        None where so many traded about as much that some would agree by chance.
        """
        lead, own = members[0], {row["contract"] for row in members}
        others = [row for row in self._rows.get(lead["underlying"], ()) if row["contract"] not in own]

        def within(tolerance: float) -> list[Row]:
            return [row for row in others if abs(row["volume"] - lead["volume"]) <= tolerance * lead["volume"]]

        by_chance = len(within(_ABOUT)) * LEG_TOLERANCE / _ABOUT
        return within(LEG_TOLERANCE) if by_chance <= _MOST_BY_CHANCE else []


@dataclass(frozen=True, slots=True)
class Gathered:
    """Which drafts go on, which are held back and why, and whose episode a wider telling of its story ends."""

    kept: tuple[Draft, ...]
    held_back: tuple[tuple[Draft, Reason], ...]
    displaced: frozenset[Key] = field(default=frozenset())


def gather(drafts: Sequence[Draft], open_keys: frozenset[Key], episodes: Iterable[Episode], names: int) -> Gathered:
    """Make one list of a scan's drafts. ``episodes`` are those known, ``names`` counts the underlyings judged."""
    held: list[tuple[Draft, Reason]] = [(draft, Reason.roll) for draft in drafts if draft.roll]
    steady = [draft for draft in drafts if not draft.roll]
    standing = [item for item in episodes if item.key in open_keys]
    telling = {item.alert.contract: item.key for item in standing}
    kept, displaced = [], set()
    for leader, others in _by_story(steady, open_keys, telling):
        if leader.key not in open_keys and any(_covers(item, leader) for item in standing):
            held += [(draft, Reason.story) for draft in (leader, *others)]
            continue
        kept.append(_going_on(leader, telling))
        held += [(draft, Reason.story) for draft in others]
        displaced |= ({draft.key for draft in others} & open_keys) - {kept[-1].key}
    market = set(_market_wide(kept, open_keys, names))
    held += [(draft, Reason.market) for draft in kept if draft.key in market]
    return Gathered(tuple(draft for draft in kept if draft.key not in market), tuple(held), frozenset(displaced))


def _by_story(
    drafts: Sequence[Draft], open_keys: frozenset[Key], telling: Mapping[str | None, Key]
) -> Iterator[tuple[Draft, list[Draft]]]:
    """The draft that tells each story, and the others of it; a draft without a story stands for itself.

    Of several with one severity a ladder, then the one whose contract is being told already, then the one of the rarest
    contract, and of those that of the rule which finds least in this scan, for it says most.
    """
    yield from ((draft, []) for draft in drafts if draft.story is None)
    found = Counter(draft.key.rule_id for draft in drafts)
    told: dict[str, list[Draft]] = {}
    for draft in strongest_first(drafts):
        if draft.story is not None:
            told.setdefault(draft.story.name, []).append(draft)

    def weakness(draft: Draft) -> tuple[int, bool, bool, int, int]:
        named = draft.alert.contract
        going_on = draft.key in open_keys or (named is not None and named in telling)
        members = () if draft.story is None else draft.story.members
        # What tells of no single contract names the story's rarest first.
        place = 0 if named is None else members.index(named) if named in members else len(members)
        return -draft.ruled.rank, draft.alert.scope != "ladder", not going_on, place, found[draft.key.rule_id]

    for of_story in told.values():
        leader, *others = sorted(of_story, key=weakness)
        yield leader, others


def _going_on(leader: Draft, telling: Mapping[str | None, Key]) -> Draft:
    """The leader under the key of the alert that tells of its contract already, whichever rule raised that."""
    key = telling.get(leader.alert.contract)
    if leader.story is None or leader.alert.contract is None or key is None or key == leader.key:
        return leader
    return leader.changed(key=key, alert=leader.alert.changed(rule_id=key.rule_id))


def _covers(episode: Episode, leader: Draft) -> bool:
    """Whether an open alert names a draft's contract already, and the draft is no stronger than it has been."""
    alert = leader.alert
    stronger = alert.severity.rank > episode.peak_severity.rank or (alert.stars or 0) > (episode.peak_stars or 0)
    told = leader.story is not None and alert.contract in episode.alert.drivers
    return told and not stronger and episode.alert.scope in NARROW


def _market_wide(drafts: Sequence[Draft], open_keys: frozenset[Key], names: int) -> Iterator[Key]:
    """The drafts of wide rules that most names show at once, but for the strongest of each rule."""
    wide = [draft for draft in strongest_first(drafts) if draft.calibrated and draft.alert.scope in _WIDE]
    for rule_id in dict.fromkeys(draft.key.rule_id for draft in wide):
        mine = [draft for draft in wide if draft.key.rule_id == rule_id]
        flagged = len({draft.alert.underlying for draft in mine})
        if flagged >= LEAST_NAMES and 2 * flagged > names:
            yield from (draft.key for draft in mine[1:] if draft.key not in open_keys)
