"""What a finding says: its identity, its rank, the evidence, the contracts that did it, and the sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from scanner import fields
from scanner.fields import SCOPES
from scanner.kernels.columns import among
from scanner.ruleset import compile as compiled
from scanner.ruleset import gates
from scanner.ruleset.expressions import FieldReference, references
from scanner.ruleset.model import DRIVER_FACTS, Drivers, Rule
from scanner.ruleset.rows import Rows, available, select_rows

FINDINGS = pl.Schema(
    {
        "rule_id": pl.String(),
        "scope": pl.String(),
        "severity": pl.String(),
        "identity": pl.String(),
        "underlying": pl.String(),
        "root": pl.String(),
        "contract": pl.String(),
        "expiry": pl.Date(),
        "strike": pl.Float64(),
        "right": pl.String(),
        "rank": pl.Float64(),
        "drivers": pl.List(pl.String()),
        "message": pl.String(),
        "calibrated": pl.Boolean(),
    }
)
"""The columns of findings, beside ``evidence``: a struct of every field that any of the rules says or looks at."""

ALWAYS: Mapping[str, tuple[str, ...]] = {
    "contract": (
        "spot", "dte", "volume", "open_interest", "volume_expected", "volume_multiple", "volume_surprise", "volume_q",
        "premium", "iv", "iv_change", "delta",
    ),
    "strike": ("call_volume", "put_volume", "call_oi", "put_oi", "volume_surprise"),
    "ladder": ("first_strike", "last_strike", "strikes", "volume", "open_interest", "ladder_surprise", "volume_share"),
    "expiry": ("dte", "put_call_volume", "volume_share", "volume_surprise"),
    "underlying": ("spot", "call_volume", "put_volume", "put_call_volume", "put_call_volume_prev", "iv30"),
    "market": ("call_volume", "put_volume", "put_call_volume"),
}  # fmt: skip
"""Fields that stand as evidence whatever the rule looks at, because a reader asks for them next."""

_PLACE = ("underlying", "root", "contract", "expiry", "strike", "right")
_EVIDENCE = "evidence "
_UNLESS_TOLD = Drivers(where=None, rank_by=FieldReference(fields.of("contract")["volume"]), limit=3, at_least=0)


@dataclass(frozen=True, slots=True)
class DriverCount:
    """The named contracts of each finding, how many are certainly and possibly meant, and how rare the rarest is."""

    names: list[list[str]]
    certain: pl.Series
    possible: pl.Series
    facts: pl.DataFrame

    def only(self, keep: pl.Series) -> DriverCount:
        """Those of some of the findings."""
        names = [item for item, kept in zip(self.names, keep, strict=True) if kept]
        facts = self.facts.filter(keep) if self.facts.width else self.facts
        return DriverCount(names, self.certain.filter(keep), self.possible.filter(keep), facts)


def wanted(rules: Sequence[Rule]) -> list[FieldReference]:
    """Every field that judging and describing some rules of one scope takes."""
    scope = rules[0].scope
    known = fields.of(scope)
    named = [*_PLACE, *ALWAYS[scope], *(name for rule in rules for name in rule.identity)]
    always = [FieldReference(known[name]) for name in named if name in known]
    excluded = [use for rule in rules for item in rule.filters for use in references(item.condition)]
    ranks = [use for rule in rules if rule.rank_by is not None for use in references(rule.rank_by)]
    uses = [use for rule in rules for use in (*rule.fields, *rule.message.fields)]
    return list({use.column: use for use in (*always, *excluded, *ranks, *uses)}.values())


def describe(rule: Rule, rows: Rows, hits: pl.DataFrame, found: DriverCount) -> pl.DataFrame:
    """Findings of one rule, one a row of ``hits``; evidence in columns of its own until all are joined."""
    drivers = found.names
    said = [name for name in dict.fromkeys([*ALWAYS[rule.scope], *rule.evidence]) if name in hits.columns]
    evidence = [name for name in said if name not in rows.absent and name not in _PLACE]
    rank = compiled.operand(rule.rank_by).cast(pl.Float64) if rule.rank_by is not None else pl.lit(None, pl.Float64)
    schema = hits.schema
    values = {use.column: hits[use.column].to_list() for use in rule.message.fields}
    place = [pl.col(name) if name in hits.columns else pl.lit(None, FINDINGS[name]).alias(name) for name in _PLACE]
    return hits.select(
        pl.lit(rule.id).alias("rule_id"),
        pl.lit(rule.scope).alias("scope"),
        pl.lit(rule.severity).alias("severity"),
        pl.concat_str([pl.col(name).cast(pl.String) for name in rule.identity], separator="|", ignore_nulls=True).alias(
            "identity"
        ),
        *place,
        rank.alias("rank"),
        _names(drivers).alias("drivers"),
        pl.Series("message", rule.message.render(values, drivers, hits.height), dtype=pl.String),
        pl.lit(rule.calibrated).alias("calibrated"),
        *(_finite(name, schema[name]).alias(_EVIDENCE + name) for name in evidence),
    )


def gather(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All findings in one frame, their evidence in one struct column."""
    whole = pl.concat([FINDINGS.to_frame(), *parts], how="diagonal_relaxed")
    evidence = [name for name in whole.columns if name.startswith(_EVIDENCE)]
    struct = (
        pl.struct(pl.col(name).alias(name.removeprefix(_EVIDENCE)) for name in evidence) if evidence else pl.lit(None)
    )
    return whole.select(*FINDINGS, struct.alias("evidence"))


def find_drivers(rule: Rule, hits: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> DriverCount:
    """The contracts that did it, for each finding of a wider scope; none for contracts, which did it themselves."""
    nothing = pl.Series([0] * hits.height, dtype=pl.Int64)
    if rule.scope in ("contract", "market") or "contract" not in frames or not hits.height:
        return DriverCount([[] for _ in range(hits.height)], nothing, nothing, pl.DataFrame())
    drivers = rule.drivers or _UNLESS_TOLD
    keys = [key for key in SCOPES[rule.scope].keys if key in fields.of("contract")]
    found = _candidates(drivers, keys, hits["underlying"].unique(), frames)
    numbered = hits.with_row_index("_finding")
    joined = found.join(numbered.select("_finding", *keys, *_bounds(rule)), on=keys, how="inner")
    if rule.scope == "ladder":
        joined = joined.filter(pl.col("strike").is_between("first_strike", "last_strike"))
    grouped = (
        joined.sort("_rank", descending=True, nulls_last=True, maintain_order=True)
        .group_by("_finding")
        .agg(
            pl.col("contract").filter(pl.col("_meant")).head(drivers.limit).alias("names"),
            pl.col("_meant").sum().cast(pl.Int64).alias("certain"),
            pl.col("_meant").is_null().sum().cast(pl.Int64).alias("unknown"),
            *(
                getattr(pl.col(name).filter(pl.col("_meant")), extreme)().alias(f"{_EVIDENCE}driver.{name}")
                for name, extreme in DRIVER_FACTS.items()
                if rule.driver_facts
            ),
        )
    )
    table = numbered.select("_finding").join(grouped, on="_finding", how="left", maintain_order="left")
    names = [list(item or ()) for item in table["names"].to_list()]
    certain = table["certain"].fill_null(0)
    facts = table.select(pl.col(f"^{_EVIDENCE}.*$"))
    return DriverCount(names, certain, certain + table["unknown"].fill_null(0), facts)


def _bounds(rule: Rule) -> tuple[str, ...]:
    return ("first_strike", "last_strike") if rule.scope == "ladder" else ()


def _candidates(
    drivers: Drivers, keys: Sequence[str], names: pl.Series, frames: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Contracts of some names that are, or may be, meant by a rule's drivers, with their rank."""
    nodes = [drivers.rank_by, *([drivers.where] if drivers.where is not None else [])]
    known = fields.of("contract")
    named = {name: FieldReference(known[name]) for name in (*keys, "contract", "strike", "volume", *DRIVER_FACTS)}
    uses = {use.column: use for node in nodes for use in references(node)} | named
    floors = gates.floors(drivers.where) if drivers.where is not None else {"volume": 1.0}
    usable = {name: floor for name, floor in floors.items() if name in available("contract", frames)}
    of_names, reached = pl.lit(pl.Series(among(frames["contract"]["underlying"], names))), gates.gate(usable)
    gate = of_names if reached is None else of_names & reached
    rows = select_rows("contract", frames, list(uses.values()), gate)
    meant = compiled.condition(drivers.where) if drivers.where is not None else pl.col("volume") > 0
    return rows.frame.with_columns(_meant=meant, _rank=compiled.operand(drivers.rank_by).cast(pl.Float64)).filter(
        pl.col("_meant").fill_null(True)
    )


def _names(drivers: list[list[str]]) -> pl.Expr:
    if any(drivers):
        return pl.lit(pl.Series(drivers, dtype=FINDINGS["drivers"]))
    return pl.lit([], dtype=FINDINGS["drivers"])


def _finite(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return pl.when(column.is_finite()).then(column) if dtype.is_float() else column
