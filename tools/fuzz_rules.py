"""Fuzz the rule loader and the expression parser with atheris (which is not among the project's dependencies).

python tools/fuzz_rules.py -max_total_time=600

Each input is read as a condition, as a whole rule file and as a test file. Anything that is not a reported problem is a
finding: an exception that escapes, an input that takes longer than libFuzzer's timeout, or an audit event that no rule
may cause (a file opened, a process started, code run).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["scanner.ruleset"]):
    from scanner.document import DocumentError, Scalar, Table, parse
    from scanner.ruleset import expressions, typecheck
    from scanner.ruleset.expressions import ExpressionError, Names
    from scanner.ruleset.message import parse_message
    from scanner.ruleset.problems import Reporter
    from scanner.ruleset.reader import Shared, read_rule
    from scanner.ruleset.series import SeriesError, parse_series

from scanner import fields
from scanner.ruleset import compile as compiled

RULE = """\
id: a-rule
title: A rule
status: stable
scope: contract
severity: high
why: to fuzz
when: {condition}
message: "{message}"
"""
NAMES = Names("contract")
FORBIDDEN = ("open", "exec", "import", "os.", "subprocess.", "socket.", "shutil.", "pty.", "pickle.", "ctypes.")


class Watch:
    """Turns audit events that no input may cause into findings, while it is on."""

    on = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Called by the interpreter for each event."""
        if Watch.on and event.startswith(FORBIDDEN):
            Watch.on = False
            raise AssertionError(f"an input caused {event} {arguments!r:.200}")


def one_input(data: bytes) -> None:
    """Read one input in every way a rule file's text is read."""
    text = data.decode("utf-8", "replace")
    Watch.on = True
    try:
        _condition(text)
        _message(text)
        _document(text)
        _document(RULE.format(condition=text, message="x"))
        _series(text)
    finally:
        Watch.on = False


def _condition(text: str) -> None:
    try:
        node = expressions.parse_condition(text, NAMES)
    except ExpressionError:
        return
    if not typecheck.check(node):
        compiled.condition(node)


def _message(text: str) -> None:
    try:
        message = parse_message(text, NAMES, has_drivers=True)
    except ExpressionError:
        return
    message.render({use.column: [None] for use in message.fields}, [[]], 1)


def _document(text: str) -> None:
    try:
        value = parse(text)
    except DocumentError:
        return
    if isinstance(value, Table):
        reporter = Reporter(Path("fuzzed.yaml"), "fuzzed")
        rule = read_rule(value, Shared({}, {"soon": "dte <= 7"}), reporter)
        if (rule is None) != reporter.failed:
            raise AssertionError("a rule is either read or reported")
    elif isinstance(value, Scalar):
        _condition(value.text)


def _series(text: str) -> None:
    for name in ("volume", "iv", "otm", "expiry", "source"):
        try:
            parse_series(text, fields.of("contract")[name])
        except SeriesError:
            continue


if __name__ == "__main__":
    one_input(b"volume > 1")
    one_input(b"a: [b, {c: d}]")
    sys.addaudithook(Watch())
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
