"""Processes that take tasks, of this machine or of a Dask cluster; those of this machine live as long as their crew.

A task is a function of a module with all that it needs among its arguments: nothing in it rests on what the process did
before, and its going costs the time of doing it again. What tasks warn of is said where they were asked for, once.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from scanner.app import opening
from scanner.errors import ClusterError, StoreError, UsageError

if TYPE_CHECKING:
    from scanner.config import Settings
    from scanner.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds to wait for the address of a cluster, and for its first worker.
_PATIENCE = 20
# Seconds to wait for a worker where all have gone, and between two looks whether one is there.
_PATIENCE_WITHOUT_WORKERS, _LOOK = 120, 5
# So many tasks for each thread are handed out ahead of the one that is waited for.
_AHEAD = 2
_PACKAGE = logging.getLogger("scanner")


@dataclass(frozen=True, slots=True)
class Spread:
    """Where tasks are done: on the ``cluster`` of an address, or in so many ``workers`` of this machine."""

    cluster: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.cluster is not None and self.workers is not None:
            raise UsageError("--cluster and --workers: give one of them")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: at least one is needed")

    @classmethod
    def asked(cls, cluster: str | None, workers: int | None) -> Spread | None:
        """What the options of a command ask for; None where they ask for nothing. Raises UsageError."""
        return None if cluster is None and workers is None else cls(cluster, workers)

    @property
    def option(self) -> str:
        """What was asked for, as the command line spells it."""
        return f"--workers {self.workers}" if self.cluster is None else f"--cluster {self.cluster}"


class Crew:
    """Those who do tasks, from the first task until the ``with`` block is left.

    ``kept`` says what is left of the work where the crew is lost. Raises UsageError with the first task where Dask is
    not installed or nobody answers.
    """

    def __init__(self, spread: Spread, kept: str) -> None:
        self.spread = spread
        self._kept = kept
        self._stack = ExitStack()
        self._heard = _Heard()
        self._doing: dict[str, str] = {}
        self._made_with = made_with()

    def __enter__(self) -> Crew:
        _PACKAGE.addHandler(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        _PACKAGE.removeHandler(self._heard)
        self._stack.close()

    @cached_property
    def _client(self) -> Any:
        return self._stack.enter_context(_client(self.spread))

    @property
    def threads(self) -> int:
        """How many tasks are done at once."""
        return max(int(sum(self._client.nthreads().values())), self.spread.workers or 1)

    def submit(self, doing: str, function: Callable[..., object], *arguments: object) -> Any:
        """Have a function called with arguments, futures of other tasks among them; ``doing`` says what it does."""
        key = f"{function.__name__}-{uuid.uuid4().hex}"
        self._doing[key] = doing
        return self._client.submit(_done, self._made_with, function, *arguments, pure=False, key=key)

    def in_order(self, items: Iterable[T], submit: Callable[[T], Any | None]) -> Iterator[tuple[T, Any]]:
        """Each item with the result of its task, in their order; None beside one that no task was submitted for."""
        waiting: deque[tuple[T, Any]] = deque()
        ahead = 0
        for item in items:
            waiting.append((item, submit(item)))
            ahead = ahead or max(_AHEAD * self.threads, 4)
            if len(waiting) >= ahead:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: deque[tuple[T, Any]]) -> tuple[T, Any]:
        item, task = waiting.popleft()
        return item, None if task is None else self.result(task)

    def result(self, task: Any) -> Any:
        """What a task came to.

        Raises ClusterError where workers differ from this process, die over it again and again or are all gone.
        """
        from concurrent.futures import CancelledError

        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        doing = self._doing.pop(task.key, "")
        try:
            done = self._waited_for(task)
        except KilledWorker as error:
            raise ClusterError(
                f"{self.spread.option}: {error.allowed_failures + 1} workers died one after the other while they "
                f"{doing}; give each more memory, or take fewer names at a time"
            ) from error
        except (CancelledError, FutureCancelledError, OSError) as error:
            if task.status == "error":
                # It is the task's own.
                raise
            raise ClusterError(f"{self.spread.option}: the scheduler is gone ({error}); {self._kept}") from error
        for name, level, message in done.said:
            if message not in self._heard.messages:
                logging.getLogger(name).log(level, "%s", message)
        return done.value

    def _waited_for(self, task: Any) -> _Done:
        without = 0
        while True:
            try:
                return task.result(timeout=_LOOK)  # type: ignore[no-any-return]
            except TimeoutError:
                if task.done():
                    return task.result()  # type: ignore[no-any-return]
            if self._client.nthreads():
                without = 0
                continue
            if not without:
                said = "%s: all workers are gone; waiting %d s for one to come (`dask worker ADDRESS --nthreads 1`)"
                log.warning(said, self.spread.option, _PATIENCE_WITHOUT_WORKERS)
            without += _LOOK
            if without > _PATIENCE_WITHOUT_WORKERS:
                raise ClusterError(
                    f"{self.spread.option}: all workers are gone, and none came for {_PATIENCE_WITHOUT_WORKERS} s; "
                    f"{self._kept}"
                )


def made_with() -> dict[str, str]:
    """What must be the same for the numbers to be the same."""
    import scanner
    from scanner.kernels.computing import computed_with
    from scanner.metrics.summary import CALCULATION_VERSION

    return {
        "the scanner": scanner.__version__,
        "calculation": CALCULATION_VERSION,
        **computed_with(),
    }


class _Heard(logging.Handler):
    """What the package warned of, in all threads or in one."""

    def __init__(self, thread: int | None = None) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self.said: list[tuple[str, int, str]] = []

    @property
    def messages(self) -> set[str]:
        return {message for _, _, message in self.said}

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        if self._thread in (None, record.thread):
            self.said.append((record.name, record.levelno, record.getMessage()))


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


@dataclass(frozen=True, slots=True)
class _Done:
    """What a task gave, and what was warned of meanwhile: logger, level and words."""

    value: Any
    said: tuple[tuple[str, int, str], ...]


def _done(wanted: dict[str, str], function: Callable[..., object], *arguments: Any) -> _Done:
    """Do a task, in whatever process this is."""
    mine = made_with()
    if mine != wanted:
        other = ", ".join(f"{name} {mine[name]} for {made}" for name, made in wanted.items() if mine[name] != made)
        raise ClusterError(
            f"a worker on {platform.node()} has {other}: its numbers would differ; have the same there as here"
        )
    heard = _Heard(threading.get_ident())
    _PACKAGE.addHandler(heard)
    try:
        value = function(*map(_value, arguments))
    finally:
        _PACKAGE.removeHandler(heard)
    return _Done(value, tuple(heard.said))


def _value(argument: Any) -> Any:
    """An argument; of what other tasks gave, alone or in a dictionary, what they came to."""
    if isinstance(argument, dict):
        return {name: _value(each) for name, each in argument.items()}
    return argument.value if isinstance(argument, _Done) else argument


def kept(run: str, make: Callable[[], T]) -> T:
    """What a task needs open, made once for each thread and ``run``: nothing in it may depend on earlier tasks."""
    known = getattr(_here, "opened", None)
    if known is not None and known[0] == run:
        return known[1]  # type: ignore[no-any-return]
    made = make()
    _here.opened = run, made
    return made


def read_store(settings: Settings) -> Store:
    """The store as tasks read it. Raises ClusterError where it cannot be opened from here."""
    try:
        return opening.open_store(settings, read_only=True)
    except StoreError as error:
        raise ClusterError(
            f"a worker on {platform.node()} cannot read the store: {error}; workers open it by the same path or URL"
        ) from error
