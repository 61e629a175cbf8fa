"""The recipes of docs/running.md, as far as they can be tried without the systems they are for."""

from __future__ import annotations

import configparser
import plistlib
import re
import shlex
from pathlib import Path

import pytest
from commands import Commands

TEXT = (Path(__file__).parents[1] / "docs" / "running.md").read_text("utf-8")


def fence(kind: str) -> str:
    """The first code block of a kind."""
    return re.search(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1]


def options_of(monkeypatch, capsys, *words: str) -> str:
    ran = Commands(monkeypatch, capsys)(*words, "--help")
    assert ran.code == 0
    return ran.out


def arguments() -> list[list[str]]:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(fence("ini"))
    plist = plistlib.loads(fence("xml").encode())
    cron = [line for line in fence("cron").splitlines() if "scanner run" in line]
    lines = [unit["Service"]["ExecStart"], shlex.join(plist["ProgramArguments"]), *cron]
    return [shlex.split(line[line.index("scanner run") :].split(">>")[0]) for line in lines]


@pytest.mark.parametrize("words", arguments(), ids=" ".join)
def test_every_recipe_runs_a_command_that_there_is(words, monkeypatch, capsys):
    told = options_of(monkeypatch, capsys, "run")
    assert words[:2] == ["scanner", "run"]
    assert [word for word in words if word.startswith("--") and word not in told] == []


def test_the_unit_reloads_by_the_signal_and_does_not_restart_a_wrong_configuration():
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(fence("ini"))
    assert unit["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert unit["Service"]["RestartPreventExitStatus"] == "2"
    assert int(unit["Service"]["TimeoutStopSec"]) > 5


def test_the_crontab_lines_are_ones():
    from scanner import crontab

    lines = [re.split(r"\s+", line)[:5] for line in fence("cron").splitlines() if "scanner run" in line]
    assert len(lines) == 3
    for line in lines:
        assert crontab.trigger(" ".join(line)).timezone.key == "America/New_York"
