"""Kernels are compiled when they are first needed; a face that has somebody waiting says so."""

from scanner.kernels.progress import Listener, tell

__all__ = ["Listener", "tell"]
