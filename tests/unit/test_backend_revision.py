"""Revisions are told from names of files: they must be those that Alembic finds inside."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from backend.db.migrate import config
from backend.db.revision import HEAD, REVISIONS


def test_revisions_are_those_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))
    assert scripts.get_current_head() == HEAD
