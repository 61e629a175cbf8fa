"""The columns that are kept of a session's contracts, and of what was found wrong with its chain."""

from __future__ import annotations

import polars as pl

from scanner.fields.columns import remembered

CONTRACT_ROWS = remembered("contract")
VERDICT = pl.Struct({"check": pl.String, "switches_off": pl.String, "reason": pl.String, "detail": pl.String})
