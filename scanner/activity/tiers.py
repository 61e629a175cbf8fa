"""The expected volumes between activity tiers, by how long a contract has to go (a month, a week, none)."""

from __future__ import annotations

TIER_EDGES = (0.15, 0.5, 2.0, 8.0, 32.0, 128.0, 1024.0)
MONTH_EDGES = (0.5, 8.0, 128.0, 1024.0)
WEEK_EDGES = (2.0, 32.0, 256.0, 2048.0)
EXPIRING_EDGES = (2.0, 64.0)
