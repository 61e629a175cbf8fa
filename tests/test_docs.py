"""The documents: every command has help and stands in the reference, which is fresh."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def write_docs():
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "tools" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_reference_is_fresh(write_docs):
    written = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert written == write_docs.commands(), "run `python tools/write_docs.py`"


def test_the_page_of_vendors_is_fresh(write_docs):
    written = (ROOT / "docs" / "vendors.md").read_text("utf-8")
    assert written == write_docs.vendors(), "run `python tools/write_docs.py`"


def test_every_command_and_option_has_help(write_docs):
    for path, text in write_docs.helps():
        assert re.search(r"Usage: .*\n\n  \w", text), f"{path} says nothing about itself"
        options = re.findall(r"^  (?:-\w, )?--[\w-]+.*(?:\n {10,}.*)*", text, re.MULTILINE)
        silent = [option for option in options if not re.search(r"\s{2,}\w.*\w", option.strip())]
        assert silent == [], f"{path} has options without help"


def test_every_link_between_documents_leads_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_command_of_the_readme_exists(write_docs):
    commands = {path for path, _ in write_docs.helps()}
    named = re.findall(
        r"^scanner [a-z-]+(?: (?:list|check|test|show|new)\b)?", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert named
    assert [name for name in named if name not in commands] == []


def test_the_rule_of_the_readme_can_be_used_as_it_stands(tmp_path):
    from scanner import ruleset

    (text,) = re.findall(r"```yaml\n(id: .*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "rule.yaml").write_text(text, "utf-8")
    loaded = ruleset.load([tmp_path])
    assert ([str(problem) for problem in loaded.problems], len(loaded.rules)) == ([], 1)


def test_every_key_of_the_configuration_is_explained():
    from scanner.config import Settings

    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert [name for name in Settings.model_fields if f"`{name}" not in page] == []
