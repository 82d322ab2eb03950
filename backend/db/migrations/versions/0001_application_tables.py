"""Tables of the application: runs, users, signals, assignments, activity_events."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_RUNS = """
create table public.runs (
    run_key text not null constraint pk_runs primary key,
    graph_name text not null,
    run_id text not null,
    state text not null constraint ck_runs_state check (state in (
        'loading', 'loaded', 'building', 'built', 'published', 'superseded', 'failed'
    )),
    source_path text,
    checksum text,
    row_counts jsonb,
    durations jsonb,
    error text,
    loaded_at timestamptz,
    built_at timestamptz,
    published_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint uq_runs_graph_name_run_id unique (graph_name, run_id)
)
"""

_USERS = """
create table public.users (
    id uuid not null default gen_random_uuid() constraint pk_users primary key,
    email text not null constraint uq_users_email unique,
    name text not null,
    hashed_password text not null,
    role text not null default 'viewer' constraint ck_users_role check (role in (
        'admin', 'clinical_leadership', 'nursing_leadership', 'administration', 'viewer'
    )),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
)
"""

_SIGNALS = """
create table public.signals (
    id uuid not null constraint pk_signals primary key,
    entity_key text not null,
    graph_name text not null,
    run_key text not null,
    run_id text not null,
    active boolean not null default true,
    canonical_node_id text not null,
    metric_id text not null,
    domain text not null constraint ck_signals_domain check (domain in (
        'Efficiency', 'Safety', 'Effectiveness', 'Utilization', 'Other'
    )),
    facility text not null,
    facility_id text,
    system_name text,
    service_line text not null,
    sub_service_line text,
    description text not null,
    description_edited boolean not null default false,
    why_matters_narrative text,
    metric_value double precision not null,
    peer_mean double precision,
    peer_std double precision,
    percentile_rank double precision,
    encounters bigint,
    detected_at timestamptz not null default now(),
    temporal_node_id text,
    entity_dimensions jsonb,
    entity_dimensions_hash text,
    groupby_label text,
    group_value text,
    metric_trend_timeline text,
    trend_direction text,
    simplified_signal_type text,
    simplified_severity bigint,
    annual_excess_cost double precision,
    excess_los_days double precision,
    capacity_impact_bed_days double precision,
    expected_metric_value double precision,
    metadata text,
    metadata_per_period text,
    peer_percentile_trends text,
    technical_details jsonb,
    edge_types text[] not null default '{}'::text[],
    parent_node_ids text[] not null default '{}'::text[],
    has_children boolean not null default false,
    has_parent boolean not null default false,
    related_signal_count bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint uq_signals_identity unique nulls not distinct (
        graph_name, metric_id, canonical_node_id, facility_id, entity_dimensions_hash
    )
)
"""

_ASSIGNMENTS = """
create table public.assignments (
    id uuid not null default gen_random_uuid() constraint pk_assignments primary key,
    signal_id uuid not null constraint uq_assignments_signal_id unique
        constraint fk_assignments_signal_id references public.signals (id) on delete cascade,
    assignee_id uuid constraint fk_assignments_assignee_id references public.users (id) on delete set null,
    assigner_id uuid constraint fk_assignments_assigner_id references public.users (id) on delete set null,
    status text not null default 'new' constraint ck_assignments_status check (status in (
        'new', 'assigned', 'in_progress', 'resolved', 'closed'
    )),
    role_type text constraint ck_assignments_role_type check (role_type in (
        'clinical_leadership', 'nursing_leadership', 'administration'
    )),
    notes text,
    resolution_notes text,
    assigned_at timestamptz,
    started_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
)
"""

_ACTIVITY_EVENTS = """
create table public.activity_events (
    id uuid not null default gen_random_uuid() constraint pk_activity_events primary key,
    event_type text not null constraint ck_activity_events_event_type check (event_type in (
        'new_signal', 'regression', 'improvement', 'insight', 'technical_error', 'assignment',
        'status_change', 'comment', 'intervention_activated', 'intervention_outcome'
    )),
    signal_id uuid constraint fk_activity_events_signal_id references public.signals (id) on delete cascade,
    user_id uuid constraint fk_activity_events_user_id references public.users (id) on delete set null,
    payload jsonb not null default '{}'::jsonb,
    read boolean not null default false,
    created_at timestamptz not null default now()
)
"""

_INDEXES = (
    "create unique index uq_runs_published_graph on public.runs (graph_name) where state = 'published'",
    "create index ix_users_role on public.users (role)",
    "create index ix_signals_domain on public.signals (domain)",
    "create index ix_signals_metric_id on public.signals (metric_id)",
    "create index ix_signals_facility on public.signals (facility)",
    "create index ix_signals_facility_id on public.signals (facility_id)",
    "create index ix_signals_system_name on public.signals (system_name)",
    "create index ix_signals_service_line on public.signals (service_line)",
    "create index ix_signals_groupby_label on public.signals (groupby_label)",
    "create index ix_signals_simplified_signal_type on public.signals (simplified_signal_type)",
    "create index ix_signals_entity_dimensions on public.signals using gin (entity_dimensions)",
    "create index ix_signals_detected_at_id on public.signals (detected_at desc, id)",
    "create index ix_signals_simplified_severity_id"
    " on public.signals (simplified_severity desc nulls last, id)",
    "create index ix_assignments_assignee_id on public.assignments (assignee_id)",
    "create index ix_assignments_status_assignee_id on public.assignments (status, assignee_id)",
    "create index ix_activity_events_signal_id on public.activity_events (signal_id)",
    "create index ix_activity_events_user_id on public.activity_events (user_id)",
    "create index ix_activity_events_event_type on public.activity_events (event_type)",
    "create index ix_activity_events_created_at_id on public.activity_events (created_at, id)",
    "create index ix_activity_events_unread on public.activity_events (created_at) where not read",
)

_SET_UPDATED_AT = """
create function public.set_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$
"""

_TIMESTAMPED = ("runs", "users", "signals", "assignments")
_TABLES = ("activity_events", "assignments", "signals", "users", "runs")


def upgrade() -> None:
    for statement in (_RUNS, _USERS, _SIGNALS, _ASSIGNMENTS, _ACTIVITY_EVENTS, *_INDEXES, _SET_UPDATED_AT):
        op.execute(statement)
    for table in _TIMESTAMPED:
        op.execute(
            f"create trigger set_updated_at before update on public.{table}"
            " for each row execute function public.set_updated_at()"
        )


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"drop table public.{table}")
    op.execute("drop function public.set_updated_at()")
