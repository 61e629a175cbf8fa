"""numba without scipy's linear algebra, which no kernel here calls and which takes as long to load as numba itself.

numba loads it only to learn whether there is a BLAS. That an installed scipy has one need not be tried; a kernel that
calls it would load it then.
"""

from importlib.util import find_spec

from numba.np import linalg


def _is_installed() -> None:
    if find_spec("scipy") is None:
        raise ImportError("scipy is not installed")


def take_blas_for_granted() -> None:
    """Let numba's part that asks whether there is a BLAS be loaded without loading one."""
    asks = linalg.ensure_blas
    linalg.ensure_blas = _is_installed
    try:
        from numba.np import arraymath  # noqa: F401 # it asks while it is loaded
    finally:
        linalg.ensure_blas = asks
