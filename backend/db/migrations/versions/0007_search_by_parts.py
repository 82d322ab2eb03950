"""Search finds the parts of what PostgreSQL takes for the name of a file or a host: `Dental/Oral`."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BY_PARTS = """
    to_tsvector('simple', replace(replace(replace(replace(replace(replace(
        facility || ' ' || coalesce(facility_id, '') || ' ' || coalesce(system_name, '')
        || ' ' || service_line || ' ' || coalesce(group_value, '') || ' ' || metric_id
        || ' ' || description || ' ' || coalesce(why_matters_narrative, ''),
        '/', ' '), '.', ' '), '@', ' '), '-', ' '), '<', ' '), '&', ' '))
"""
_WHOLE = """
    to_tsvector('simple', facility || ' ' || coalesce(facility_id, '') || ' ' || coalesce(system_name, '')
        || ' ' || service_line || ' ' || coalesce(group_value, '') || ' ' || metric_id
        || ' ' || description || ' ' || coalesce(why_matters_narrative, ''))
"""


def upgrade() -> None:
    _index(_BY_PARTS)


def downgrade() -> None:
    _index(_WHOLE)


def _index(words: str) -> None:
    op.execute("drop index public.ix_signals_search")
    op.execute("create index ix_signals_search on public.signals using gin (" + words + ")")
