"""Fixtures that many test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of recorded real chains: SCANNER_REAL_DATA, else ``../shared/data`` beside the checkout.

    Tests skip with a reason where the folder is absent, and fail where the variable names a folder that is not there.
    """
    named = os.environ.get("SCANNER_REAL_DATA")
    folder = Path(named) if named else _BESIDE_THE_CHECKOUT
    if not folder.is_dir():
        reason = f"no recorded chains at {folder}; set SCANNER_REAL_DATA to their folder"
        pytest.fail(reason) if named else pytest.skip(reason)
    return folder
