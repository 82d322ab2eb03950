"""Narratives: what an engine wrote in Markdown about a facility, read into its parts."""

from __future__ import annotations

from contracts.narratives.parser import Parsed, parse

__all__ = ["Parsed", "parse"]
