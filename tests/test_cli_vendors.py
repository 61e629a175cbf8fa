"""`scanner scan --source NAME` against each vendor's stub: what a person sees when it works, and when it does not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import vendor_stubs
from commands import Commands, Ran
from live_sources import LIVE, moment_of
from pytest_httpserver import HTTPServer
from vendor_stubs import KEY, Behaviour, body

from scanner.app import clock
from scanner.sources.registry import VENDORS

with_a_key = pytest.mark.parametrize("name", [name for name in LIVE if VENDORS[name].keys])


class Shell:
    """A folder with a configuration that asks a stub, and an environment with or without a key."""

    def __init__(self, commands: Commands, folder: Path, server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands, self.folder, self.server, self.monkeypatch = commands, folder, server, monkeypatch
        for names in (names for vendor in VENDORS.values() for names in vendor.keys):
            for name in names:
                monkeypatch.delenv(name, raising=False)

    def scan(self, name: str, *words: str, key: str | None = KEY) -> Ran:
        """Scan by one vendor at the moment of the stubs' market."""
        self.monkeypatch.setattr(clock, "right_now", lambda: moment_of(name))
        for variable in VENDORS[name].keys[0] if VENDORS[name].keys and key is not None else ():
            self.monkeypatch.setenv(variable, key)
        return self.run(f"source: {name}\naccept_terms: [cboe, yahoo]\nvendors: {{{self.options(name)}}}\n", *words)

    def options(self, name: str) -> str:
        return f"{name}: {{url: '{self.server.url_for('')}', calls_per_minute: 100000}}"

    def run(self, config: str, *words: str) -> Ran:
        (self.folder / "config.yaml").write_text(f"{config}store: {{path: store}}\n")
        return self.commands("scan", *(words or ("XYZ",)), "--config", self.folder / "config.yaml")


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, httpserver: HTTPServer
) -> Shell:
    return Shell(Commands(monkeypatch, capsys), tmp_path, httpserver, monkeypatch)


@pytest.mark.parametrize("name", LIVE)
def test_a_vendor_is_scanned_from_the_command_line(name: str, shell: Shell) -> None:
    vendor_stubs.serve(shell.server, name)
    ran = shell.scan(name)
    assert ran.code == 0, ran.out + ran.err
    assert "1 of 1 symbol" in ran.out
    assert KEY not in ran.out + ran.err


@with_a_key
def test_a_missing_key_is_told_by_its_variable_before_anything_is_asked(name: str, shell: Shell) -> None:
    behaviour = vendor_stubs.serve(shell.server, name)
    ran = shell.scan(name, key=None)
    assert ran.code == 2
    assert VENDORS[name].keys[0][0] in ran.err
    assert behaviour.asked == []


@with_a_key
def test_a_wrong_key_is_told_by_its_variable_and_shown_nowhere(name: str, shell: Shell) -> None:
    vendor_stubs.serve(shell.server, name)
    ran = shell.scan(name, key="wrong-4712-key")
    assert ran.code == 3
    assert "unauthorised" in ran.out
    assert VENDORS[name].keys[0][0] in ran.out
    assert "4712" not in ran.out + ran.err


@with_a_key
def test_a_plan_without_the_data_is_told_in_the_vendors_words(name: str, shell: Shell) -> None:
    words = {"message": "Your plan does not include option chains."}
    vendor_stubs.serve(shell.server, name, Behaviour(failing={"": body(words, 403)}))
    ran = shell.scan(name)
    assert ran.code == 3
    said = " ".join(ran.out.split())
    assert "plan does not include option chains" in said or name == "schwab"


def test_a_vendor_that_takes_no_credential_is_not_said_to_refuse_one(shell: Shell) -> None:
    vendor_stubs.serve(shell.server, "cboe", Behaviour(failing={"": body({"message": "who are you"}, 401)}))
    ran = shell.scan("cboe")
    said = " ".join(ran.out.split())
    assert ran.code == 3
    assert "cboe refuses to answer (HTTP 401: who are you), and takes no credential" in said


def test_in_a_fallback_order_a_vendor_that_cannot_be_reached_costs_itself_alone(shell: Shell) -> None:
    """The package of moomoo is there, and no OpenD runs."""
    vendor_stubs.serve(shell.server, "cboe")
    shell.monkeypatch.setitem(sys.modules, "moomoo", SimpleNamespace())
    shell.monkeypatch.setattr(clock, "right_now", lambda: moment_of("cboe"))
    options = f"{{moomoo: {{url: 'http://127.0.0.1:9'}}, {shell.options('cboe')}}}"
    ran = shell.run(f"source: [moomoo, cboe]\naccept_terms: [cboe]\nvendors: {options}\n")
    assert ran.code == 0, ran.out + ran.err
    assert "XYZ: from cboe, because of moomoo: nothing answers at 127.0.0.1:9" in " ".join((ran.out + ran.err).split())
    alone = shell.run(f"source: moomoo\nvendors: {options}\n")
    assert alone.code != 0
    assert "start OpenD" in " ".join((alone.out + alone.err).split())
