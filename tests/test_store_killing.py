"""Writers killed with SIGKILL at random moments: nothing said to be stored is lost, nothing is there twice."""

from __future__ import annotations

from pathlib import Path

import killing
import pytest


@pytest.mark.slow
def test_a_store_survives_writers_killed_at_random_moments(tmp_path: Path) -> None:
    outcome = killing.examine(tmp_path, killing.kill_writers(tmp_path, kills=6, seed=7))
    assert outcome.kills == 6
    assert (outcome.damaged, outcome.lost, outcome.doubled, outcome.outdated) == (0, set(), [], 0)
