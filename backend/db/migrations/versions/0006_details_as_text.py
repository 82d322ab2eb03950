"""The technical details of a signal become text, which hydration writes in half the time."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMN = "alter table public.signals alter column technical_details"


def upgrade() -> None:
    op.execute(f"{_COLUMN} type text using technical_details::text")
    # Kept beside the row as it is: compressing it costs more than writing it.
    op.execute(f"{_COLUMN} set storage external")


def downgrade() -> None:
    op.execute(f"{_COLUMN} set storage extended")
    op.execute(f"{_COLUMN} type jsonb using technical_details::jsonb")
