"""In how many threads frames are computed: one, where a list is short.

polars hands every question to threads of its own and waits for them. Of ten names that is a fifth of a scan's processor
time, and the clock gains nothing by it (docs/speed.md). polars asks once, when it is loaded; so it is told before, and
what the user has set stands.
"""

from __future__ import annotations

import os
import sys

# Of so many names the largest have a hundred thousand contracts together; beyond, two threads begin to pay.
SHORT_LIST = 50
_ASKED = "POLARS_MAX_THREADS"


def setting_for(names: int) -> dict[str, str]:
    """What a process that looks at so many names is to have in its environment; 0 stands for nobody knows how many."""
    return {_ASKED: "1"} if 0 < names <= SHORT_LIST and _ASKED not in os.environ else {}


def use_for(names: int) -> None:
    """Have this process compute as befits so many names; nothing where frames are loaded, which is too late."""
    if "polars" not in sys.modules:
        os.environ.update(setting_for(names))
