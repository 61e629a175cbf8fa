"""Frames of metrics in, findings out: what each rule flags, and what it could not judge, and why.

Every rule ends, for each row, in one of three ways: true (a finding), false (quiet), or unknown (*not judged*). All
rules of a scope are evaluated in one query over the few rows that can matter to any of them
(:mod:`scanner.ruleset.gates`).
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from scanner.fields import SCOPES
from scanner.kernels.groups import Groups
from scanner.market.chain import distinct
from scanner.ruleset import compile as compiled
from scanner.ruleset import gates
from scanner.ruleset.blame import NO_RESULT, missing_fields
from scanner.ruleset.describe import describe, find_drivers, gather, wanted
from scanner.ruleset.model import HISTORY, Rule
from scanner.ruleset.rows import Rows, available, select_rows

NOT_JUDGED = pl.Schema(
    {"rule_id": pl.String(), "underlying": pl.String(), "reasons": pl.List(pl.String()), "count": pl.Int64()}
)
FILTERED = pl.Schema({"rule_id": pl.String(), "filter_id": pl.String(), "underlying": pl.String(), "count": pl.Int64()})
NOT_AVAILABLE = "field not available from this source"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a set of rules says of a set of rows.

    ``findings``: one row each, columns of :data:`scanner.ruleset.describe.FINDINGS`. ``not_judged``: per rule and
    underlying the reasons and how many rows they concern. ``filtered``: per rule, the user's filter and underlying, how
    many findings that filter left out.
    """

    findings: pl.DataFrame
    not_judged: pl.DataFrame
    filtered: pl.DataFrame


def judge(rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame], reasons: pl.DataFrame | None = None) -> Judgement:
    """Judge metric frames, one a scope, by some rules.

    ``frames`` are keyed by scope, their columns named by the field dictionary; a field without a column is missing in
    every row. ``reasons`` (underlying, field, reason) says in words why values are missing. Nothing is raised for
    missing scopes, columns or values.
    """
    outcome = _Outcome(_reasons(reasons))
    for scope in SCOPES:
        of_scope = [rule for rule in rules if rule.scope == scope]
        if scope not in frames:
            for rule in of_scope:
                outcome.not_judged(rule, None, [f"no {scope} rows from this source"], 0)
        elif of_scope:
            _judge_scope(of_scope, frames, outcome)
    return Judgement(
        findings=gather(outcome.findings),
        not_judged=_not_judged_frame(outcome.unjudged),
        filtered=pl.DataFrame(outcome.excluded, schema=FILTERED, orient="row"),
    )


@dataclass(slots=True)
class _Outcome:
    """Collects what is found; ``whys`` are the known reasons by underlying and field."""

    whys: Mapping[tuple[str | None, str], str]
    findings: list[pl.DataFrame] = field(default_factory=list)
    unjudged: list[tuple[str, str | None, list[str], int]] = field(default_factory=list)
    excluded: list[tuple[str, str, str | None, int]] = field(default_factory=list)

    def not_judged(self, rule: Rule, underlying: str | None, reasons: list[str], count: int) -> None:
        self.unjudged.append((rule.id, underlying, reasons, count))


def _not_judged_frame(rows: Sequence[tuple[str, str | None, list[str], int]]) -> pl.DataFrame:
    """The rows as a frame. Few reasons stand behind very many rows, so each list of them is converted once."""
    distinct: dict[tuple[str, ...], int] = {}
    which = [distinct.setdefault(tuple(reasons), len(distinct)) for _, _, reasons, _ in rows]
    lists = pl.Series("reasons", [list(reasons) for reasons in distinct], dtype=NOT_JUDGED["reasons"])
    return pl.DataFrame(
        {
            "rule_id": pl.Series([row[0] for row in rows], dtype=pl.String),
            "underlying": pl.Series([row[1] for row in rows], dtype=pl.String),
            "reasons": lists.gather(pl.Series(which, dtype=pl.UInt32)),
            "count": pl.Series([row[3] for row in rows], dtype=pl.Int64),
        }
    )


def _reasons(reasons: pl.DataFrame | None) -> dict[tuple[str | None, str], str]:
    if reasons is None:
        return {}
    columns = reasons.select(pl.col("underlying", "field", "reason").cast(pl.String))
    return {(underlying, name): reason for underlying, name, reason in columns.iter_rows()}


def _judge_scope(rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame], outcome: _Outcome) -> None:
    _report_short_history(rules, frames, outcome)
    for gate, group in gates.split(rules, available(rules[0].scope, frames)):
        history = [HISTORY] if any(rule.needs_history for rule in group) else []
        rows = select_rows(group[0].scope, frames, [*wanted(group), *history], gate)
        names = _names(rows.frame)
        table = rows.frame.select(
            pl.int_range(pl.len()).alias("row"),
            *(_verdict(rule, names).alias(str(n)) for n, rule in enumerate(group)),
        )
        for number, rule in enumerate(group):
            verdict = table[str(number)]
            if verdict.null_count():
                _report_unknown(rule, rows, rows.frame.filter(verdict.is_null()), outcome)
            if verdict.any():
                _report_findings(rule, rows, rows.frame.filter(verdict), frames, outcome)


def _names(frame: pl.DataFrame) -> list[str]:
    """The underlyings of some rows; none where they are of no underlying."""
    return distinct(frame["underlying"]) if "underlying" in frame.columns else []


def _verdict(rule: Rule, names: Sequence[str]) -> pl.Expr:
    """True, false or unknown; false where the rule has no say, so that such rows count as neither."""
    verdict = compiled.condition(rule.whole)
    if rule.only is None and not rule.excluding:
        return verdict
    return verdict & pl.col("underlying").is_in([name for name in names if rule.applies_to(name)])


def _report_short_history(rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame], outcome: _Outcome) -> None:
    """Say which underlyings have fewer good sessions than a rule needs; none of their rows is judged by it."""
    needy = [rule for rule in rules if rule.needs_history]
    known = frames.get("underlying")
    if not needy or known is None or HISTORY.field.name not in known.columns:
        return
    most = max(rule.needs_history for rule in needy)
    told = zip(known["underlying"], known[HISTORY.field.name].cast(pl.Int64), strict=True)
    short = {name: sessions for name, sessions in told if name is not None and sessions is not None and sessions < most}
    if not short:
        return
    names = Groups.of(frames[rules[0].scope], ("underlying",))
    rows = dict(zip(names.keys["underlying"], names.sizes().tolist(), strict=True))
    counts = [(name, rows[name], short[name]) for name in sorted(short) if name in rows]
    for rule in needy:
        for underlying, count, sessions in counts:
            if sessions < rule.needs_history and rule.applies_to(underlying):
                why = outcome.whys.get((underlying, HISTORY.field.name))
                reason = f"building history: {sessions} of {rule.needs_history} sessions{f' ({why})' if why else ''}"
                outcome.not_judged(rule, underlying, [reason], count)


def _report_unknown(rule: Rule, rows: Rows, unknown: pl.DataFrame, outcome: _Outcome) -> None:
    whose = unknown["underlying"].to_list() if "underlying" in unknown.columns else [None] * unknown.height
    counts = Counter(whose)
    for underlying, causes in missing_fields(rule.whole, unknown).items():
        reasons = [_why(cause, underlying, rows.absent, outcome.whys) for cause in causes]
        outcome.not_judged(rule, underlying, reasons, counts[underlying])


def _why(cause: str, underlying: str | None, absent: frozenset[str], whys: Mapping[tuple[str | None, str], str]) -> str:
    if cause.endswith(NO_RESULT):
        return cause
    for name in (cause, cause.rpartition(".")[2], "all"):
        if (underlying, name) in whys:
            return f"{cause}: {whys[underlying, name].removeprefix(f'{underlying}: ')}"
    return f"{cause}: {NOT_AVAILABLE}" if cause in absent else f"no value for {cause}"


def _report_findings(
    rule: Rule, rows: Rows, hits: pl.DataFrame, frames: Mapping[str, pl.DataFrame], outcome: _Outcome
) -> None:
    hits = _without_filtered(rule, hits, frames, outcome)
    drivers = find_drivers(rule, hits, frames)
    fewest = rule.drivers.at_least if rule.drivers is not None else 0
    enough = drivers.certain >= fewest
    undecided = ~(drivers.certain >= fewest) & (drivers.possible >= fewest)
    for underlying in hits.filter(undecided)["underlying"].unique(maintain_order=True) if undecided.any() else ():
        outcome.not_judged(rule, underlying, ["values of the contracts that would be named are missing"], 1)
    if enough.any():
        outcome.findings.append(describe(rule, rows, hits.filter(enough), drivers.only(enough)))


def _without_filtered(
    rule: Rule, hits: pl.DataFrame, frames: Mapping[str, pl.DataFrame], outcome: _Outcome
) -> pl.DataFrame:
    """Leave out what a user's filters exclude. A filter that is unknown for a row excludes nothing."""
    session = _session(frames)
    for item in rule.filters:
        if item.until is not None and session is not None and session > item.until:
            continue
        excluded = hits.select(compiled.condition(item.condition).fill_null(value=False)).to_series()
        gone = hits.filter(excluded)
        names = gone["underlying"].to_list() if "underlying" in gone.columns else [None] * gone.height
        outcome.excluded += [(rule.id, item.id, name, count) for name, count in Counter(names).items()]
        hits = hits.filter(~excluded)
    return hits


def _session(frames: Mapping[str, pl.DataFrame]) -> datetime.date | None:
    contracts = frames.get("contract")
    if contracts is None or "session_date" not in contracts.columns:
        return None
    newest = contracts["session_date"].max()
    return newest if isinstance(newest, datetime.date) else None
