"""Writers killed with SIGKILL, at random moments and at disk calls: run again, they leave what they would have left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "killing.py"


def test_a_store_whose_writers_were_killed_holds_what_that_of_unkilled_ones_does() -> None:
    """A few of the hundreds that ``python tests/killing.py`` kills; in a process of its own, which it forks."""
    ran = subprocess.run(
        [sys.executable, PROGRAM, "--kills", "6", "--seed", "7"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "failed 0, damaged 0, lost 0, doubled 0, different from an unkilled store 0" in ran.stdout
