"""The name of the newest migration stands in two places that must agree."""

from __future__ import annotations

from backend.db import migrate
from backend.db.revision import HEAD


def test_head_is_the_newest_migration() -> None:
    assert migrate.head() == HEAD
