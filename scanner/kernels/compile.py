"""The one way functions are compiled: without the interpreter's lock, and kept on disk where there is a place for it.

numba finds the place for compiled code: ``NUMBA_CACHE_DIR`` where that is set, else beside the module, else - an
installation that cannot be written - the user's cache directory. Where none of these can be written, every process
compiles anew, which takes a while but changes no number.

``kept`` says when kept code is taken, ``parts`` how a function is put together with those that it calls,
``progress`` who is told of it meanwhile, and ``lean`` what numba need not load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from numba.core import config

from scanner.kernels.kept import Sought
from scanner.kernels.lean import take_blas_for_granted
from scanner.kernels.parts import Kernel

take_blas_for_granted()

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def kernel(function: Function) -> Function: ...
@overload
def kernel(**options: Any) -> Callable[[Function], Function]: ...
def kernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Compile a function when it is first called: ``@kernel``, or ``@kernel(option=...)`` with options of numba's."""

    def compiled(function: Function) -> Function:
        if config.DISABLE_JIT:  # type: ignore[attr-defined] # it is made from the environment
            return function
        dispatcher = Kernel(function, {"nopython": True, "nogil": True, "boundscheck": None, **options})
        dispatcher.keep(Sought(dispatcher))
        return cast("Function", dispatcher)

    return compiled if function is None else compiled(function)
