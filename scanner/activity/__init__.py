"""Surprise: how much volume a contract, and everything wider, should show now, and how rare it is to see this much."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanner.activity.fitting import fit
    from scanner.activity.model import VolumeModel
    from scanner.activity.scoring import score
    from scanner.activity.wider import expiry_surprises, iv30_change_surprise, strike_surprises, underlying_surprises

__all__ = [
    "VolumeModel",
    "expiry_surprises",
    "fit",
    "iv30_change_surprise",
    "score",
    "strike_surprises",
    "underlying_surprises",
]

# Loaded when first asked for: who reads the calibration record of a store need not wait for the kernels.
_HOMES = {
    "fit": "fitting",
    "VolumeModel": "model",
    "score": "scoring",
    **dict.fromkeys(("expiry_surprises", "iv30_change_surprise", "strike_surprises", "underlying_surprises"), "wider"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
