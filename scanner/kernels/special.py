"""scipy's special functions, loaded without what nobody here asks of numpy.

scipy makes its own copy of all names of numpy, those of its wrapper of Fortran and of its helpers for tests among them,
which are loaded for that alone and take longer than the functions do. They are modules all the same, that are loaded
when something of them is first asked for.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

import numpy as np


def _load_when_asked(child: str) -> None:
    """Have a module of numpy's loaded when something of it is first asked for."""
    name = f"numpy.{child}"
    spec = find_spec(name) if name not in sys.modules else None
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(np, child, module)


_load_when_asked("f2py")
_load_when_asked("testing")

from scipy.special import betainc, gammaln, ndtr, ndtri, stdtr  # noqa: E402 # loaded after those are put off

__all__ = ["betainc", "gammaln", "ndtr", "ndtri", "stdtr"]
