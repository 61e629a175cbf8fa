"""The ladder scope: a run of neighbouring strikes of one root, expiry and right."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

from scanner.fields import missing
from scanner.fields.model import Field, Rows, Unit

_row = Rows("ladder")

ROWS: tuple[Field, ...] = (
    _row.text("underlying", "the stock, ETF or index"),
    _row.text("root", "the option root"),
    _row.date("expiry", "the date in the symbol"),
    _row.text("right", "C for calls, P for puts", choices=("C", "P"), compact=True),
    _row.price("first_strike", "lowest strike of the run"),
    _row.price("last_strike", "highest strike of the run"),
    _row.integer("strikes", Unit.counted, "strikes in the run", low=2),
    _row.contracts("volume", "volume of the run", missing.VOLUME),
    _row.contracts("open_interest", "open interest of the run", missing.OPEN_INTEREST, baseline=True),
    _row.surprise("ladder_surprise", "of the run found by scanning all runs", missing.SCORE, title="chance of the run"),
    _row.false_discovery_rate("ladder_q", "false-discovery rate of the scan if this and all rarer runs are flagged", missing.SCORE, title="false discoveries if flagged"),
    _row.share("volume_share", "volume of the run, of the expiry's contracts of the same right", missing.VOLUME, title="share of that side"),
)  # fmt: skip
