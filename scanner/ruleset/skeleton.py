"""A commented skeleton of a rule and of its tests, to start from."""

from __future__ import annotations

from scanner.ruleset.reader import DEFAULT_IDENTITY
from scanner.severity import Severity

RULE = """\
# yaml-language-server: $schema={schema}
id: {id}
title: {title}
status: experimental              # experimental rules run only when asked for; make it stable once it has proved itself
scope: {scope:<25} # contract | strike | ladder | expiry | underlying | market
severity: notice                  # {severities}
why: >
  Say here what a true row means to a person, and why it is worth their time.
needs: {{history_sessions: 10}}     # good sessions of the underlying; with fewer the rule is not judged
let:                              # named values and conditions, which overrides may change
  floor: {floor}
when:                             # all, any, not; `scanner rules fields --scope {scope}` lists the fields
  all:
    - {size} >= floor
    - {signal}
for: 1 scan                       # in how many scans in a row it must hold
cooldown: 1 session
identity: [{identity}]
rank_by: {rank}
limit: 10                         # alerts a session
message: "{message}"
false_positives:
  - say when it is right and yet means nothing
"""

TESTS = """\
# Each case: rows by what identifies them, and what must come of them.
# Values over sessions: 120x3 48210; _ is missing, stale is switched off by the quality gate.
defaults:
  underlying: {{history_sessions: 20}}
cases:
  fires on what it is for:
    rows:
      {row}: {fires}
    expect:
      - row: {row}
  stays quiet on an ordinary day, and below the floor:
    rows:
      {row}: {quiet}
  is not judged without what it looks at:
    rows:
      {row}: {missing}
    not_judged:
      - reasons: [no value for]
"""

_HISTORY = """\
needs: {history_sessions: 10}     # good sessions of the underlying; with fewer the rule is not judged
"""
_HISTORY_OF_TESTS = """\
defaults:
  underlying: {history_sessions: 20}
"""
_SUMMED = ("call_volume + put_volume", "volume_surprise")
_ROWS = {
    "contract": "GOOG250912C00235000",
    "strike": "GOOG 2025-09-12 235",
    "ladder": "GOOG 2025-09-12 C 230 240",
    "expiry": "GOOG 2025-09-12",
    "underlying": "GOOG",
    "market": "all",
}


def skeleton(rule_id: str, scope: str, schema: str) -> tuple[str, str]:
    """The text of a rule file and of its test file for a scope. Both are valid, and the tests pass."""
    size, signal = {
        "contract": ("volume", "volume_surprise"),
        "ladder": ("volume", "ladder_surprise"),
        "market": ("call_volume + put_volume", "volume_ratio_20"),
    }.get(scope, _SUMMED)
    sizes = "volume: {0}" if size == "volume" else "call_volume: {0}, put_volume: {0}"
    subject = {"contract": "{contract}", "underlying": "{underlying}", "market": "{segment}"}.get(
        scope, "{root} {expiry}"
    )
    rule = RULE.format(
        schema=schema,
        id=rule_id,
        title=rule_id.replace("-", " ").capitalize(),
        scope=scope,
        severities=" | ".join(Severity),
        floor=500,
        size=size,
        signal=f"{signal} >= 4",
        identity=", ".join(DEFAULT_IDENTITY[scope]),
        rank=signal,
        message=f"{subject}: something a person can act on ({{{signal}:.1f}})",
    )
    if scope == "market":
        rule = rule.replace(_HISTORY, "")
    tests = TESTS.format(
        row=_ROWS[scope],
        fires=f"{{{sizes.format(900)}, {signal}: 5}}",
        quiet=f"{{{sizes.format('900 9')}, {signal}: 0.5 6}}",
        missing=f"{{{sizes.format(900)}, {signal}: _}}",
    )
    if scope == "market":
        tests = tests.replace(_HISTORY_OF_TESTS, "")
    return rule, tests
