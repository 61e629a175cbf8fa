"""The reference pages that are made from code and rules: the field dictionary, and the rules with their lint."""

# A table row of a page is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Sequence

from scanner import fields
from scanner.fields import SCOPES, Field
from scanner.ruleset.model import Rule
from scanner.ruleset.reasons import REASONS

_FIELDS_INTRODUCTION = """\
# Fields

Every name that rules, JSON and CSV use. Made from `scanner/fields/`; do not edit this page.

Implied volatility is a decimal fraction per square root of a year (0.42 is 42 %). Names ending in `_pct` and `_share` are
fractions of 1. Money is in dollars, instants are UTC. A `*_change` is this session minus the previous one in the field's
own unit, except `spot_change`, which is a return. A missing value is null, never 0, NaN or infinite: a comparison with it is
unknown, and a rule that ends unknown is *not judged*. Fields marked *calibrated* are chances that were checked against
real frequencies; what rules that use one find is ranked by `once_in_sessions`, how seldom as much comes on the watchlist.
Fields marked *as received* come with the chain; those marked *remembered* are kept of every session for later ones, and
restated after a split. A ratio to nearly nothing is large by chance: where a field has a *floor on*, a rule that uses it
should ask for a least size of one of those.
"""

_LANGUAGE = """\
# Rules

Made from `rules/` and `scanner/ruleset/`; do not edit this page.

## The language

A condition is a comparison in Python's own syntax over the fields of [fields.md](fields.md). It is parsed into a closed list
of forms, checked for kinds and units, and compiled to polars; nothing of it is ever evaluated by Python.

| form | example |
|---|---|
| comparison, and chains of them | `volume >= 500`, `1 <= dte <= 21`, `right == "C"`, `expiry == "2025-09-12"` |
| arithmetic | `volume > 3 * volume_avg_20`, `premium / volume`, `-iv30_change` |
| functions | `abs(x)`, `log10(x)`, `min(x, y)`, `max(x, y)` |
| membership | `underlying in ["SPX", "NDX"]`, `root not in index_roots` |
| yes/no fields | `new_strike`, `not otm` |
| joined | `and`, `or`, `not`; or `all:`, `any:` and `not:` with conditions below them |
| wider scopes | `expiry.dte`, `underlying.iv30`, `market.put_call_volume` |
| names of its own | `let: {floor: 500}`, then `volume >= floor` |
| shared names | `lists:` and `conditions:` of `macros.yaml` |

A comparison with a missing value is *unknown*. `and`, `or` and `not` follow Kleene: false and anything is false, true or
anything is true, everything else with an unknown part is unknown. Division by zero and the logarithm of zero or less have no
value. A row on which the whole is unknown is *not judged*, and the missing fields are named.

An expression has at most 1,000 characters and 24 levels; a rule file at most 100,000 characters.

| key | meaning |
|---|---|
| `id`, `title`, `why`, `status`, `scope`, `severity`, `when`, `message` | required |
| `needs: {history_sessions: N}` | good sessions of the underlying; with fewer every row is not judged |
| `let` | named values and conditions, in order; overrides may change them |
| `for: N scans` | in how many scans in a row it must hold; a session without a scan breaks the row |
| `cooldown: N sessions` (or minutes, hours) | how long an episode stays quiet once told |
| `identity` | the fields by which an alert is the same alert in the next scan |
| `severity` | of a rule that looks at calibrated fields, `notice` and `high` are settled by how rare its finding and the money in it are; `info` and `critical` are kept |
| `message` | text with fields in braces, `{volume:,}`; `{usual}` says what a contract's volume is held against, `usual 1,115 (86x)` |
| `rank_by`, `limit` | which findings come first, and how many alerts a session it may raise |
| `drivers: {where, rank_by, limit, at_least}` | for wider scopes: which contracts did it; with fewer than `at_least` there is no finding |
| `measured`, `false_positives`, `references` | for readers |

A rule that gave way to another is kept as `id`, `status: deprecated` and `replaced_by`; its id goes on working.

`overrides.yaml` in a folder of rules changes `severity`, `status`, `limit`, `cooldown`, `for`, `needs` and `let` of named rules,
everywhere, for some `underlyings`, or for a `watchlist`; `enabled: false` switches them off there. Files in `filters/`
exclude what you want to hear no more of (see [filters](../rules/filters/README.md)). To use them with the shipped rules, name
both: `rules: [shipped, my-rules]` in the configuration, or `--rules shipped --rules my-rules`.

## Tests

`NAME.test.yaml` beside `NAME.yaml` holds `defaults` and `cases`. A case gives `rows` of the rule's scope by what identifies
them (`GOOG250912C00235000`, `GOOG 2025-09-12 235`, `GOOG 2025-09-12 C 230 240`, `GOOG 2025-09-12`, `GOOG`, `all`), `wider` fields by scope,
and `contracts` for drivers. Values are one for all sessions or a series: `120x3 48210`, `100+50x3`, `_` (missing), `stale` (switched
off by the quality gate). It expects findings (`expect`, with `row`, `on` a session counted from 1, `severity`, `evidence`, `drivers`,
`message`), rows that are `not_judged` (with `reasons` and `count`), or, with neither, silence. A finding or a reason that is not
expected fails the case. Conditions that no case ever makes true, or false, are named.

## Lint

`scanner rules check` finds errors (the rule is left out), warnings (it is likely to be useless) and notes.

| code | level | why |
|---|---|---|
"""


def fields_page() -> str:
    """``docs/fields.md``."""
    parts = [_FIELDS_INTRODUCTION]
    for scope in SCOPES.values():
        keys = ", ".join(f"`{key}`" for key in scope.keys)
        parts.append(f"\n## {scope.name}\n\n{scope.meaning[0].upper()}{scope.meaning[1:]}. One row for each {keys}.\n")
        parts.append("\n| field | unit | meaning | range | when missing |\n|---|---|---|---|---|\n")
        parts += [_field_row(field) for field in fields.of(scope.name).values()]
    return "".join(parts)


def _field_row(field: Field) -> str:
    unit = field.unit.value if field.numeric else field.kind.value
    marks = {"as received": field.from_chain, "remembered": field.remembered, "calibrated": field.calibrated}
    told = [mark for mark, holds in marks.items() if holds]
    if field.denominator:
        told.append(f"floor on {' or '.join(field.denominator)}")
    meaning = field.meaning + (f" *({'; '.join(told)})*" if told else "")
    return f"| `{field.name}` | {unit} | {meaning} | {_range(field)} | {field.null or 'never'} |\n"


def _range(field: Field) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    low, high = (f"{bound:g}" if abs(bound) < float("inf") else "" for bound in (field.low, field.high))
    return f"{low} to {high}".strip() if low and high else f"from {low}" if low else f"to {high}" if high else ""


def rules_page(rules: Sequence[Rule]) -> str:
    """``docs/rules.md`` for the shipped rules."""
    parts = [_LANGUAGE, *(f"| `{code}` | {level} | {why} |\n" for code, (level, why) in REASONS.items())]
    for status, heading in (("stable", "The pack"), ("experimental", "Experimental rules")):
        parts.append(f"\n## {heading}\n")
        if status == "experimental":
            parts.append("\nNot run unless asked for: what others publish, to compare with.\n")
        for rule in sorted((rule for rule in rules if rule.status == status), key=lambda rule: rule.id):
            parts.append(_rule_section(rule))
    return "".join(parts)


def _rule_section(rule: Rule) -> str:
    looks = ", ".join(f"`{use.column}`" for use in rule.fields)
    measured = f"Measured: {rule.measured}\n\n" if rule.measured else ""
    wrong = "\n".join(f"- {reason}" for reason in rule.false_positives)
    needs = f" Needs {rule.needs_history} sessions of history." if rule.needs_history else ""
    return (
        f"\n### {rule.id}\n\n**{rule.title}** ({rule.scope}, {rule.severity}). {rule.why}{needs}\n\n"
        f"Looks at {looks}.\n\n{measured}May be wrong on:\n\n{wrong}\n"
    )
