"""What numbers may differ with in their last digits, beside the code that makes them."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

_LIBRARIES = ("numpy", "scipy", "polars", "numba", "llvmlite")


@cache
def computed_with() -> dict[str, str]:
    """Python, the kind of processor and the libraries that compute, each with its version."""
    return {
        "Python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in _LIBRARIES},
    }
