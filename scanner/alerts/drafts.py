"""Findings become drafts of alerts: completed from the frames they were found in, with what the measure rests on.

A draft carries everything an alert says except what only its history can tell (id, status, first sighting). What a rule
with a calibrated field finds is a ``notice``, and ``high`` where it is rare on this watchlist and so is its money; a
rule may say that it is context (``info``) or cannot wait (``critical``). What rests on the built-in prior alone, or
cannot be ranked yet, is a ``notice`` at most. A rule without a calibrated field has no score and keeps the severity
that its author gave it, and its evidence says ``uncalibrated``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from scanner.activity.scoring import LEAST_EXPECTED
from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.model import MARKET, Alert, Baseline, Confirmation, Kind, ScanMeta, Status, plain
from scanner.alerts.rarity import NARROW, Looked, Rarity, rarities
from scanner.alerts.selection import DISCOVERY
from scanner.alerts.stories import Stories
from scanner.alerts.story import Story
from scanner.alerts.surroundings import Frames, Row, Surroundings, evidence_of
from scanner.alerts.terms import RuleBook, RuleTerms
from scanner.severity import Severity

# What is kept with every alert, so that it can be read, listed and confirmed on its own.
CONTEXT = (*MARKET, "history_sessions", "multi_leg_suspect", "roll_suspect")
_OF_UNDERLYING = ("spot", "put_call_volume")
# What is kept of the name beside an alert.
OF_NAME = (
    "spot_change", "spot_change_5", "spot_change_week", "spot_change_ytd", "iv30", "iv30_change", "iv30_change_week",
    "iv30_change_surprise", "put_call_volume", "put_call_volume_prev", "put_call_surprise", "back_end_surprise",
    "back_volume_ratio_20", "volume_ratio_20", "zero_dte_share", "next_earnings", "days_to_earnings", "halted_at",
    "halt_reason", "filed_at", "filing", "headline_at", "headline", "dark_pool_volume", "dark_pool_share",
    "dark_pool_largest", "dark_pool_surprise",
)  # fmt: skip
_OF_CONTRACT = ("days_to_ex_date", "strike_volume_share", "volume_share")
# ``high`` asks for as many stars, and for money that comes in fewer than one session of ten.
RARE_STARS, RARE_MONEY = 4, 1.0


def drafts(findings: pl.DataFrame, book: RuleBook, scan: ScanMeta, frames: Frames) -> list[Draft]:
    """One draft for each finding, in the order given.

    ``findings`` has one row each: rule_id, scope, severity, identity, underlying, root, contract, expiry, strike,
    right, rank, evidence, drivers, message, calibrated. ``frames`` are the metric frames of the scan, by scope. Of two
    findings with one rule and identity the first is kept.
    """
    surroundings, stories = Surroundings(findings, frames), Stories(findings, frames)
    rows = findings.unique(["rule_id", "identity"], keep="first", maintain_order=True).rows(named=True)
    rules = [book.rule(row["rule_id"], row["underlying"]) for row in rows]
    looked = [_looked(row, rule, surroundings, stories) for row, rule in zip(rows, rules, strict=True)]
    found = zip(rows, rules, looked, rarities(looked, frames), strict=True)
    return [_draft(row, rule, seen, rarity, scan, surroundings) for row, rule, seen, rarity in found]


def _looked(finding: Row, rule: RuleTerms, surroundings: Surroundings, stories: Stories) -> Looked:
    evidence = evidence_of(finding, rule.evidence)
    row = surroundings.row(finding, evidence)
    return Looked(finding["scope"], evidence, row, surroundings.drivers(finding), stories.of(finding, row))


def _draft(
    finding: Row, rule: RuleTerms, looked: Looked, rarity: Rarity, scan: ScanMeta, surroundings: Surroundings
) -> Draft:
    row, name = looked.row, finding["underlying"]
    quotes, story = surroundings.quotes(name), looked.story
    calibrated = bool(finding["calibrated"])
    baseline = _baseline({**surroundings.underlying(name), **quotes, **row}, scan) if calibrated else Baseline()
    evidence = _evidence(looked, surroundings.underlying(name))
    if not calibrated:
        evidence["uncalibrated"] = True
    premium, money = _money(looked)
    ranked = rarity if baseline.kind != "prior" else replace(rarity, rate=None)
    alert = Alert(
        alert_id="",
        rule_id=rule.id,
        scope=finding["scope"],
        severity=_severity(Severity(finding["severity"]), ranked, money, calibrated=calibrated),
        score=rarity.score if calibrated else None,
        stars=ranked.stars if calibrated else None,
        status=Status.new,
        confirmation=Confirmation.pending,
        session_date=scan.session_date,
        first_seen=scan.as_of,
        last_seen=scan.as_of,
        underlying=name,
        contract=finding["contract"],
        expiry=finding["expiry"],
        strike=plain(finding["strike"]),
        right=finding["right"],
        title=rule.title,
        message=finding["message"] or rule.title,
        evidence=evidence,
        drivers=_named(finding, story),
        simulated=scan.simulated,
        source=quotes.get("source") or scan.source,
        baseline=baseline,
        quote_time=row.get("quote_time") or quotes.get("quote_time"),
        oi_asof=row.get("oi_asof") or quotes.get("oi_asof"),
        once_in_sessions=ranked.once_in_sessions if calibrated else None,
        discovery=None if rarity.q_value is None else rarity.q_value <= DISCOVERY,
        premium=premium,
        premium_surprise=money,
        kind=Kind.unknown if story is None else story.kind,
        may_be=() if story is None else story.may_be,
        context=_around(looked, surroundings.underlying(name)),
    )
    return Draft(
        Key(rule.id, finding["identity"], scan.simulated),
        alert,
        calibrated=calibrated,
        q_value=rarity.q_value,
        rate=ranked.rate if calibrated else None,
        rank=plain(finding["rank"]),
        ruled=Severity(finding["severity"]),
        story=story if calibrated else None,
        roll=calibrated and "roll_suspect" not in rule.evidence and _rolled(looked),
    )


def _rolled(looked: Looked) -> bool:
    """Whether a finding is of a leg of a roll; of several contracts, whether most that did it are such legs."""
    if looked.scope not in NARROW:
        return False
    rows = [looked.row] if looked.scope == "contract" else looked.drivers
    return 2 * sum(row.get("roll_suspect") is True for row in rows) > len(rows)


def _named(finding: Row, story: Story | None) -> tuple[str, ...]:
    """The contracts that an alert names beside its own: its story's rarest, then those that its rule says did it."""
    members = () if story is None else story.members
    named = dict.fromkeys((*members, *(finding["drivers"] or ())))
    return tuple(name for name in named if name != finding["contract"])


def _money(looked: Looked) -> tuple[float | None, float | None]:
    """Premium of the story, else of the contracts named, and how rare as much money is for the name."""
    if looked.story is not None:
        return looked.story.premium, looked.story.premium_surprise
    rows = [looked.row] if looked.scope == "contract" else looked.drivers
    premiums = [row["premium"] for row in rows if row.get("premium") is not None]
    rare = [row["premium_surprise"] for row in rows if row.get("premium_surprise") is not None]
    return (sum(premiums) if premiums else None), max(rare, default=None)


def _severity(named: Severity, rarity: Rarity, money: float | None, *, calibrated: bool) -> Severity:
    """What a rule's severity comes to, by how rare its finding is and how rare the money in it."""
    if not calibrated or named is Severity.info:
        return named
    if rarity.rate is None:
        return Severity.notice
    if named is Severity.critical:
        return named
    rare = (rarity.stars or 0) >= RARE_STARS and money is not None and money >= RARE_MONEY
    return Severity.high if rare else Severity.notice


def _evidence(looked: Looked, underlying: Row) -> dict[str, Any]:
    """A rule's evidence and the market around it; no multiple of what is usually nothing."""
    evidence = dict(looked.evidence) | dict(_context(looked, underlying))
    expected = evidence.get("volume_expected")
    if expected is not None and expected < LEAST_EXPECTED and "volume_multiple" in evidence:
        evidence["volume_multiple"] = None
    return evidence


def _around(looked: Looked, underlying: Row) -> dict[str, Any]:
    """What went on in the name, as far as it is known, and the story as a whole."""
    found = {name: plain(underlying.get(name)) for name in OF_NAME}
    found |= {name: plain(looked.row[name]) for name in _OF_CONTRACT if name in looked.row}
    told = {name: value for name, value in found.items() if value is not None}
    return told if looked.story is None else told | {"story": dict(looked.story.told)}


def _context(looked: Looked, underlying: Row) -> Iterator[tuple[str, Any]]:
    for name in CONTEXT:
        if name in looked.evidence:
            continue
        if name in looked.row:
            yield name, plain(looked.row[name])
        elif name in _OF_UNDERLYING and name in underlying:
            yield name, plain(underlying[name])


def _baseline(row: Row, scan: ScanMeta) -> Baseline:
    """What the surprise was measured against; sessions count back from the newest one of the panel.

    Of a wider scope it is what its contracts were measured against, over the sessions of the underlying.
    """
    kind, count = row.get("baseline_kind"), row.get("history_sessions")
    past: Sequence[date] = scan.baseline_sessions.get(row.get("source") or scan.source, ())[-count:] if count else ()
    return Baseline(kind, count, past[0] if past else None, past[-1] if past else None)
