"""The JSON Schema of a rule file, made from the field dictionary, so that editors complete and check as one types."""

from __future__ import annotations

from typing import Any

from scanner import fields
from scanner.fields import SCOPES
from scanner.ruleset import reader
from scanner.severity import Severity

URI = "https://json-schema.org/draft/2020-12/schema"


def rule_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every valid rule file satisfies."""
    expression = {"type": ["string", "number", "boolean"], "description": _expression_help()}
    condition = {
        "anyOf": [
            {"$ref": "#/$defs/expression"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}},
            *(_group(word) for word in ("all", "any")),
            _mapping({"not": {"$ref": "#/$defs/condition"}}, ["not"]),
        ]
    }
    texts = {"type": "array", "minItems": 1, "items": {"type": "string"}}
    properties = {
        "id": {"type": "string", "pattern": f"^{reader.ID.pattern}$", "description": "stable name, also the file's"},
        "title": {"type": "string", "description": "a few words for a table"},
        "status": {"enum": ["stable", "experimental"], "description": "only stable rules run by default"},
        "scope": {"enum": list(SCOPES), "description": "the kind of row it judges"},
        "severity": {"enum": [severity.value for severity in Severity]},
        "why": {"type": "string", "description": "what a true row means to a person"},
        "needs": _mapping({"history_sessions": {"type": "integer", "minimum": 1}}, ["history_sessions"]),
        "let": {"type": "object", "additionalProperties": expression, "description": "named sub-expressions"},
        "when": {"$ref": "#/$defs/condition"},
        "drivers": _mapping(
            {
                "where": {"$ref": "#/$defs/condition"},
                "rank_by": {"$ref": "#/$defs/expression"},
                "limit": {"type": "integer", "minimum": 1},
                "at_least": {"type": "integer", "minimum": 0},
            },
            [],
        ),
        "for": {"type": "string", "pattern": r"^\d+ scans?$"},
        "cooldown": {"type": "string", "pattern": r"^\d+ (session|minute|hour)s?$"},
        "identity": {**texts, "items": {"enum": _identity_names()}},
        "rank_by": {"$ref": "#/$defs/expression"},
        "limit": {"type": "integer", "minimum": 1, "description": "alerts a session"},
        "message": {"type": "string", "description": "one sentence; {field} or {field:,.1f} fills in a value"},
        "measured": {
            "type": "string",
            "description": "how often it fires, and what it finds, as a benchmark measured it",
        },
        "false_positives": texts,
        "references": texts,
    }
    deprecated = _mapping(
        {
            "id": properties["id"],
            "status": {"const": "deprecated"},
            "replaced_by": properties["id"],
            "why": {"type": "string"},
        },
        ["id", "status", "replaced_by"],
    )
    return {
        "$schema": URI,
        "title": "A rule of the options scanner",
        "oneOf": [_mapping(properties, list(reader.REQUIRED)), deprecated],
        "$defs": {"expression": expression, "condition": condition},
    }


def _mapping(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _group(word: str) -> dict[str, Any]:
    return _mapping({word: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}}}, [word])


def _identity_names() -> list[str]:
    return sorted({name for scope in SCOPES for name in fields.of(scope)})


def _expression_help() -> str:
    listed = "; ".join(f"{scope}: {' '.join(fields.of(scope))}" for scope in SCOPES)
    return f"A comparison in Python's syntax over fields. {listed}"
