"""What every command owes the shell: messages instead of tracebacks, and exit codes, whatever happens to its output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands

FULL = Path("/dev/full")


@pytest.fixture
def scanner(monkeypatch, capsys, tmp_path) -> Commands:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("form", ["table", "json"])
def test_output_onto_a_full_disk_is_one_line_and_exit_3(form):
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "scanner", "rules", "list", "--format", form],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 3
    assert ran.stderr == "scanner: cannot read or write the output: No space left on device\n"


def test_a_reader_that_goes_away_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "scanner", "rules", "fields", "--format", "json"],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("group", ["rules", "store"])
def test_a_group_of_commands_named_alone_lists_them(scanner, group):
    ran = scanner(group)
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_a_folder_named_as_output_is_said_to_be_one(scanner, tmp_path):
    for form in ("table", "json"):
        ran = scanner("rules", "list", "--format", form, "--output", ".")
        assert ran.code == 3
        assert ran.err == "scanner: cannot write .: it is a folder; name a file with --output FILE\n"


def test_ids_of_rules_are_never_broken_over_lines(scanner, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ids = [rule["id"] for rule in json.loads(scanner("rules", "list", "--format", "json").out)["rules"]]
    first_words = {line.split()[0] for line in scanner("rules", "list").out.splitlines() if line.strip()}
    assert len(ids) > 20
    assert set(ids) <= first_words


def test_a_csv_of_rules_writes_truth_as_every_other_csv_does(scanner):
    lines = scanner("rules", "list", "--format", "csv").out.splitlines()
    assert lines[0] == "id,status,scope,severity,calibrated,title,file"
    assert lines[1].startswith("call-buildup-at-one-strike,stable,contract,high,true,")
