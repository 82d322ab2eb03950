"""Indexes of signals for search and for every sort of the list."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SEARCH = """
create index ix_signals_search on public.signals using gin (
    to_tsvector('simple', facility || ' ' || coalesce(facility_id, '') || ' ' || coalesce(system_name, '')
        || ' ' || service_line || ' ' || coalesce(group_value, '') || ' ' || metric_id
        || ' ' || description || ' ' || coalesce(why_matters_narrative, ''))
)
"""

# An index that ends in the id serves the sort as well as the filter.
_CREATED = (
    _SEARCH,
    "create index ix_signals_metric_id_id on public.signals (metric_id, id)",
    "create index ix_signals_facility_by_name on public.signals (facility, id)",
    "create index ix_signals_metric_value_id on public.signals (metric_value, id)",
    "create index ix_signals_percentile_rank_id on public.signals (percentile_rank desc nulls last, id)",
)
_DROPPED = {
    "ix_signals_metric_id": "metric_id",
    "ix_signals_facility": "facility",
    # Nothing filters by it.
    "ix_signals_groupby_label": "groupby_label",
}


def upgrade() -> None:
    for name in _DROPPED:
        op.execute(f"drop index public.{name}")
    for statement in _CREATED:
        op.execute(statement)


def downgrade() -> None:
    for name in ("search", "metric_id_id", "facility_by_name", "metric_value_id", "percentile_rank_id"):
        op.execute(f"drop index public.ix_signals_{name}")
    for name, column in _DROPPED.items():
        op.execute(f"create index {name} on public.signals ({column})")
