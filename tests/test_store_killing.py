"""Writers killed with SIGKILL at random moments: nothing said to be stored is lost, nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "killing.py"


def test_a_store_survives_writers_killed_at_random_moments() -> None:
    """A few of the two hundred that ``python tests/killing.py`` kills; in a process of its own, which it forks."""
    ran = subprocess.run(
        [sys.executable, PROGRAM, "--kills", "6", "--seed", "7"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "damaged 0, lost 0, doubled 0" in ran.stdout
