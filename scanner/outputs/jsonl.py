"""JSON lines: one document a scan, each on a line of its own."""

from __future__ import annotations

from typing import TextIO

from scanner.outputs.document import dumps
from scanner.outputs.result import ScanResult


def write_line(result: ScanResult, stream: TextIO) -> None:
    """Write one scan's document as one line, and hand it on at once, so that a reader follows along."""
    stream.write(dumps(result, indent=None) + "\n")
    stream.flush()
