"""Where ``scanner`` begins and ends: how errors become messages and exit codes, whatever happens.

Nothing is imported here that takes time, so that an interrupt in the first moment finds someone to receive it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_INTERRUPTED = 130


# What a start loads stays. Python would look through it for garbage a few hundred times, once for 700 objects more: a
# tenth of the start.
_BEFORE_COLLECTING = 50_000


def collect_seldom() -> None:
    """Have Python look for garbage as seldom as the program does."""
    gc.set_threshold(_BEFORE_COLLECTING)


def main() -> None:
    """Run the command line; every error of ours becomes a message on stderr and its exit code."""
    collect_seldom()
    with _interruptible():
        try:
            code = _run()
        except KeyboardInterrupt:
            code = _INTERRUPTED
    # What the program made goes with the process: to look through all of it for garbage once more takes long.
    gc.freeze()
    sys.exit(code)


def _run() -> int:
    from scanner.cli.app import USAGE_PROBLEM, command_line, usage_of
    from scanner.cli.common import say
    from scanner.errors import ScannerError

    try:
        try:
            code = command_line(*sys.argv[1:2])(standalone_mode=False)
        finally:
            # Here and not at the interpreter's end, so that what cannot be written is told.
            sys.stdout.flush()
    except USAGE_PROBLEM as problem:
        say(*usage_of(problem))
        return 2
    except ScannerError as error:
        first, *others = error.lines
        say(f"scanner: {first}", *others)
        return error.exit_code
    except (BrokenPipeError, SystemExit) as stop:
        # The reader of our output went away (`scanner alerts | head`): not an error, though typer exits with 1 for it.
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            raise
        _give_up_stdout()
        return 0
    except OSError as error:
        _give_up_stdout()
        where = error.filename or "the output"
        say(f"scanner: cannot read or write {where}: {error.strerror or error}")
        return 3
    except Exception:
        import traceback

        say(*traceback.format_exc().splitlines(), "scanner: this is a fault of the program; please report it")
        return 3
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the program without a traceback, wherever it is.

    An interrupt that strikes while a module is loaded may come out of it as any error or as none. Nothing is under way
    then that would have to be ended with care, so the process ends on the spot.
    """

    def interrupt(_number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                os._exit(_INTERRUPTED)
            frame = frame.f_back
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _give_up_stdout() -> None:
    """Let go of what could not be written, so that it is not tried again, and complained of, at the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
