"""Where the time goes: processor seconds of all threads and seconds by the clock, by step."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stopwatch:
    """Seconds by step, each without the steps inside it; an observer of :mod:`scanner.steps`."""

    processor: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    _inside: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        before = time.process_time(), time.perf_counter()
        self._inside.append((0.0, 0.0))
        try:
            yield
        finally:
            spent = time.process_time() - before[0], time.perf_counter() - before[1]
            deeper = self._inside.pop()
            self.processor[name] = self.processor.get(name, 0.0) + spent[0] - deeper[0]
            self.wall[name] = self.wall.get(name, 0.0) + spent[1] - deeper[1]
            if self._inside:
                outer = self._inside[-1]
                self._inside[-1] = outer[0] + spent[0], outer[1] + spent[1]

    def as_dict(self) -> dict[str, Any]:
        """Seconds by step and in all."""
        total = {"processor": sum(self.processor.values()), "wall": sum(self.wall.values())}
        return {"processor": self.processor, "wall": self.wall, "total": total}


def peak_megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
