"""Watches option chains and says, with a calibrated rarity, when something unusual is going on in them."""

__version__ = "0.1.0"
