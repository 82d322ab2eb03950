"""What the last hydration of each graph has left, to tell that nothing has changed since."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = """
create table public.hydrations (
    graph_name text not null constraint pk_hydrations primary key,
    run_key text not null
        constraint fk_hydrations_run_key references public.runs (run_key) on delete cascade,
    state text not null
)
"""


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute("create index ix_hydrations_run_key on public.hydrations (run_key)")


def downgrade() -> None:
    op.execute("drop table public.hydrations")
