"""Findings become drafts of alerts: completed from the frames they were found in, with what the measure rests on.

A draft carries everything an alert says except what only its history can tell (id, status, first sighting). A severity
that rests on the built-in prior alone is capped at ``notice``; a rule without a calibrated field has no score, and its
evidence says ``uncalibrated``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.model import Alert, Baseline, Confirmation, ScanMeta, Severity, Status, plain
from scanner.alerts.terms import RuleBook, RuleTerms
from scanner.fields import SCOPES

Frames = Mapping[str, pl.DataFrame]

# The market around a finding, kept with every alert so that it can be read, listed and confirmed on its own.
CONTEXT = (
    "spot",
    "last",
    "bid",
    "ask",
    "volume",
    "open_interest",
    "volume_expected",
    "volume_multiple",
    "volume_surprise",
    "volume_q",
    "premium",
    "iv",
    "iv_change",
    "delta",
    "dte",
    "put_call_volume",
    "iv30",
    "iv30_change",
    "history_sessions",
)
_OF_UNDERLYING = ("spot", "put_call_volume")
_SURPRISE, _Q = "_surprise", "_q"


def drafts(findings: pl.DataFrame, book: RuleBook, scan: ScanMeta, frames: Frames) -> list[Draft]:
    """One draft for each finding, in the order given.

    ``findings`` has one row each: rule_id, scope, severity, identity, underlying, root, contract, expiry, strike,
    right, rank, evidence, drivers, message, calibrated. ``frames`` are the metric frames of the scan, by scope. Of two
    findings with one rule and identity the first is kept.
    """
    surroundings = _Surroundings(findings, frames)
    made: dict[Key, Draft] = {}
    for finding in findings.iter_rows(named=True):
        rule = book.rule(finding["rule_id"], finding["underlying"])
        key = Key(rule.id, _identity(finding["identity"]), scan.simulated)
        if key not in made:
            made[key] = _draft(finding, rule, key, scan, surroundings)
    return list(made.values())


class _Surroundings:
    """The rows of the metric frames that findings came from, found by key; only those rows are ever turned to dicts."""

    def __init__(self, findings: pl.DataFrame, frames: Frames) -> None:
        self._frames = frames
        self._rows = {scope: _rows(findings, scope, frame) for scope, frame in frames.items()}
        self._underlyings = _by_underlying(findings, frames.get("underlying"))
        self._quotes = _quotes(findings, frames.get("contract"))
        self._q_values: dict[tuple[str, str], dict[float, float]] = {}

    def row(self, finding: Mapping[str, Any], evidence: Mapping[str, Any]) -> Mapping[str, Any]:
        """The frame's row behind a finding; empty where the frame has none."""
        key = tuple(_key_value(finding, evidence, name) for name in SCOPES[finding["scope"]].keys)
        return self._rows.get(finding["scope"], {}).get(key, {})

    def underlying(self, name: str | None) -> Mapping[str, Any]:
        """The underlying-scope row of a name."""
        return self._underlyings.get(name, {})

    def quotes(self, name: str | None) -> Mapping[str, Any]:
        """``quote_time``, ``oi_asof`` and ``source`` of a name's chain."""
        return self._quotes.get(name, {})

    def q_value(self, scope: str, field: str, surprise: float) -> float | None:
        """The Benjamini-Hochberg q-value of one surprise among all of its frame's."""
        frame = self._frames.get(scope)
        if frame is None or field not in frame.columns:
            return None
        if (scope, field) not in self._q_values:
            from scipy.stats import false_discovery_control

            surprises = frame[field].drop_nulls().drop_nans().to_numpy()
            chances = (10.0**-surprises).clip(0.0, 1.0)
            adjusted = false_discovery_control(chances) if len(chances) else chances
            self._q_values[scope, field] = dict(zip(surprises.tolist(), adjusted.tolist(), strict=True))
        return self._q_values[scope, field].get(surprise)


def _rows(findings: pl.DataFrame, scope: str, frame: pl.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    names = SCOPES[scope].keys
    if not set(names) <= set(frame.columns):
        return {}
    of_scope = findings.filter(pl.col("scope") == scope)
    shared = [name for name in names if name in findings.columns and of_scope[name].null_count() == 0]
    if of_scope.is_empty():
        return {}
    wanted = of_scope.select(pl.col(name).cast(frame.schema[name]) for name in shared).unique()
    found = frame.join(wanted, on=shared, how="semi") if shared else frame
    return {tuple(row[name] for name in names): row for row in found.iter_rows(named=True)}


def _by_underlying(findings: pl.DataFrame, frame: pl.DataFrame | None) -> dict[str | None, dict[str, Any]]:
    if frame is None or frame.is_empty():
        return {}
    found = frame.filter(pl.col("underlying").is_in(findings["underlying"].drop_nulls().unique().to_list()))
    return {row["underlying"]: row for row in found.iter_rows(named=True)}


def _quotes(findings: pl.DataFrame, contracts: pl.DataFrame | None) -> dict[str | None, dict[str, Any]]:
    if contracts is None or contracts.is_empty():
        return {}
    names = [name for name in ("quote_time", "oi_asof", "source") if name in contracts.columns]
    found = (
        contracts.filter(pl.col("underlying").is_in(findings["underlying"].drop_nulls().unique().to_list()))
        .group_by("underlying")
        .agg(pl.col(name).max() for name in names)
    )
    return {row["underlying"]: row for row in found.iter_rows(named=True)}


def _key_value(finding: Mapping[str, Any], evidence: Mapping[str, Any], name: str) -> Any:
    value = finding.get(name)
    return evidence.get(name) if value is None else value


def _identity(value: Any) -> str:
    return value if isinstance(value, str) else "|".join(str(plain(part)) for part in value)


def _evidence(value: Any) -> dict[str, Any]:
    """The rule's own evidence, whether it came as JSON text, a struct or nothing."""
    if value is None:
        return {}
    return dict(json.loads(value) if isinstance(value, str) else value)


def _draft(finding: Mapping[str, Any], rule: RuleTerms, key: Key, scan: ScanMeta, surroundings: _Surroundings) -> Draft:
    own = _evidence(finding["evidence"])
    row = surroundings.row(finding, own)
    name = finding["underlying"]
    quotes = surroundings.quotes(name)
    calibrated = bool(finding["calibrated"])
    baseline = _baseline(row, scan) if calibrated else Baseline()
    severity = Severity(finding["severity"])
    if baseline.kind == "prior" and severity.rank > Severity.notice.rank:
        severity = Severity.notice
    evidence = own | dict(_context(row, surroundings.underlying(name), own))
    if not calibrated:
        evidence["uncalibrated"] = True
    alert = Alert(
        alert_id="",
        rule_id=rule.id,
        scope=finding["scope"],
        severity=severity,
        score=row.get("score") if calibrated else None,
        stars=row.get("stars") if calibrated else None,
        status=Status.new,
        confirmation=Confirmation.pending,
        session_date=scan.session_date,
        first_seen=scan.as_of,
        last_seen=scan.as_of,
        underlying=name,
        contract=finding["contract"],
        expiry=finding["expiry"],
        strike=finding["strike"],
        right=finding["right"],
        title=rule.title,
        message=finding["message"] or rule.title,
        evidence=plain(evidence),
        drivers=tuple(finding["drivers"] or ()),
        simulated=scan.simulated,
        source=quotes.get("source") or scan.source,
        baseline=baseline,
        quote_time=row.get("quote_time") or quotes.get("quote_time"),
        oi_asof=row.get("oi_asof") or quotes.get("oi_asof"),
    )
    q_value = _q_value(finding["scope"], own, row, surroundings) if calibrated else None
    return Draft(key, alert, calibrated=calibrated, q_value=q_value, rank=plain(finding["rank"]))


def _context(
    row: Mapping[str, Any], underlying: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name in CONTEXT:
        if name in own:
            continue
        if name in row:
            yield name, row[name]
        elif name in _OF_UNDERLYING and name in underlying:
            yield name, underlying[name]


def _baseline(row: Mapping[str, Any], scan: ScanMeta) -> Baseline:
    """What the surprise was measured against: own history counts back from the newest session of the panel."""
    kind, count = row.get("baseline_kind"), row.get("history_sessions")
    past: Sequence[date] = scan.baseline_sessions[-count:] if count else ()
    return Baseline(kind, count, past[0] if past else None, past[-1] if past else None)


def _q_value(scope: str, own: Mapping[str, Any], row: Mapping[str, Any], surroundings: _Surroundings) -> float | None:
    """The q-value a finding must pass with: the smallest in its evidence, because one rare fact makes the finding.

    Fields of its own scope come first; those of wider scopes count where it looks at no other.
    """
    narrow = [name for name in own if "." not in name]
    for names in (narrow, [name for name in own if "." in name]):
        found = [_q_of(name, scope, own, row, surroundings) for name in names]
        known = [value for value in found if value is not None]
        if known:
            return min(known)
    return None


def _q_of(
    name: str, scope: str, own: Mapping[str, Any], row: Mapping[str, Any], surroundings: _Surroundings
) -> float | None:
    """The q-value that one piece of evidence stands for: itself, its sibling in the row, or one worked out here."""
    wider, _, field = name.rpartition(".")
    value: float | None = None
    if field.endswith(_Q):
        value = plain(own[name])
    elif field.endswith(_SURPRISE):
        sibling = field.removesuffix(_SURPRISE) + _Q
        surprise = plain(own[name])
        if not wider and sibling in row:
            value = plain(row[sibling])
        elif surprise is not None:
            value = surroundings.q_value(wider or scope, field, surprise)
    return value
