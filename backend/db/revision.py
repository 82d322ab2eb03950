"""The newest migration by name, for those who want to compare without importing Alembic."""

from __future__ import annotations

from typing import Final

HEAD: Final = "0004"
"""Revision this version needs; a test holds it to be the newest of the migrations."""
