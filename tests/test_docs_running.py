"""The recipes of docs/running.md, as far as they can be tried without the systems they are for."""

from __future__ import annotations

import configparser
import os
import plistlib
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
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


def test_a_crontab_line_does_its_job_in_the_bare_environment_that_cron_gives(tmp_path):
    """By the shell of cron, with its few variables, from a folder as the recipe has it."""
    home = tmp_path / "scanner"
    command = home / "venv" / "bin" / "scanner"
    command.parent.mkdir(parents=True)
    checkout = Path(__file__).parents[1]
    command.write_text(f'#!/bin/sh\nPYTHONPATH={checkout} exec {sys.executable} -m scanner "$@"\n', "utf-8")
    command.chmod(0o755)
    (home / "config.yaml").write_text(
        "source: simulated\nstore: {path: store}\nwatchlists: {mine: [GOOG]}\n"
        "schedule: [{name: intraday, watchlist: mine, every: 15m}]\n",
        "utf-8",
    )
    (line,) = [line for line in fence("cron").splitlines() if "--once intraday" in line]
    given = {"HOME": str(tmp_path), "LOGNAME": "me", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    told = subprocess.run(
        ["/bin/sh", "-c", re.split(r"\s+", line, maxsplit=5)[5]],
        env=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
    assert "Traceback" not in (home / "scanner.log").read_text("utf-8")
    with sqlite3.connect(home / "store" / "state.sqlite") as state:
        assert state.execute("select name, outcome from job_runs").fetchall() == [("intraday", "done")]


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    command = tmp_path / "scanner" / "venv" / "bin" / "scanner"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n", "utf-8")
    command.chmod(0o755)
    unit = tmp_path / "scanner.service"
    unit.write_text(fence("ini"), "utf-8")
    home = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    told = subprocess.run(
        [program, "verify", "--user", unit], env=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_the_container_installs_extras_that_there_are_and_asks_for_health_by_a_command_that_there_is(
    monkeypatch, capsys
):
    text = fence("dockerfile")
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    extras = re.search(r"/src\[([a-z,]+)\]", text)[1].split(",")
    assert set(extras) <= set(project["optional-dependencies"])
    health = shlex.split(re.search(r"CMD (scanner .*?) >", text)[1])
    told = options_of(monkeypatch, capsys, health[1])
    assert [word for word in health if word.startswith("--") and word not in told] == []
    assert re.search(r"FROM python:(\S+)-slim", text)[1] == project["requires-python"].removeprefix(">=")
