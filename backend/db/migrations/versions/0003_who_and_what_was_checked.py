"""The registry says who loaded and published a run, what its check found, and which files failed."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("preflight", "jsonb"),
    ("loaded_by", "text"),
    ("published_by", "text"),
    ("failed_checksum", "text"),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.execute(f"alter table public.runs add column {name} {kind}")


def downgrade() -> None:
    for name, _ in _COLUMNS:
        op.execute(f"alter table public.runs drop column {name}")
