"""The revisions of the schema that this version knows, told without importing Alembic or SQLAlchemy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parent / "migrations"
REVISIONS: Final = tuple(sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))
"""Every revision this version knows, the oldest first: names of files begin with them."""
HEAD: Final = REVISIONS[-1]
"""The revision this version needs."""
