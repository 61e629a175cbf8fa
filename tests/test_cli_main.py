"""What every command owes the shell: messages instead of tracebacks, and exit codes, whatever happens to its output."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands
from standard import open_store

from scanner.app import configuring
from scanner.cli import common

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
    assert any(line.startswith("call-buildup-at-one-strike,stable,contract,high,true,") for line in lines[1:])


HOSTILE = "a\x1b[31mEVIL\x07\x9b\u202eb"


@pytest.mark.parametrize(
    "words",
    [
        (HOSTILE,),
        ("scan", f"--{HOSTILE}"),
        ("scan", "--format", HOSTILE),
        ("scan", "--source", HOSTILE),
        ("scan", "--config", HOSTILE),
        ("scan", "--as-of", HOSTILE, "--source", "simulated"),
        ("scan", "--watchlist", HOSTILE),
        ("rules", "list", "--rules", HOSTILE),
        ("rules", "describe", HOSTILE),
        ("import", HOSTILE),
        ("store", "info", "--store", HOSTILE),
        ("store", "prune", "--keep", HOSTILE),
        ("alerts", "show", HOSTILE),
        ("report", "--output", f"{HOSTILE}/x"),
    ],
)
def test_no_word_of_the_command_line_reaches_the_terminal_as_a_control(scanner, words):
    ran = scanner(*words)
    assert ran.code in (1, 2, 3)
    assert (ran.out + ran.err).replace("\n", "").isprintable()


def test_a_name_with_a_break_in_it_forges_no_line(scanner, tmp_path):
    ran = scanner("scan", "--config", "x\nscanner: all is well")
    assert len(ran.err.splitlines()) == 1


def test_the_log_is_text_too_with_its_tracebacks(capsys):
    common.configure_logging(quiet=False, verbose=False)
    log = logging.getLogger("scanner.test")
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError:
        log.exception("of %s\nscanner: all is well", HOSTILE)
    said = capsys.readouterr().err
    assert said.replace("\n", "").isprintable()
    assert [line[:5] for line in said.splitlines()[:2]] == ["of a\N{REPLACEMENT CHARACTER}", "Trace"]


def test_a_fault_of_the_program_is_shown_as_text_and_is_no_success(scanner, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(configuring, "settings", fail)
    ran = scanner("curve")
    assert ran.code == 3
    assert ran.err.replace("\n", "").isprintable()
    assert "this is a fault of the program" in ran.err


def test_tables_show_controls_of_file_names_as_text(scanner, tmp_path):
    folder = tmp_path / HOSTILE
    open_store(folder)
    ran = scanner("store", "info", "--store", folder)
    assert ran.code == 0
    assert ran.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("words", [["rules", "list"], ["scan", "KO", "--source", "simulated", "--store", "x"]])
def test_an_interrupt_in_the_first_moments_is_exit_130_without_a_traceback(tmp_path, words):
    """A tenth of a second after the entry point was called; libraries take longer than that to load."""
    code = (
        "import os, signal, threading; from scanner.cli import main;"
        "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start(); main.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (130, "")
