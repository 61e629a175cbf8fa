"""Findings become drafts of alerts: completed from the frames they were found in, with what the measure rests on.

A draft carries everything an alert says except what only its history can tell (id, status, first sighting). A severity
that rests on the built-in prior alone is capped at ``notice``; a rule without a calibrated field has no score, and its
evidence says ``uncalibrated``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.model import MARKET, Alert, Baseline, Confirmation, ScanMeta, Status, plain
from scanner.alerts.rarity import Looked, Rarity, rarities
from scanner.alerts.stories import NARROW, Stories
from scanner.alerts.surroundings import Frames, Row, Surroundings, evidence_of
from scanner.alerts.terms import RuleBook, RuleTerms
from scanner.severity import Severity

# What is kept with every alert, so that it can be read, listed and confirmed on its own.
CONTEXT = (*MARKET, "history_sessions", "multi_leg_suspect", "roll_suspect")
_OF_UNDERLYING = ("spot", "put_call_volume")


def drafts(findings: pl.DataFrame, book: RuleBook, scan: ScanMeta, frames: Frames) -> list[Draft]:
    """One draft for each finding, in the order given.

    ``findings`` has one row each: rule_id, scope, severity, identity, underlying, root, contract, expiry, strike,
    right, rank, evidence, drivers, message, calibrated. ``frames`` are the metric frames of the scan, by scope. Of two
    findings with one rule and identity the first is kept.
    """
    surroundings = Surroundings(findings, frames)
    rows = findings.unique(["rule_id", "identity"], keep="first", maintain_order=True).rows(named=True)
    rules = [book.rule(row["rule_id"], row["underlying"]) for row in rows]
    evidence = [evidence_of(row, rule.evidence) for row, rule in zip(rows, rules, strict=True)]
    looked = [
        Looked(row["scope"], own, surroundings.row(row, own), surroundings.drivers(row))
        for row, own in zip(rows, evidence, strict=True)
    ]
    found = zip(rows, rules, looked, rarities(looked, frames), strict=True)
    stories = Stories(findings, frames)
    return [
        _draft(row, rule, seen, rarity, scan, surroundings).changed(**_gathering(row, rule, seen, stories))
        for row, rule, seen, rarity in found
    ]


def _gathering(finding: Row, rule: RuleTerms, looked: Looked, stories: Stories) -> dict[str, Any]:
    """What decides with which other findings this one is told: its story, and whether it may be a roll."""
    if not finding["calibrated"] or finding["scope"] not in NARROW:
        return {}
    first, last = (looked.row.get(name, finding["strike"]) for name in ("first_strike", "last_strike"))
    rolled = looked.row.get("roll_suspect") is True and "roll_suspect" not in rule.evidence
    return {"story": stories.named(finding["root"], finding["expiry"], first, last), "roll": rolled}


def _draft(
    finding: Row, rule: RuleTerms, looked: Looked, rarity: Rarity, scan: ScanMeta, surroundings: Surroundings
) -> Draft:
    row, name = looked.row, finding["underlying"]
    quotes = surroundings.quotes(name)
    calibrated = bool(finding["calibrated"])
    baseline = _baseline({**surroundings.underlying(name), **quotes, **row}, scan) if calibrated else Baseline()
    evidence = dict(looked.evidence) | dict(_context(looked, surroundings.underlying(name)))
    if not calibrated:
        evidence["uncalibrated"] = True
    alert = Alert(
        alert_id="",
        rule_id=rule.id,
        scope=finding["scope"],
        severity=_severity(finding["severity"], baseline),
        score=rarity.score if calibrated else None,
        stars=rarity.stars if calibrated else None,
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
        drivers=tuple(finding["drivers"] or ()),
        simulated=scan.simulated,
        source=quotes.get("source") or scan.source,
        baseline=baseline,
        quote_time=row.get("quote_time") or quotes.get("quote_time"),
        oi_asof=row.get("oi_asof") or quotes.get("oi_asof"),
    )
    key = Key(rule.id, finding["identity"], scan.simulated)
    ranks = {"rank": plain(finding["rank"]), "priority": plain(looked.row.get("priority"))}
    return Draft(key, alert, calibrated=calibrated, q_value=rarity.q_value, **ranks)


def _severity(named: str, baseline: Baseline) -> Severity:
    severity = Severity(named)
    capped = baseline.kind == "prior" and severity.rank > Severity.notice.rank
    return Severity.notice if capped else severity


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
    past: Sequence[date] = scan.baseline_sessions[-count:] if count else ()
    return Baseline(kind, count, past[0] if past else None, past[-1] if past else None)
