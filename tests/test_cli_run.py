"""``scanner run`` as a process: it waits by the schedule and stops cleanly when told to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Commands

from scanner import config
from scanner.app import clock, jobs, opening
from scanner.app.schedule import Due
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


# A process that says nothing more is ended, so that whoever reads what it says is not kept for ever.
LONGEST = 120.0


def hears_hang_ups() -> None:
    """Undo what a test run begun with ``nohup`` hands down."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def started(folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """``scanner run`` in a folder; where a test fails nobody waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "scanner", "run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **variables},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hears_hang_ups,  # noqa: PLW1509 # no threads are at work yet
    )
    too_long = threading.Timer(LONGEST, process.kill)
    too_long.start()
    with process:
        try:
            yield process
        finally:
            too_long.cancel()
            process.kill()


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


def test_a_hang_up_or_a_changed_file_loads_anew_and_a_broken_one_changes_nothing(tmp_path):
    config_file = tmp_path / "config.yaml"
    config_file.write_text(CONFIG, "utf-8")
    with started(tmp_path) as process:
        wait_for("waiting", process)
        process.send_signal(signal.SIGHUP)
        assert "2 jobs" in wait_for("loaded anew", process)[-1]
        config_file.write_text(CONFIG + "  - {name: late, watchlist: two, at: close+30m}\n", "utf-8")
        assert "job late: first run at" in "".join(lines := wait_for("job late", process)), lines
        config_file.write_text(CONFIG.replace("every: 15m", "evry: 15m"), "utf-8")
        broken = "".join(wait_for("the one before goes on", process))
        assert "config.yaml:6: schedule.0.evry: unknown key; did you mean `every`?" in broken
        told = json.loads(status(tmp_path, "--store", "store", "--format", "json").stdout)
        assert [item["job"] for item in told["process"]["next"]] != []
        assert "evry" in told["process"]["configuration_problem"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def status(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``scanner status`` in a folder, asked by another process."""
    return subprocess.run(
        [sys.executable, "-m", "scanner", "status", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_schedule_on_one_store_is_refused_and_names_the_first(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    before = status(tmp_path)
    assert (before.returncode, before.stdout.startswith("not running on store")) == (3, True), before.stderr
    with started(tmp_path) as first:
        wait_for("waiting", first)
        with started(tmp_path) as second:
            assert second.stderr is not None
            assert f"a schedule already runs on store: process {first.pid} " in second.stderr.read()
            assert second.wait(timeout=60) == 3
        asked = status(tmp_path)
        assert asked.returncode == 0
        assert f"(pid {first.pid})" in asked.stdout
        assert "next: " in asked.stdout
        first.kill()
        first.wait(timeout=60)
    assert status(tmp_path).returncode == 3


def test_a_broken_configuration_does_not_hide_what_runs(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG.replace("at: close", "at: noon"), "utf-8")
    asked = status(tmp_path)
    first, *_, last = asked.stderr.splitlines()
    assert (asked.returncode, first.startswith("scanner: config.yaml:7: "), asked.stdout) == (2, True, "")
    assert last == "scanner status --store DIR tells what runs, whatever it says"


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
    loaded = jobs.Loaded(settings, sources, rules, problems)
    worker = jobs.Worker(loaded, lambda result, _: printed.show([result]))
    assert worker.last_runs() == {}
    reading, writing = os.pipe()
    os.close(reading)
    began = clock.right_now()
    with monkeypatch.context() as patched, os.fdopen(writing, "w") as nobody:
        patched.setattr("sys.stdout", nobody)
        assert worker.run(Due(settings.schedule[0], began)).errors == ()
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
