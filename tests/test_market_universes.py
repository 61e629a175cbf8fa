"""Names to watch out of what people have: lists, exports and positions, each as its program writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands
from hypothesis import given
from hypothesis import strategies as st

from scanner import config
from scanner.errors import ConfigError, UsageError
from scanner.market import universes
from scanner.market.symbology import is_name

ONE_A_LINE = "# my names\naapl\nBRK/B   # a class share\n\n$SPX\nMSFT\nAAPL\n"
TRADINGVIEW = "###INDICES,CBOE:SPX,###TECH,NASDAQ:AAPL,NASDAQ:MSFT,NYSE:BRK.B\n"
THINKORSWIM = "\ufeffWatchlist 'mine'\n\nSymbol,Last,Net Chng\nAAPL,230.1,+1.2\n.MSFT260918C450,4.1,0\nSPX,6500,-3\n"
SCHWAB = (
    '"Positions for account Individual ...123 as of 09:31 AM ET, 2026/11/30"\n\n'
    '"Symbol","Description","Quantity","Price"\n'
    '"AAPL","APPLE INC","100","$230.10"\n'
    '"MSFT 12/18/2026 450.00 C","CALL MICROSOFT","-2","$4.10"\n'
    '"BRK/B","BERKSHIRE","5","$500"\n'
    '"Cash & Cash Investments","--","--","--"\n'
    '"Account Total","--","--","--"\n'
)
FIDELITY = (
    "Account Number,Account Name,Symbol,Description,Quantity\n"
    "X1,Individual,SPAXX**,HELD IN MONEY MARKET,\n"
    "X1,Individual,AAPL,APPLE INC,10\n"
    "X1,Individual, -NVDA261218C150,NVDA DEC 18 2026 $150 CALL,1\n"
    "X1,Individual,FXAIX,FIDELITY 500 INDEX,3\n"
    '\n"The data is provided as is."\n'
)
IBKR = "Symbol\tQuantity\nGOOG  260918C00250000\t1\nKO\t200\nUSD\t12\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ONE_A_LINE, ("AAPL", "BRK.B", "SPX", "MSFT")),
        (TRADINGVIEW, ("SPX", "AAPL", "MSFT", "BRK.B")),
        (THINKORSWIM, ("AAPL", "MSFT", "SPX")),
        (SCHWAB, ("AAPL", "MSFT", "BRK.B")),
        (FIDELITY, ("AAPL", "NVDA")),
        (IBKR, ("GOOG", "KO")),
        ("AAPL, MSFT; KO\n", ("AAPL", "MSFT", "KO")),
    ],
    ids=["one a line", "TradingView", "thinkorswim", "Schwab", "Fidelity", "Interactive Brokers", "commas"],
)
def test_the_names_of_a_file_are_told_whatever_program_wrote_it(text: str, names: tuple[str, ...]) -> None:
    assert universes.read(text).symbols == names


def test_what_is_no_name_is_reported_with_its_line() -> None:
    found = universes.read("AAPL\nnot a name at all\n123456\n")
    assert found.symbols == ("AAPL",)
    assert [said.split(":")[0] for said in found.left_out] == ["line 2", "line 3"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "Symbol,Quantity\nCash,1\n", "12\n"])
def test_a_file_without_names_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no ticker symbol"):
        universes.read(text)


@given(st.text(max_size=300))
def test_any_text_is_names_or_an_error(text: str) -> None:
    try:
        found = universes.read(text)
    except ValueError:
        return
    assert found.symbols
    assert all(is_name(symbol) for symbol in found.symbols)


def test_a_watchlist_of_the_configuration_may_be_a_file_or_a_built_in_list(tmp_path: Path) -> None:
    (tmp_path / "positions.csv").write_text(SCHWAB)
    (tmp_path / "config.yaml").write_text(
        'watchlists: {mine: "@positions.csv", both: [KO, "@positions.csv"], funds: "@index-etfs"}\n'
    )
    lists = config.load(tmp_path / "config.yaml").watchlists
    assert lists["mine"] == ("AAPL", "MSFT", "BRK.B")
    assert lists["both"] == ("KO", "AAPL", "MSFT", "BRK.B")
    assert lists["funds"][:3] == ("SPY", "QQQ", "IWM")


def test_a_file_that_is_not_there_is_named_with_the_line_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text('watchlists:\n  mine: "@nowhere.csv"\n')
    with pytest.raises(ConfigError, match=r"config\.yaml:2: watchlists\.mine: .*nowhere\.csv: cannot be read"):
        config.load(tmp_path / "config.yaml")


def test_names_from_a_file_are_scanned_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("GOOG\nKO\n")
    commands = Commands(monkeypatch, capsys)
    ran = commands("scan", f"@{tmp_path / 'names.txt'}", "--source", "simulated", "--store", tmp_path / "store")
    assert ran.code == 0, ran.err
    assert "2 of 2 symbols" in ran.out
    nowhere = commands("scan", "@nowhere.txt", "--source", "simulated", "--store", tmp_path / "store")
    assert nowhere.code == 2
    assert "nowhere.txt: cannot be read" in nowhere.err
    assert "@megacap" in nowhere.err


def test_every_built_in_list_holds_names_each_once() -> None:
    for symbols in universes.BUILT_IN.values():
        assert len(set(symbols)) == len(symbols)
        assert all(is_name(symbol) for symbol in symbols)


def test_a_folder_or_a_file_too_large_is_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        universes.named(f"@{tmp_path}")
    (tmp_path / "large.txt").write_text("AAPL\n" * 10)
    monkeypatch.setattr(universes, "LARGEST", 10)
    with pytest.raises(UsageError, match="larger than the 10 bytes"):
        universes.named(f"@{tmp_path / 'large.txt'}")
