"""``scanner run`` as a process: it waits by the schedule and stops cleanly when told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands

CONFIG = """
source: simulated
store: {path: store}
watchlists: {two: [GOOG, KO]}
schedule:
  - {name: intraday, watchlist: two, every: 15m}
  - {name: close, watchlist: two, at: close}
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_the_schedule_cleanly(tmp_path, number, code):
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "scanner", "run"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "waiting" in line:
                break
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == code, "".join(lines) + rest
    assert [line.split(":")[0] for line in lines[:2]] == ["job intraday", "job close"]
    assert all("New York" in line for line in lines[:2])


def test_one_job_can_be_run_now(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    scanner = Commands(monkeypatch, capsys)
    ran = scanner("run", "--once", "intraday", "--no-color")
    assert ran.code == 0, ran.err
    assert "SIMULATED" in ran.out
    assert "2 of 2 symbols" in " ".join(ran.out.split())
    unknown = scanner("run", "--once", "hourly")
    assert unknown.code == 2
    assert "the schedule has: intraday, close" in unknown.err
