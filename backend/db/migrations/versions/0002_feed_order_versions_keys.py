"""Order of the feed, versions of data, reads per user, API keys, documents of the dbt project."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Writers of events take turns, so that positions become visible in ascending order: a reader who
# has seen position n never misses a smaller one. The trigger runs before the position is drawn.
_EVENT_ORDER = (
    "alter table public.activity_events add column position bigint generated always as identity",
    "alter table public.activity_events add constraint uq_activity_events_position unique (position)",
    "alter table public.activity_events alter column created_at set default clock_timestamp()",
    """
    create function public.take_turn_writing_events() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(x'51C00012'::bigint);
        return null;
    end
    $$
    """,
    "create trigger take_turn before insert on public.activity_events"
    " for each statement execute function public.take_turn_writing_events()",
)

_DATA_VERSIONS = (
    """
    create table public.data_versions (
        scope text not null constraint pk_data_versions primary key,
        version bigint not null default 1
    )
    """,
    """
    insert into public.data_versions (scope)
    values ('runs'), ('signals'), ('workflow'), ('feed'), ('users'), ('metadata')
    """,
    """
    create function public.touch_data_version() returns trigger language plpgsql as $$
    begin
        update public.data_versions set version = version + 1 where scope = tg_argv[0];
        perform pg_notify('compass_data_changed', tg_argv[0]);
        return null;
    end
    $$
    """,
)

# Loading and building a run changes nothing that is served; publishing and taking back does.
_TOUCHES = (
    "create trigger touch_runs after update on public.runs for each row"
    " when ('published' in (old.state, new.state) and old.* is distinct from new.*)"
    " execute function public.touch_data_version('runs')",
    "create trigger touch_runs_deleted after delete on public.runs for each row"
    " execute function public.touch_data_version('runs')",
    # Before the rows are locked: an edit that waits for a publish must hold nothing it wants.
    "create trigger touch_signals before insert or update or delete or truncate on public.signals"
    " for each statement execute function public.touch_data_version('signals')",
    "create trigger touch_workflow after insert or update or delete or truncate on public.assignments"
    " for each statement execute function public.touch_data_version('workflow')",
    "create trigger touch_feed after insert or update or delete or truncate on public.activity_events"
    " for each statement execute function public.touch_data_version('feed')",
    "create trigger touch_reads after insert or delete on public.event_reads"
    " for each statement execute function public.touch_data_version('feed')",
    "create trigger touch_users after insert or update or delete or truncate on public.users"
    " for each statement execute function public.touch_data_version('users')",
    "create trigger touch_metadata after insert or update or delete on public.project_documents"
    " for each statement execute function public.touch_data_version('metadata')",
)

_TABLES = (
    "alter table public.assignments add column version bigint not null default 1",
    """
    create table public.event_reads (
        user_id uuid not null
            constraint fk_event_reads_user_id references public.users (id) on delete cascade,
        event_id uuid not null
            constraint fk_event_reads_event_id references public.activity_events (id) on delete cascade,
        read_at timestamptz not null default now(),
        constraint pk_event_reads primary key (user_id, event_id)
    )
    """,
    "create index ix_event_reads_event_id on public.event_reads (event_id)",
    """
    create table public.api_keys (
        id uuid not null default gen_random_uuid() constraint pk_api_keys primary key,
        user_id uuid not null
            constraint fk_api_keys_user_id references public.users (id) on delete cascade,
        name text not null,
        prefix text not null constraint uq_api_keys_prefix unique,
        key_hash text not null,
        expires_at timestamptz,
        revoked_at timestamptz,
        created_at timestamptz not null default now()
    )
    """,
    "create index ix_api_keys_user_id on public.api_keys (user_id)",
    """
    create table public.project_documents (
        name text not null constraint pk_project_documents primary key,
        content text not null,
        checksum text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    )
    """,
    "create trigger set_updated_at before update on public.project_documents"
    " for each row execute function public.set_updated_at()",
)


def upgrade() -> None:
    for statement in (*_TABLES, *_EVENT_ORDER, *_DATA_VERSIONS, *_TOUCHES):
        op.execute(statement)


def downgrade() -> None:
    for trigger, table in (
        ("touch_runs", "runs"),
        ("touch_runs_deleted", "runs"),
        ("touch_signals", "signals"),
        ("touch_workflow", "assignments"),
        ("touch_feed", "activity_events"),
        ("touch_users", "users"),
        ("take_turn", "activity_events"),
    ):
        op.execute(f"drop trigger {trigger} on public.{table}")
    for table in ("project_documents", "api_keys", "event_reads", "data_versions"):
        op.execute(f"drop table public.{table}")
    op.execute("drop function public.touch_data_version()")
    op.execute("drop function public.take_turn_writing_events()")
    op.execute("alter table public.activity_events alter column created_at set default now()")
    op.execute("alter table public.activity_events drop column position")
    op.execute("alter table public.assignments drop column version")
