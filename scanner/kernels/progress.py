"""Who is told that functions are being compiled, as a new installation does for a while. Loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Handed how many functions this process has begun to compile, and None whenever one of them is done.
Listener = Callable[[int | None], object]

_begun = 0
_listener: Listener | None = None


def tell(listener: Listener | None) -> Listener | None:
    """Tell this listener from now on, or none; returns who was told before."""
    global _listener
    before, _listener = _listener, listener
    return before


@contextmanager
def compiling() -> Iterator[None]:
    """Say that a function is being compiled, for as long as the context lasts."""
    global _begun  # noqa: PLW0603 - what is compiled is the process's, too
    _begun += 1
    listener = _listener
    if listener is not None:
        listener(_begun)
    try:
        yield
    finally:
        if listener is not None:
            listener(None)
