"""Sessions judged by many processes, of this machine or of a Dask cluster, and handed back in their order.

A session rests on what the store held before it and on no alert, so that each is a task of its own: a worker receives,
gates, prices, measures and judges it, and gives back what its chains say (:class:`scanner.pipeline.Stated`, the
drafts of alerts and a row a name). Whoever asked concludes in order, for alerts are stories that go from session to
session. A task says itself all that it needs; what a worker keeps from one task to the next is its open store, and its
going costs the time of opening it again.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from scanner.app import opening
from scanner.errors import ClusterError, StoreError, UsageError

if TYPE_CHECKING:
    from scanner.config import Settings
    from scanner.pipeline import Setup, Stated
    from scanner.ruleset import Rule

# Seconds to wait for the address of a cluster, and for its first worker.
_PATIENCE = 20
# So many sessions for each thread are handed out ahead of the one that is concluded.
_AHEAD = 2
# What must be the same for the numbers to be the same.
_LIBRARIES = ("numpy", "scipy", "polars", "numba", "llvmlite")


def _made_with() -> dict[str, str]:
    """What numbers depend on: this package, the libraries that compute, Python and the kind of processor."""
    import scanner
    from scanner.metrics.summary import CALCULATION_VERSION

    return {
        "the scanner": scanner.__version__,
        "calculation": CALCULATION_VERSION,
        "Python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in _LIBRARIES},
    }


@dataclass(frozen=True, slots=True)
class Spread:
    """Where sessions are judged: on the ``cluster`` of an address, or in so many ``workers`` of this machine."""

    cluster: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.cluster is not None and self.workers is not None:
            raise UsageError("--cluster and --workers: give one of them")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: at least one is needed")

    @property
    def option(self) -> str:
        """What was asked for, as the command line spells it."""
        return f"--workers {self.workers}" if self.cluster is None else f"--cluster {self.cluster}"


@dataclass(frozen=True, slots=True)
class Told:
    """All that a task knows: how sessions are judged, of which names, and what its worker must be like.

    ``run`` names the replay, so that no other one is ever given what a worker has open for it.
    """

    settings: Settings
    rules: Sequence[Rule]
    names: tuple[str, ...] | None
    made_with: dict[str, str] = field(default_factory=_made_with)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)


def stated(spread: Spread, told: Told, sessions: Iterable[tuple[str, date]]) -> Iterator[Stated]:
    """What each session's chains say, in the order asked for; a session without chains gives nothing.

    Raises UsageError where Dask is not installed or nobody answers, ClusterError where workers differ from this
    process, lack the store or die over the same session again and again.
    """
    with _client(spread) as client:
        ahead = max(_AHEAD * sum(client.nthreads().values()), 4)
        waiting: deque[Any] = deque()
        for source, session in sessions:
            waiting.append(
                client.submit(_judge, told, source, session, pure=False, key=f"{session}-{uuid.uuid4().hex}")
            )
            if len(waiting) >= ahead:
                yield from _result(waiting.popleft(), spread)
        while waiting:
            yield from _result(waiting.popleft(), spread)


def _result(task: Any, spread: Spread) -> Iterator[Stated]:
    from concurrent.futures import CancelledError

    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    try:
        found = task.result()
    except KilledWorker as error:
        raise ClusterError(
            f"{spread.option}: {error.allowed_failures + 1} workers died one after the other while they judged session "
            f"{task.key[:10]}; give each more memory, or judge fewer names at a time"
        ) from error
    except (CancelledError, FutureCancelledError, OSError) as error:
        raise ClusterError(
            f"{spread.option}: the scheduler is gone ({error}); nothing of the replay is kept"
        ) from error
    if found is not None:
        yield found


def _environment_of(workers: int) -> dict[str, str]:
    """What so many processes find around them: each has its share of the machine, and logs what fails."""
    share = max(1, (os.cpu_count() or 1) // workers)
    return {"POLARS_MAX_THREADS": str(share), "DASK_LOGGING__DISTRIBUTED": "error"}


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Have variables in the environment of the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _client(spread: Spread) -> Iterator[Any]:
    """A client of the cluster, or of processes that end with it. Raises UsageError."""
    try:
        import dask
        from distributed import Client
        from distributed.deploy.subprocess import SubprocessCluster
    except ImportError as error:
        raise UsageError(
            f"{spread.option}: needs dask, which is not installed; "
            "pip install 'options-unusual-activity-scanner[cluster]'"
        ) from error
    quiet = {"logging.distributed": "error"}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(quiet))
        if spread.cluster is None:
            assert spread.workers is not None
            stack.enter_context(_environment(_environment_of(spread.workers)))
            # Processes that are started by a command of their own: those that are spawned run the caller's script anew.
            made = SubprocessCluster(
                dashboard_address=None,
                n_workers=spread.workers,
                threads_per_worker=1,
                silence_logs=logging.ERROR,
            )
            address: Any = stack.enter_context(made)
        else:
            address = spread.cluster
        try:
            client = stack.enter_context(Client(address, timeout=_PATIENCE, set_as_default=False))
            client.wait_for_workers(1, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(
                f"{spread.option}: no scheduler with a worker answers in {_PATIENCE} s ({said}); start them by `dask "
                "scheduler` and `dask worker tcp://HOST:8786 --nthreads 1`"
            ) from error
        yield client


# -- what runs in a worker --------------------------------------------------------------------------------------------

_here = threading.local()


def _judge(told: Told, source: str, session: date) -> Stated | None:
    """Judge one session, in whatever process this is."""
    from scanner import pipeline

    mine = _made_with()
    if mine != told.made_with:
        other = ", ".join(f"{name} {mine[name]} for {wanted}" for name, wanted in told.made_with.items()
                          if mine[name] != wanted)  # fmt: skip
        raise ClusterError(
            f"a worker on {platform.node()} has {other}: its numbers would differ; have the same there as here"
        )
    setup = _setup(told)
    assert setup.store is not None
    return pipeline.stated_of_store(setup, source, session, told.names)


def _setup(told: Told) -> Setup:
    """The store as a task reads it, opened once a thread and replay: nothing in it depends on earlier tasks."""
    from scanner.app import preparing

    known = getattr(_here, "opened", None)
    if known is not None and known[0] == told.run:
        return known[1]  # type: ignore[no-any-return]
    try:
        store = opening.open_store(told.settings, read_only=True)
    except StoreError as error:
        raise ClusterError(
            f"a worker on {platform.node()} cannot read the store: {error}; workers open it by the same path or URL"
        ) from error
    setup = preparing.setup(told.settings, store, None, told.rules)
    _here.opened = told.run, setup
    return setup
