"""The steps of a scan, for whoever measures them: each says where it begins and ends, and nobody listens by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

# Is entered where the step of a name begins, and left where it ends; steps lie within steps.
Observer = Callable[[str], AbstractContextManager[object]]

_observer: ContextVar[Observer] = ContextVar("observer", default=nullcontext)


def step(name: str) -> AbstractContextManager[object]:
    """What is done inside belongs to the step of that name."""
    return _observer.get()(name)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Tell an observer of the steps taken inside, in this thread."""
    before = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(before)
