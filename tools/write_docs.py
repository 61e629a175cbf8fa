"""Write the generated references in ``docs/`` and the schema of rules; tests check that they are fresh.

python tools/write_docs.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from scanner import ruleset
from scanner.cli.app import command_line
from scanner.ruleset import reference
from scanner.ruleset.schema import rule_schema
from scanner.sources.base import Gives, Vendor
from scanner.sources.registry import COMPANIONS, VENDORS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def commands() -> str:
    """``docs/commands.md``: the help of every command, as the terminal prints it."""
    parts = [
        "# Commands\n",
        "Made from `scanner --help` by `python tools/write_docs.py`; do not edit.\n",
        "Data goes to stdout; progress, logs and warnings go to stderr. `NO_COLOR`, pipes and dumb terminals are "
        "respected.\n",
        "| exit | when |\n|---|---|\n"
        "| 0 | done, whether or not anything was flagged |\n"
        "| 1 | done in part: some symbols, files or rules failed and were left out, each named with the reason |\n"
        "| 2 | usage or configuration wrong, or no usable rule: nothing was scanned; also an error in a rule that "
        "`rules check` or `rules test` found |\n"
        "| 3 | nothing could be scanned |\n"
        "| 10 | `--fail-on LEVEL` was given and an alert of that level or above was raised |\n"
        "| 130 | interrupted; what was finished is kept |\n",
    ]
    for path, text in helps():
        parts.append(f"## {path}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def fields() -> str:
    """``docs/fields.md``: the field dictionary."""
    return reference.fields_page()


def vendors() -> str:
    """``docs/vendors.md``: the register of vendors."""
    parts = [
        "# Vendors\n",
        "Made from the register of vendors by `python tools/write_docs.py`; do not edit. None of it was checked "
        "against a live site: what a plan holds and how often it may ask is the vendor's to say.\n",
        "A credential is read from the environment and from nowhere else; it is in no log, error, store or recording. "
        "`scanner scan GOOG --source NAME` asks one of them, a list in `source:` is a fallback order, and "
        "[configuration.md](configuration.md) says what you may set under `vendors:`.\n",
        "| name | what | credential | behind the market | calls | a chain takes | price | never gives |\n"
        "|---|---|---|---|---|---|---|---|",
        *(_vendor_row(vendor) for vendor in VENDORS.values() if vendor.live),
        f"\nPrints (`scanner tape`, [tape.md](tape.md)) come from {_giving(Gives.trades)}, those that the vendor "
        f"itself finds unusual (`--flagged`) from {_giving(Gives.flagged)}, a vendor's own rankings of contracts "
        f"(`scanner ranks`, [ranks.md](ranks.md)) from {_giving(Gives.ranks)}. Daily closes "
        "(`companions: {closes: NAME}`) come from "
        f"{_giving(Gives.closes)}; what stands beside chains from these, too:\n",
        "| name | what | credential | calls |\n|---|---|---|---|",
        *(_companion_row(vendor) for vendor in COMPANIONS.values()),
        "\n`terms` in the second column: the site's terms restrict automated and non-personal use; give "
        "`--accept-terms NAME` once you have read them. `thetadata` is the vendor's terminal, which has to run on this "
        "machine.\n",
    ]
    return "\n".join(parts)


def _giving(kind: Gives) -> str:
    return ", ".join(f"`{one.name}`" for one in VENDORS.values() if one.live and kind in one.gives)


def _companion_row(vendor: Vendor) -> str:
    says = vendor.says + (f" (terms of {vendor.terms})" if vendor.terms else "")
    keys = ", or ".join(" and ".join(f"`{name}`" for name in names) for names in vendor.keys) or "none"
    return f"| `{vendor.name}` | {says} | {keys} | {vendor.rate.calls} in {vendor.rate.seconds:g} s |"


def _vendor_row(vendor: Vendor) -> str:
    says = vendor.says + (f" (terms of {vendor.terms})" if vendor.terms else "")
    keys = ", or ".join(" and ".join(f"`{name}`" for name in names) for names in vendor.keys) or "none"
    minutes = vendor.delay.total_seconds() / 60
    delay = f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min" if minutes else "no"
    rate = f"{vendor.rate.calls} in {vendor.rate.seconds:g} s"
    rate += f", {vendor.rate.a_day:,} a day" if vendor.rate.a_day else ""
    lacks = ", ".join(f"`{name}`" for name in sorted(vendor.lacks)) or "nothing"
    cells = (f"`{vendor.name}`", says, keys, delay, rate, f"about {vendor.calls_a_chain}", vendor.price, lacks)
    return f"| {' | '.join(cells)} |"


def rules() -> str:
    """``docs/rules.md``: the language of rules, the lint, and the shipped rules."""
    return reference.rules_page(ruleset.load([ROOT / "rules"]).rules)


def schema() -> str:
    """``rules/rule.schema.json``: what editors check rule files with."""
    return json.dumps(rule_schema(), indent=2) + "\n"


def helps() -> Iterator[tuple[str, str]]:
    """Every command's path and help text, in the order of the help."""
    app = command_line()
    for path in _paths(app, ()):
        result = CliRunner().invoke(
            app, [*path, "--help"], prog_name="scanner", terminal_width=100, env={"NO_COLOR": "1"}
        )
        yield " ".join(("scanner", *path)), result.output


def _paths(group: typer.Typer, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield above
    for command in group.registered_commands:
        yield (*above, str(command.name))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _paths(inner.typer_instance, (*above, str(inner.name)))


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands(), "utf-8")
    (DOCS / "fields.md").write_text(fields(), "utf-8")
    (DOCS / "vendors.md").write_text(vendors(), "utf-8")
    (DOCS / "rules.md").write_text(rules(), "utf-8")
    (ROOT / "rules" / "rule.schema.json").write_text(schema(), "utf-8")
