"""The strike scope: both rights of one root, expiry and strike."""

from __future__ import annotations

from scanner.fields import missing
from scanner.fields.model import Field, Rows

_row = Rows("strike")

ROWS: tuple[Field, ...] = (
    _row.text("underlying", "the stock, ETF or index"),
    _row.text("root", "the option root"),
    _row.date("expiry", "the date in the symbol"),
    _row.price("strike", "exercise price"),
    _row.contracts("call_volume", "volume of the call", missing.VOLUME, title="calls"),
    _row.contracts("put_volume", "volume of the put", missing.VOLUME, title="puts"),
    _row.contracts("call_oi", "open interest of the call", missing.OPEN_INTEREST, title="open calls"),
    _row.contracts("put_oi", "open interest of the put", missing.OPEN_INTEREST, title="open puts"),
    _row.share(
        "gamma_share", "gamma x open interest, of the expiry's", missing.GAMMA, title="share of the expiry's gamma"
    ),
    _row.share("volume_share", "volume of both rights, of the expiry's", missing.VOLUME, title="share of the expiry"),
    _row.surprise(
        "volume_surprise",
        "of at least this volume at the strike, both rights",
        missing.SCORE,
        title="chance of the volume",
    ),
)
