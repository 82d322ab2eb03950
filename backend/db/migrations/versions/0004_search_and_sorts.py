"""Indexes of signals for search, for every sort of the list, and for counting what filters leave."""

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

# Counting reads this index alone, whichever of its columns are filtered by: rows of signals are
# wide, and there is no index for every combination.
_COUNTING = """
create index ix_signals_counting on public.signals (
    active, domain, simplified_signal_type, metric_id, system_name, service_line, sub_service_line,
    facility, facility_id, simplified_severity, id
)
"""

# An index that ends in the id serves pages in its order; `active` spares a look at the row.
_SORTS = {
    "detected_at_id": "detected_at desc, id",
    "simplified_severity_id": "simplified_severity desc nulls last, id",
    "percentile_rank_id": "percentile_rank desc nulls last, id",
    "metric_id_id": "metric_id, id",
    "facility_by_name": "facility, id",
    "metric_value_id": "metric_value, id",
}
_REPLACED = {
    "domain": "(domain)",
    "metric_id": "(metric_id)",
    "facility": "(facility)",
    "system_name": "(system_name)",
    "service_line": "(service_line)",
    "groupby_label": "(groupby_label)",
    "simplified_signal_type": "(simplified_signal_type)",
    "entity_dimensions": "using gin (entity_dimensions)",
    "detected_at_id": "(detected_at desc, id)",
    "simplified_severity_id": "(simplified_severity desc nulls last, id)",
}


def upgrade() -> None:
    for name in _REPLACED:
        op.execute(f"drop index public.ix_signals_{name}")
    op.execute(_SEARCH)
    op.execute(_COUNTING)
    for name, columns in _SORTS.items():
        op.execute(f"create index ix_signals_{name} on public.signals ({columns}) include (active)")


def downgrade() -> None:
    for name in ("search", "counting", *_SORTS):
        op.execute(f"drop index public.ix_signals_{name}")
    for name, columns in _REPLACED.items():
        op.execute(f"create index ix_signals_{name} on public.signals {columns}")
