"""Signals: lists, details, relations, edits."""
