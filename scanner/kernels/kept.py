"""Compiled code on disk, taken only where it is, for certain, what would be compiled now.

* numba knows a function again by its own file. But compiled code holds more than that: the functions it calls, and the
  constants of other modules. Here it is known by all of them, and by what compiled it.
* numba keeps an index of numbered files, and two processes that write at once may put code where the index says
  something else. Here every code is a file of its own, which begins with a digest of itself and of what it is.
* numba calls a function by its name and a number that it counts up from one in every process, and of two functions with
  one name the linker takes whichever it met first: code kept by two processes could name two different functions alike,
  and then a number depended on what had been loaded before. Here each process counts from a random number, and code
  with a name from before that is not kept.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import llvmlite  # type: ignore[import-untyped]
import numba
import numpy as np
from numba.core import serialize
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache, NullCache
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic
from numba.core.runtime.nrt import rtsys

if TYPE_CHECKING:
    from scanner.kernels.parts import Kernel

_PACKAGE = __name__.partition(".")[0]

# A function's number is at least this where this module has set the counter.
_FIRST = 2**62
# How numba writes that number into the function's name.
_NUMBER = re.compile(r"B\d+v(\d+)")


def _count_anew() -> None:
    """Number the functions compiled from now on as no other process does."""
    FunctionIdentity._unique_ids = itertools.count(_FIRST + secrets.randbits(62))


_count_anew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_anew)


class _Key(NamedTuple):
    """What a piece of compiled code is: the digest of all that it rests on, and for which arguments and processor."""

    content: str
    use: str

    @property
    def text(self) -> bytes:
        return f"{self.content} {self.use}".encode()


class _Files:
    """The kept code of one function: a file for each key, named by the key's digest."""

    def __init__(self, folder: str, name: str) -> None:
        """``name`` as numba makes it: the function's, the line it stands on, and the version of Python."""
        self._folder = Path(folder)
        self._name = name

    def load(self, key: _Key) -> Any:
        """The code kept by this key; None where there is none, or none that is whole."""
        try:
            data = self._place(key).read_bytes()
        except OSError:
            return None
        digest, code = data[: hashlib.sha256().digest_size], data[hashlib.sha256().digest_size :]
        return serialize.loads(code) if digest == _digest(key, code) else None

    def save(self, key: _Key, code: Any) -> None:
        """Keep a code, and forget what rests on anything older. A reader sees all of the file or nothing."""
        self._forget(all_but=key.content)
        data = serialize.dumps(code)
        place = self._place(key)
        unfinished = place.with_name(f"{place.name}.{uuid.uuid4().hex}")
        try:
            unfinished.write_bytes(_digest(key, data) + data)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)

    def flush(self) -> None:
        """Forget all of it."""
        self._forget(all_but=None)

    def _place(self, key: _Key) -> Path:
        return self._folder / f"{self._name}.{key.content}.{hashlib.sha256(key.text).hexdigest()[:32]}.nbc"

    def _forget(self, all_but: str | None) -> None:
        """Remove the function's files of other contents, of other lines in its module, and those numba itself kept."""
        function, _, version = self._name.rpartition("-")
        version = version[version.index(".") :]
        for place in self._folder.glob(f"{glob.escape(function)}-*{glob.escape(version)}.*nb[ci]"):
            if all_but is None or not place.name.startswith(f"{self._name}.{all_but}."):
                place.unlink(missing_ok=True)


def _digest(key: _Key, code: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(key.text).digest() + code).digest()


class Kept(FunctionCache):
    """numba's compiled code on disk, which is taken only where everything that went into it is as it was."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher.py_func)
        self._dispatcher = dispatcher
        self._cache_file: Any = _Files(self._cache_path, self._impl.filename_base)

    @cached_property
    def _content(self) -> str:
        """A digest of the function and all that it rests on; asked for at the first call, when all of it is defined."""
        made_by = numba.__version__, llvmlite.__version__, self._impl.locator.get_source_stamp(), _put_together()
        digest = hashlib.blake2b(_text(made_by).encode(), digest_size=16)
        reached, waiting = {self._dispatcher}, [self._dispatcher]
        while waiting:
            text, called = _described(waiting.pop())
            digest.update(text)
            waiting += [function for function in called if function not in reached]
            reached.update(called)
        return digest.hexdigest()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kept code for these arguments; None where there is none.

        numba would first read all that it could compile by, which takes longer than most scans of one name compute.
        Code that is compiled already needs its runtime alone; whatever is compiled later reads the rest then.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def _index_key(self, sig: Any, codegen: Any) -> _Key:
        return _Key(self._content, _text(([_kind(kind) for kind in sig], codegen.magic_tuple())))

    def _save_overload(self, sig: Any, data: Any) -> None:
        if _named_here(data.library):
            with suppress(OSError):  # the place is full, or gone
                super()._save_overload(sig, data)


class Sought(NullCache):
    """Kept code of a function that nobody has called yet: most functions only ever become parts of others.

    Where it is kept is looked for when it is first asked for, and the function is told.
    """

    def __init__(self, dispatcher: Kernel) -> None:
        self._dispatcher = dispatcher

    @property
    def cache_path(self) -> Any:
        """The folder of kept code; None where there is nowhere to keep it."""
        return self._found().cache_path

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kept code for these arguments; None where there is none, or nowhere to keep it."""
        return self._found().load_overload(sig, target_context)

    def _found(self) -> Any:
        found: Any = NullCache()
        with suppress(RuntimeError):  # nowhere to keep it
            found = Kept(self._dispatcher)
        self._dispatcher.keep(found)
        return found


@cache
def _put_together() -> str:
    """A digest of how functions are put together here."""
    return hashlib.sha256(Path(__file__).with_name("parts.py").read_bytes()).hexdigest()


def _named_here(library: Any) -> bool:
    """Whether no other process can have given a name that is defined here to something else."""
    defined = [function.name for function in library._final_module.functions if not function.is_declaration]
    return all(int(number) >= _FIRST for name in defined for number in _NUMBER.findall(name))


def _kind(kind: Any) -> str:
    """A numba type as text, with the class and the members of named tuples, also where they are within tuples."""
    made_by = getattr(kind, "instance_class", type(kind))
    members = getattr(kind, "fields", ())
    parts = [_kind(part) for part in getattr(kind, "types", ())]
    return _text((str(kind), made_by.__module__, made_by.__qualname__, members, parts))


@cache
def _described(dispatcher: Dispatcher) -> tuple[bytes, tuple[Dispatcher, ...]]:
    """A compiled function without what it calls, as text that is the same in every process; and what it calls."""
    parts = list(_of_function(dispatcher.py_func))
    called = dict.fromkeys(part for part in parts if isinstance(part, Dispatcher))
    told = [part for part in parts if not isinstance(part, Dispatcher)]
    return _text((sorted(dispatcher.targetoptions.items()), told)).encode(), tuple(called)


def _of_function(function: Any) -> Iterator[str | Dispatcher]:
    """The code of a function, and the values of its defaults and of the outer variables and globals that it names."""
    yield _text((function.__module__, function.__qualname__))
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for value in (*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()):
        yield from _of_value(value, ())
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
        yield _text((value.__name__, getattr(value, "_fields", ()), list(getattr(value, "__members__", {}).values())))
    else:
        yield _text(value)


def _text(value: Any) -> str:
    """``repr`` with sets in order, which is otherwise another one in every process."""
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_text, value))})"
    return repr(value)
