"""Running the command line inside the test's own process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from scanner.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command ended with and printed."""

    code: int
    out: str
    err: str


class Commands:
    """``commands("scan", "--path", path)`` runs ``scanner scan --path ...`` and returns what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: object) -> Ran:
        self._capsys.readouterr()
        self._monkeypatch.setattr("sys.argv", ["scanner", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        captured = self._capsys.readouterr()
        code = stopped.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)
