"""Compiled code: the one way to compile, vector mathematics, and threads."""
