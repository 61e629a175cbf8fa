"""The one way functions are compiled: without the interpreter's lock, and kept on disk where there is a place for it.

numba keeps compiled code in ``NUMBA_CACHE_DIR`` where that is set, else beside the module, else - an installation that
cannot be written - in the user's cache directory. Where none of these can be written it refuses to compile at all;
then every process compiles anew, which takes a while but changes no number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def kernel(function: Function) -> Function: ...
@overload
def kernel(**options: Any) -> Callable[[Function], Function]: ...
def kernel(function: Function | None = None, **options: Any) -> Function | Callable[[Function], Function]:
    """Compile a function when it is first called: ``@kernel``, or ``@kernel(option=...)`` with options of numba's."""

    def compiled(function: Function) -> Function:
        try:
            return cast("Function", numba.njit(function, nogil=True, cache=True, **options))
        except RuntimeError:
            return cast("Function", numba.njit(function, nogil=True, **options))

    return compiled if function is None else compiled(function)
