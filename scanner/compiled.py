"""The one way functions are compiled: without the interpreter's lock, and kept on disk where there is a place for it.

numba keeps compiled code in ``NUMBA_CACHE_DIR`` where that is set, else beside the module, else - an installation that
cannot be written - in the user's cache directory. Where none of these can be written it refuses to compile at all;
then every process compiles anew, which takes a while but changes no number.

What numba keeps it knows again by the function's own file. But compiled code holds more than that: the functions it
calls, and the constants of other modules. Here it is known by all of them, so that nothing old is run after an upgrade.

Kept code also carries names. numba calls a function by its name and a number that it counts up from one in every
process, and of two functions with one name the linker takes whichever it met first: code kept by two processes could
name two different functions alike, and then a number depended on what had been loaded before. So each process starts
to count at a random number of 62 bits, and nothing that was kept while that was not so is read.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar, cast, overload

import numba
import numpy as np
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = __name__.partition(".")[0]

# How code is kept: what was kept in another way is never read.
_FORMAT = 2

FunctionIdentity._unique_ids = itertools.count(secrets.randbits(62))


@overload
def kernel(function: Function) -> Function: ...
@overload
def kernel(**options: Any) -> Callable[[Function], Function]: ...
def kernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Compile a function when it is first called: ``@kernel``, or ``@kernel(option=...)`` with options of numba's."""

    def compiled(function: Function) -> Function:
        dispatcher: Any = numba.njit(function, nogil=True, **options)
        if hasattr(dispatcher, "enable_caching"):  # not so under NUMBA_DISABLE_JIT
            with suppress(RuntimeError):  # nowhere to keep it
                dispatcher._cache = _Kept(dispatcher)
        return cast("Function", dispatcher)

    return compiled if function is None else compiled(function)


class _Kept(FunctionCache):
    """numba's compiled code on disk, which is taken only where everything that went into it is as it was."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher.py_func)
        self._dispatcher = dispatcher

    @cached_property
    def _content(self) -> str:
        """A digest of the function and all that it rests on; asked for at the first call, when all of it is defined."""
        digest = hashlib.blake2b(digest_size=16)
        reached, waiting = {self._dispatcher}, [self._dispatcher]
        while waiting:
            text, called = _described(waiting.pop())
            digest.update(text)
            waiting += [function for function in called if function not in reached]
            reached.update(called)
        return digest.hexdigest()

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        fields = tuple(getattr(kind, "fields", ()) for kind in sig)  # by which the members of a named tuple are found
        return (*super()._index_key(sig, codegen), fields, _FORMAT, self._content)

    def _save_overload(self, sig: Any, data: Any) -> None:
        self._forget_others()
        super()._save_overload(sig, data)

    def _forget_others(self) -> None:
        """Remove the code of other contents: the files first, for the index may give their names to new ones."""
        index = self._cache_file._load_index()
        kept = {key: name for key, name in index.items() if key[-1] == self._content}
        if len(kept) < len(index):
            for name in set(index.values()) - set(kept.values()):
                Path(self._cache_file._data_path(name)).unlink(missing_ok=True)
            self._cache_file._save_index(kept)


@cache
def _described(dispatcher: Dispatcher) -> tuple[bytes, tuple[Dispatcher, ...]]:
    """A compiled function without what it calls, as text that is the same in every process; and what it calls."""
    parts = list(_of_function(dispatcher.py_func))
    called = dict.fromkeys(part for part in parts if isinstance(part, Dispatcher))
    told = [part for part in parts if not isinstance(part, Dispatcher)]
    return _text((sorted(dispatcher.targetoptions.items()), told)).encode(), tuple(called)


def _of_function(function: Any) -> Iterator[str | Dispatcher]:
    """The code of a function, and the values of the outer variables and globals that it names."""
    for cell in function.__closure__ or ():
        yield from _of_value(cell.cell_contents, ())
    codes = [function.__code__]
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
        yield _text((code.co_code, code.co_names, code.co_varnames, constants))
        for name in code.co_names:
            if name in function.__globals__:
                yield from _of_value(function.__globals__[name], code.co_names)


def _of_value(value: Any, names: tuple[str, ...]) -> Iterator[str | Dispatcher]:
    """What a value puts into compiled code; of a module of this package, what of it is among ``names``."""
    if isinstance(value, Dispatcher):
        yield value
    elif isinstance(value, ModuleType):
        if value.__name__.partition(".")[0] == _PACKAGE:
            for name in names:
                if name in vars(value):
                    yield from _of_value(vars(value)[name], names)
    elif isinstance(value, _Intrinsic):
        yield from _of_function(value._defn)
    elif isinstance(value, np.ndarray):
        yield _text((value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()))
    elif hasattr(value, "__name__"):
        yield _text((value.__name__, getattr(value, "_fields", ())))
    else:
        yield _text(value)


def _text(value: Any) -> str:
    """``repr`` with sets in order, which is otherwise another one in every process."""
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_text, value))})"
    return repr(value)
