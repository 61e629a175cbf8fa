"""Surprise: how much volume a contract, and everything wider, should show now, and how rare it is to see this much."""

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
