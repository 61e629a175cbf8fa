"""Whole scans of a generated market, step by step and size by size, beside what a competent script does."""

from benchmarks.scan.command import main

__all__ = ["main"]
