"""What a terminal's stderr says while somebody waits, on a line that goes away; nothing where it is no terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def waiting(said: str, *, quiet: bool, no_color: bool) -> Iterator[Callable[[str], None]]:
    """Say what is being waited for, until it is done, and what is compiled meanwhile.

    Yields a function that says something else.
    """
    from rich.console import Console

    from scanner.app import compiling

    console = Console(stderr=True, no_color=no_color or None, highlight=False, markup=False)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with console.status(said) as status:

        def say(words: str) -> None:
            nonlocal said
            said = words
            status.update(said)

        before = compiling.tell(lambda count: status.update(said if count is None else f"{said} {_compiled(count)}"))
        try:
            yield say
        finally:
            compiling.tell(before)


def tell_of_compiling(*, quiet: bool) -> None:
    """From now on say when functions are compiled, which a new installation does for a minute, unless ``quiet``."""
    from scanner.app import compiling

    compiling.tell(None if quiet or not sys.stderr.isatty() else _show)


def _show(count: int | None) -> None:
    width = shutil.get_terminal_size().columns - 1
    words = "" if count is None else _compiled(count)
    sys.stderr.write(f"\r{words[:width]:{width}}\r")
    sys.stderr.flush()


def _compiled(count: int) -> str:
    return f"(compiling for this machine, which is done once: {count} functions so far)"
