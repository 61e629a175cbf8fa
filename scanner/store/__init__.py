"""History on disk: snapshots of chains, session summaries derived from them, and the panels baselines read."""
