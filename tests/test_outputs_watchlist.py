"""Watchlists are read back by the csv module and pandas, and are spelled as each platform wants them."""

from __future__ import annotations

import csv
import io
from datetime import date

import pandas as pd
import pytest
from alert_samples import FRIDAY, MONDAY, alert, at, put_call_alert
from standard import calendar

from scanner.alerts.model import Alert
from scanner.errors import StoreError
from scanner.outputs.delimited import cell
from scanner.outputs.exports.registry import EXPORTS, dialects
from scanner.outputs.exports.subjects import subjects
from scanner.outputs.watchlist import generic, write
from scanner.severity import Severity

HEADER = (
    "symbol,underlying,expiry,strike,right,severity,stars,score,rules,first_seen,last_seen,session_date,status,spot,"
    "last,bid,ask,volume,open_interest,volume_expected,volume_multiple,volume_surprise,volume_q,premium,iv,iv_change,"
    "delta,dte,put_call_volume,message,source,simulated"
)


def render(alerts: list[Alert], export: str) -> str:
    """The list in a format that is text."""
    return EXPORTS[export].write(subjects(alerts), calendar).content.decode()


def left_out(alerts: list[Alert], export: str) -> list[str]:
    return list(EXPORTS[export].write(subjects(alerts), calendar).left_out)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_header_is_the_documented_one_even_without_alerts():
    assert generic([]) == HEADER + "\r\n"


def test_a_contract_row_holds_what_was_flagged():
    row = rows(generic([alert()]))[0]
    expected = {
        "symbol": "GOOG250912C00235000",
        "underlying": "GOOG",
        "expiry": "2025-09-12",
        "strike": "235",
        "right": "C",
        "severity": "high",
        "stars": "5",
        "score": "93",
        "rules": "call-buildup",
        "first_seen": "2025-09-04T15:00:00Z",
        "last_seen": "2025-09-04T20:00:00Z",
        "session_date": "2025-09-04",
        "status": "new",
        "spot": "232.3",
        "volume": "48210",
        "volume_expected": "900",
        "volume_q": "0.004",
        "premium": "12052500",
        "iv_change": "0.011",
        "dte": "8",
        "put_call_volume": "0.41",
        "source": "cboe",
        "simulated": "false",
    }
    assert {name: row[name] for name in expected} == expected


def test_an_underlyings_row_leaves_the_contract_columns_empty():
    row = rows(generic([put_call_alert()]))[0]
    assert row["symbol"] == "NVDA"
    assert [row[name] for name in ("expiry", "strike", "right", "volume", "iv")] == [""] * 5


def test_pandas_reads_numbers_as_numbers_and_missing_as_missing():
    frame = pd.read_csv(io.StringIO(generic([alert(), put_call_alert()])), parse_dates=["expiry", "first_seen"])
    assert frame["strike"].tolist()[0] == 235.0
    assert frame["volume"].isna().tolist() == [False, True]
    assert frame["simulated"].tolist() == [False, False]
    assert frame["first_seen"].dt.tz is not None


def test_rules_that_flag_the_same_contract_share_its_row():
    other = alert(rule_id="volume-spike", severity=Severity.critical, stars=4, score=80.0, first_seen=at(FRIDAY, 14))
    found = rows(generic([alert(), other]))
    assert len(found) == 1
    assert found[0]["rules"] == "volume-spike;call-buildup"
    assert (found[0]["severity"], found[0]["stars"], found[0]["score"]) == ("critical", "5", "93")
    assert found[0]["first_seen"] == "2025-09-04T15:00:00Z"


def test_rows_come_newest_and_strongest_first():
    older = alert(contract="A250912C00001000", underlying="A", severity=Severity.critical)
    newer = alert(contract="B250912C00001000", underlying="B", severity=Severity.info, session_date=MONDAY)
    newer_strong = alert(contract="C250912C00001000", underlying="C", session_date=MONDAY)
    assert [row["underlying"] for row in rows(generic([older, newer, newer_strong]))] == ["C", "B", "A"]


def test_an_alert_of_the_whole_market_names_no_symbol_and_is_left_out():
    assert rows(generic([put_call_alert(underlying=None, scope="market")])) == []


@pytest.mark.parametrize("hostile", ['=HYPERLINK("http://x")', "@SUM(1)", "+1-2", "-cmd|'/c calc'!A1"])
def test_a_message_that_looks_like_a_formula_is_made_harmless(hostile):
    row = rows(generic([alert(message=hostile)]))[0]
    assert row["message"] == "'" + hostile


HOSTILE_NAMES = [
    "=CMD|' /C CALC'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "\uff1d1+1",
    '"=1+1',
    "A,=1+1",
    "A;=1+1",
    "A\n=1+1",
    "A\r\n=1+1",
    "A\u2028=1+1",
    "<SCRIPT>ALERT(1)</SCRIPT>",
    "\x1b[31mRED",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("dialect", ["csv", *dialects()[1:]])
def test_a_name_that_is_no_ticker_is_one_harmless_cell_or_is_left_out_and_said(dialect, name):
    """However a spreadsheet parts the cells: at commas or at semicolons. No platform could look such a name up."""
    hostile = put_call_alert(underlying=name, drivers=(name,), message=name, rule_id=name)
    text = render([hostile], dialect)
    lines = text.splitlines()
    listed = dialect == "csv"
    assert len(lines) == (2 if listed else 0)
    assert len(left_out([hostile], dialect)) == (0 if listed else 1)
    assert text.replace("\r\n", "").replace("\n", "").isprintable()
    for delimiter in ",;":
        for row in csv.reader(lines, delimiter=delimiter):
            assert not [cell for cell in row if cell.lstrip(' "')[:1] in tuple("=+-@\uff1d")]
    assert {len(row) for row in csv.reader(lines)} == ({32} if listed else set())


def test_a_negative_number_is_a_number_and_text_that_looks_like_one_is_text():
    row = rows(generic([alert(evidence=alert().evidence | {"iv_change": -0.011}, message="-0.011")]))[0]
    assert (row["iv_change"], row["message"]) == ("-0.011", "'-0.011")


def test_quotes_commas_and_breaks_survive_the_round_trip():
    row = rows(generic([alert(message='says "now", then\nnothing')]))[0]
    assert row["message"] == 'says "now", then nothing'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (1e-07, "0.0000001"),
        (12052500.0, "12052500"),
        (1234567890123.0, "1234567890123"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (date(2025, 9, 12), "2025-09-12"),
    ],
)
def test_numbers_are_plain(value, text):
    assert cell(value) == text


FRACTIONAL = {"contract": "SPXW250912P06437500", "underlying": "SPX", "strike": 6437.5, "right": "P"}


def test_tradingview_lists_options_with_their_exchange_and_a_decimal_strike():
    text = render([alert(), alert(**FRACTIONAL), put_call_alert(drivers=())], "tradingview")
    assert set(text.splitlines()) == {"OPRA:GOOG250912C235.0", "OPRA:SPXW250912P6437.5", "NVDA"}


def test_thinkorswim_options_begin_with_a_dot():
    text = render([alert(), alert(**FRACTIONAL)], "thinkorswim")
    assert set(text.splitlines()) == {".GOOG250912C235", ".SPXW250912P6437.5"}


def test_ibkr_lines_follow_trader_workstations_import():
    text = render([alert(), alert(**FRACTIONAL), put_call_alert(drivers=())], "ibkr")
    assert set(text.splitlines()) == {
        "DES,GOOG,OPT,SMART,20250912,235,CALL,100",
        "DES,SPX,OPT,SMART,20250912,6437.5,PUT,100",
        "DES,NVDA,STK,SMART,,,,",
    }


def listed(dialect: str, **changes: object) -> list[str]:
    return render([alert(**changes)], dialect).splitlines()


def underlying_listed(dialect: str, name: str) -> list[str]:
    return render([put_call_alert(underlying=name, drivers=())], dialect).splitlines()


@pytest.mark.parametrize("vendors", ["BRK.B", "BRK-B", "BRK/B", "BRK B", "BRKB"])
@pytest.mark.parametrize(
    ("dialect", "share", "option"),
    [
        ("ibkr", "DES,BRK B,STK,SMART,,,,", "DES,BRK B,OPT,SMART,20260918,482.5,CALL,100"),
        ("thinkorswim", "BRK/B", ".BRKB260918C482.5"),
        ("tradingview", "BRK.B", "OPRA:BRKB260918C482.5"),
    ],
)
def test_a_platform_has_one_spelling_of_a_class_share_whatever_the_vendors(vendors, dialect, share, option):
    assert underlying_listed(dialect, vendors) == [share]
    assert listed(dialect, contract="BRKB260918C00482500", underlying=vendors) == [option]


@pytest.mark.parametrize("vendors", ["ABC.D", "ABC-D"])
def test_a_class_that_is_in_no_table_is_told_by_its_mark(vendors):
    option = "DES,ABC D,OPT,SMART,20260918,50,PUT,100"
    assert listed("ibkr", contract="ABCD260918P00050000", underlying=vendors) == [option]
    assert underlying_listed("thinkorswim", vendors) == ["ABC/D"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SPX", "DES,SPX,IND,CBOE,,,,"),
        ("^SPX", "DES,SPX,IND,CBOE,,,,"),
        ("VIX", "DES,VIX,IND,CBOE,,,,"),
        ("RUT", "DES,RUT,IND,RUSSELL,,,,"),
        ("NDX", "DES,NDX,IND,NASDAQ,,,,"),
        ("SPY", "DES,SPY,STK,SMART,,,,"),
    ],
)
def test_ibkr_finds_an_index_at_its_exchange(name, line):
    assert underlying_listed("ibkr", name) == [line]


TWINS = ("SPX260918C06500000", "SPXW260918C06500000")  # a third Friday: settled at the open, and at the close


@pytest.mark.parametrize(
    ("dialect", "lines"),
    [
        ("ibkr", {"SYM,SPX   260918C06500000,SMART", "SYM,SPXW  260918C06500000,SMART"}),
        ("thinkorswim", {".SPX260918C6500", ".SPXW260918C6500"}),
        ("tradingview", {"OPRA:SPX260918C6500.0", "OPRA:SPXW260918C6500.0"}),
    ],
)
def test_an_indexs_contracts_of_either_settlement_stay_two(dialect, lines):
    twins = [alert(contract=symbol, underlying="SPX") for symbol in TWINS]
    assert set(render(twins, dialect).splitlines()) == lines


def test_ibkr_knows_the_european_twin_of_an_index_by_its_own_name():
    twins = [alert(contract=f"{root}260918C03100000", underlying="OEX") for root in ("OEX", "XEO")]
    assert set(render(twins, "ibkr").splitlines()) == {
        "DES,OEX,OPT,SMART,20260918,3100,CALL,100",
        "DES,XEO,OPT,SMART,20260918,3100,CALL,100",
    }


def test_ibkr_names_weekly_options_on_volatility_by_the_index():
    line = "DES,VIX,OPT,SMART,20260826,22.5,PUT,100"
    assert listed("ibkr", contract="VIXW260826P00022500", underlying="VIX") == [line]


@pytest.mark.parametrize(
    ("strike", "option"),
    [("00012125", "12.125"), ("00000500", "0.5"), ("99999999", "99999.999"), ("06437500", "6437.5")],
)
def test_a_fraction_of_a_strike_is_written_in_full(strike, option):
    contract = f"F260918C{strike}"
    assert listed("tradingview", contract=contract, underlying="F") == [f"OPRA:F260918C{option}"]
    assert listed("thinkorswim", contract=contract, underlying="F") == [f".F260918C{option}"]
    assert listed("ibkr", contract=contract, underlying="F") == [f"DES,F,OPT,SMART,20260918,{option},CALL,100"]


@pytest.mark.parametrize("dialect", ["tradingview", "thinkorswim", "ibkr"])
@pytest.mark.parametrize("symbol", ["ACME1260918C00110000", "2ACME260918C00110000", "ACME7260918C00110000"])
def test_what_a_platform_cannot_name_is_left_out_and_said(dialect, symbol):
    standard = alert(contract="ACME260918C00110000", underlying="ACME")
    adjusted = alert(contract=symbol, underlying="ACME")
    assert render([adjusted, standard], dialect) == render([standard], dialect)
    assert left_out([standard], dialect) == []
    said = f"{dialect} watchlist, in which adjusted, FLEX and mini contracts cannot be named: {symbol}"
    assert left_out([adjusted, standard], dialect) == [f"left out of the {said}"]
    assert left_out([adjusted], "csv") == []
    assert symbol in generic([adjusted])


@pytest.mark.parametrize("dialect", ["tradingview", "thinkorswim", "ibkr"])
@pytest.mark.parametrize("name", ["=CMD|' /C CALC'!A0", "@SUM(1)", "+1-2", "A,B", "A;B", "", "\x1b[31mA"])
def test_a_name_that_is_no_ticker_is_in_no_platforms_list(dialect, name):
    wider = put_call_alert(underlying=name, drivers=())
    assert render([wider], dialect) == ""
    (said,) = left_out([wider], dialect)
    assert "what is no ticker symbol" in said
    assert "\x1b" not in said


def test_a_wider_alert_lists_the_contracts_that_drove_it_and_each_once():
    text = render([put_call_alert(), put_call_alert(rule_id="other")], "thinkorswim")
    assert text.splitlines() == [".NVDA250919P130", ".NVDA250919P135", "NVDA"]


def test_the_file_is_written_whole_under_a_safe_name(tmp_path):
    assert write([alert()], tmp_path / "lists", "../mega cap", EXPORTS["csv"], calendar) == []
    path = tmp_path / "lists" / "mega-cap.csv"
    assert path.read_bytes().decode() == generic([alert()])
    assert list(path.parent.iterdir()) == [path]


def test_a_simulated_list_says_so_in_its_name(tmp_path):
    write([alert(simulated=True)], tmp_path, "demo", EXPORTS["ibkr"], calendar)
    assert [path.name for path in tmp_path.iterdir()] == ["SIMULATED-demo.csv"]


def test_a_list_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file/list\.csv.*name another place"):
        write([alert()], tmp_path / "file", "list", EXPORTS["csv"], calendar)


def test_while_a_spreadsheet_has_the_list_open_it_is_written_beside_it_and_said(tmp_path):
    path = tmp_path / "list.csv"
    write([], tmp_path, "list", EXPORTS["csv"], calendar)
    (tmp_path / ".~lock.list.csv#").write_text("as LibreOffice leaves it")
    (said,) = write([alert()], tmp_path, "list", EXPORTS["csv"], calendar)
    assert said == f"{path} is open in another program; the watchlist is in {tmp_path / 'list-new.csv'}"
    assert len(rows(path.read_text("utf-8"))) == 0
    assert len(rows((tmp_path / "list-new.csv").read_text("utf-8"))) == 1


def test_rows_of_strikes_and_ladders_have_the_numbers_that_there_are():
    """4 to 12 September: eight days."""
    evidence = {"call_volume": 1_200, "put_volume": 345, "volume_surprise": 4.1}
    strike = alert(scope="strike", contract=None, right=None, evidence=evidence, premium=2.5e5)
    ladder = alert(scope="ladder", contract=None, strike=None, evidence={"volume": 900, "open_interest": 40})
    first, second = (subjects([item])[0].row() for item in (strike, ladder))
    assert [first[name] for name in ("volume", "premium", "dte", "strike", "right")] == [1_545, 2.5e5, 8, 235.0, None]
    assert [second[name] for name in ("volume", "open_interest", "dte", "right")] == [900, 40, 8, "C"]
