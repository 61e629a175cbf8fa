"""``scanner run`` as a process: it waits by the schedule and stops cleanly when told to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands

from scanner import config
from scanner.app import clock, jobs, opening
from scanner.cli import printing
from scanner.store.state import FILE_NAME, State

CONFIG = """
source: simulated
store: {path: store}
watchlists: {two: [GOOG, KO]}
schedule:
  - {name: intraday, watchlist: two, every: 15m}
  - {name: close, watchlist: two, at: close}
"""


def started(folder: Path, **variables: str) -> subprocess.Popen[str]:
    """``scanner run`` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "scanner", "run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **variables},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(word: str, process: subprocess.Popen[str]) -> list[str]:
    """What a process says up to the line that holds a word."""
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if word in line:
            return lines
    pytest.fail("".join(lines))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_the_schedule_cleanly(tmp_path, number, code):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    with started(tmp_path) as process:
        lines = wait_for("waiting", process)
        process.send_signal(number)
        assert process.stderr is not None
        rest = process.stderr.read()
        assert process.wait(timeout=60) == code, "".join(lines) + rest
    timed = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d E[SD]T INFO job (\w+): first run at .* New York\n"
    assert [re.fullmatch(timed, line)[1] for line in lines[:2]] == ["intraday", "close"]


def test_one_job_can_be_run_now(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    scanner = Commands(monkeypatch, capsys)
    ran = scanner("run", "--once", "intraday", "--no-color")
    assert ran.code == 0, ran.err
    assert "SIMULATED" in ran.out
    assert "2 names" in ran.out
    again = scanner("run", "--once", "intraday", "--no-color", "--quiet", "--all")
    assert "2 of 2 symbols" in " ".join(again.out.split())
    unknown = scanner("run", "--once", "hourly")
    assert unknown.code == 2
    assert "the schedule has: intraday, close" in unknown.err


def test_a_hang_up_ends_the_schedule_with_a_word(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    with started(tmp_path) as process:
        wait_for("waiting", process)
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert "stopping: SIGHUP" in process.stderr.read()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("zone", ["UTC0", "EST5EDT,M3.2.0,M11.1.0", "<+08>-8", "Foo/Bar"])
def test_the_machines_time_zone_is_no_concern_of_the_schedule(tmp_path, zone):
    always = CONFIG.replace("every: 15m", "every: 15m, during: always")
    (tmp_path / "config.yaml").write_text(always, "utf-8")
    with started(tmp_path, TZ=zone) as process:
        wait_for("waiting", process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_output_that_nobody_reads_any_more_stops_nothing(monkeypatch, tmp_path, caplog):
    """The run is kept all the same, and the next one can tell when it was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    settings = config.load()
    rules, problems = opening.usable_rules(settings, strict=True)
    sources, printed = opening.open_sources(settings), printing.Printing()
    worker = jobs.Worker(settings, sources, rules, problems, lambda result: printed.show([result]))
    assert worker.last_runs() == {}
    reading, writing = os.pipe()
    os.close(reading)
    began = clock.right_now()
    with monkeypatch.context() as patched, os.fdopen(writing, "w") as nobody:
        patched.setattr("sys.stdout", nobody)
        assert worker.run(settings.schedule[0]).errors == ()
        patched.undo()
        with contextlib.suppress(BrokenPipeError):
            nobody.close()
    assert "job intraday: what it found cannot be printed (Broken pipe)" in caplog.text
    assert began <= worker.last_runs()["intraday"] <= clock.right_now()
    with State.open(tmp_path / "store" / FILE_NAME, read_only=True) as state, state.read() as ledger:
        (job,) = ledger.jobs()
        assert len(ledger.runs()) == 1
    assert (job.name, job.outcome) == ("intraday", "done")


def test_logs_go_to_a_file_as_json_and_failures_to_stderr_too(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG.replace("[GOOG, KO]", "[GOOG, NOSUCH]"), "utf-8")
    scanner = Commands(monkeypatch, capsys)
    ran = scanner("run", "--once", "intraday", "--log-format", "json", "--log-file", "logs/scanner.log")
    assert ran.code == 1
    (failed,) = [json.loads(line) for line in ran.err.splitlines()]
    assert (failed["level"], "NOSUCH" in failed["message"]) == ("warning", True)
    kept = [json.loads(line) for line in (tmp_path / "logs" / "scanner.log").read_text("utf-8").splitlines()]
    assert failed in kept
    assert any(item["message"].startswith("job intraday: scan of two") for item in kept)
    refused = scanner("run", "--once", "intraday", "--log-file", "config.yaml/log")
    assert refused.code == 2
    assert "--log-file config.yaml/log: cannot be written" in refused.err
