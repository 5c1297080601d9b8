"""Armature from Python: use env servers, host environments, play policies."""

from __future__ import annotations

__version__ = "0.1.0"
