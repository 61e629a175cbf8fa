"""A vendor is one row of the register and one module; a made-up one, added by the steps of the page, is scanned."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType

import pytest
from commands import Commands

from scanner.errors import UsageError
from scanner.sources import registry
from scanner.sources.base import Fetched, Vendor, failed
from scanner.sources.registry import VENDORS
from scanner.sources.simulated import SimulatedSource

TOY = """\
from scanner.sources.registry import vendor_of
from test_sources_registry import Shop

def open_source(settings, calendar, clock):
    return Shop(vendor_of("toy"))
"""


class Shop:
    """A vendor of one name, whose chain is that of the simulated market."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    def chains(self, symbols, now: datetime):
        for symbol in symbols:
            if symbol == "GOOG":
                yield from (Fetched(one.symbol, one.chain) for one in SimulatedSource().chains([symbol], now))
            else:
                yield failed(symbol, "unknown_symbol", f"{symbol}: not sold here")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    row = Vendor("toy", "a shop of one chain", "toy_vendor", live=True, delay=timedelta(minutes=5))
    monkeypatch.setattr(registry, "VENDORS", MappingProxyType({**VENDORS, "toy": row}))
    (tmp_path / "toy_vendor.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_sources_registry", sys.modules[__name__])
    return tmp_path


def test_a_vendor_of_one_row_and_one_module_is_scanned(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Commands(monkeypatch, capsys)("scan", "GOOG", "XYZ", "--source", "toy", "--store", toy / "store")
    assert ran.code == 1, ran.err
    assert "Left out: XYZ (source, unknown_symbol): not sold here" in ran.out
    assert "1 of 2 symbols" in ran.out


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(UsageError, match="did you mean `cboe`"):
        registry.vendor_of("cbeo")


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda vendor: vendor.name)
def test_every_row_names_a_module_that_opens_it(vendor: Vendor) -> None:
    module = import_module(vendor.module)
    assert isinstance(module, ModuleType)
    assert callable(module.open_source)
    assert vendor.live + vendor.recorded + vendor.simulated == 1
