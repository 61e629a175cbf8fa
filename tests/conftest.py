"""Fixtures that many test modules share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import databases
import hypothesis
import object_stores
import pytest
from distributed.deploy.subprocess import SubprocessCluster

# No example may be late: the first one may have to wait for a kernel to be compiled, and all for a busy machine.
hypothesis.settings.register_profile("any time", deadline=None)
hypothesis.settings.load_profile("any time")

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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own, the database's name left out."""
    reason = databases.missing()
    if reason is not None:
        pytest.skip(reason)
    with databases.server() as url:
        yield url


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """The URL of an S3 server of the tests' own."""
    with object_stores.server() as url:
        yield url


@pytest.fixture
def bucket(object_server: str, monkeypatch: pytest.MonkeyPatch) -> object_stores.Bucket:
    """A new bucket, and in the environment what the program needs to reach it."""
    made = object_stores.Bucket.new(object_server)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers, each a process that is started anew when it dies."""
    with SubprocessCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:  # type: ignore[arg-type]
        yield started.scheduler_address


@pytest.fixture(autouse=True)
def empty_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's home: what whoever runs the tests keeps in their own store tells no test anything.

    What is measured once and kept, the simulated market of `rules check`, is kept for all tests.
    """
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """Give back the package's logger as it was: commands that run inside a test's process hand it to stderr."""
    package = logging.getLogger("scanner")
    before = package.handlers[:], package.propagate, package.level
    yield
    package.handlers, package.propagate = before[0], before[1]
    package.setLevel(before[2])


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a state may live: a folder, or a database of a PostgreSQL server."""
    if request.param == "sqlite":
        return str(tmp_path)
    return databases.new_database(request.getfixturevalue("postgresql_server"))
