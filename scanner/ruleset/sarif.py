"""Problems as SARIF 2.1.0, which editors and CI systems show beside the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.ruleset.problems import Level, Problem


def to_sarif(problems: Sequence[Problem], reasons: Mapping[str, tuple[Level, str]], version: str) -> dict[str, Any]:
    """One SARIF run with a result for each problem; ``reasons`` explain the codes of the lint."""
    codes = sorted({problem.code for problem in problems})
    driver = {
        "name": "scanner rules check",
        "version": version,
        "rules": [
            {"id": code, "shortDescription": {"text": reasons[code][1] if code in reasons else code.replace("-", " ")}}
            for code in codes
        ],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(problem, codes) for problem in problems]}],
    }


def _result(problem: Problem, codes: Sequence[str]) -> dict[str, Any]:
    region = {"startLine": problem.place.line, "startColumn": problem.place.column}
    location = {"artifactLocation": {"uri": problem.path.as_posix()}, "region": region}
    return {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": problem.level,
        "message": {"text": problem.said},
        "locations": [{"physicalLocation": location}],
    }
