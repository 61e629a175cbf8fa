"""The trade tape: every print of an options market, and what it tells that a chain cannot.

    received prints ──> clean ──> side ──> orders ──> packages, campaigns
                                    └──────────┴──────────> measure (fields of contracts, expiries, underlyings)

A chain says how much traded; the tape says how. Nothing here reads a file or a clock: prints go in as a frame
(:mod:`scanner.tape.prints` is the contract), frames come out.
"""
