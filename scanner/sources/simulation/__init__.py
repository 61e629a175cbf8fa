"""A simulated US options market: deterministic from a seed, and the same whichever part of it is looked at.

    names -> paths -> listing -> activity -> quotes -> market
    (who)    (spot,   (which      (volume,    (bid,    (one chain frame
              vol)     contracts)  OI)         ask)      per session)

Nothing here describes a real day. Every frame says ``simulated``.
"""
