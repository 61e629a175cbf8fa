"""Judging the detector: walk forward over recorded sessions, inject what should be found, and count what is found."""
