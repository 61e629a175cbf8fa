"""What a null means, in the words that several rows share."""

from __future__ import annotations

HISTORY = "fewer good sessions than it needs"
QUOTE = "no two-sided quote"
VOLATILITY = "no implied volatility; iv_reason says why"
VOLUME = "volume not known, or switched off by the quality gate"
SOME_VOLUME = "no such contract, or volume not known or switched off by the quality gate"
OPEN_INTEREST = "open interest not known, or switched off by the quality gate"
SCORE = "no baseline of its own or built in; surprise_reason says why"
CALLS = "no calls traded or open: a ratio to nothing is not a number"
PREVIOUS = "no trusted previous session"
EVENTS = "no source of events names a date"
FORWARD = "no forward could be found, or an adjusted deliverable"
SMILE = "no smile"
GAMMA = "no gamma or no open interest"
PREMIUM = "no price or no volume of any of them"
