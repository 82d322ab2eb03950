"""Tables of the application (schema ``public``); migrations make them, these classes describe them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Identified, Timestamped, one_of
from backend.enums import AssignmentRoleType, AssignmentStatus, EventType, RunState, SignalDomain, UserRole

_Json = JSONB(none_as_null=True)

SEARCHED = """
    to_tsvector('simple', replace(replace(replace(replace(replace(replace(
        facility || ' ' || coalesce(facility_id, '') || ' ' || coalesce(system_name, '')
        || ' ' || service_line || ' ' || coalesce(group_value, '') || ' ' || metric_id
        || ' ' || description || ' ' || coalesce(why_matters_narrative, ''),
        '/', ' '), '.', ' '), '@', ' '), '-', ' '), '<', ' '), '&', ' '))
""".strip()
"""Words of a signal, as its search index holds them; queries must say the same.

PostgreSQL takes words with such signs between them for the name of a file, a host or a tag: one word,
whose parts nobody would find. Each ``replace`` costs less than any regular expression.
"""

_COUNTED = (
    "active", "domain", "simplified_signal_type", "metric_id", "system_name", "service_line",
    "sub_service_line", "facility", "facility_id", "simplified_severity",
)  # fmt: skip


def _sorted_index(name: str, column: str | TextClause) -> Index:
    """An index that gives pages of signals in the order of ``column``."""
    return Index(f"ix_signals_{name}", column, "id", postgresql_include=["active"])


class Run(Timestamped, Base):
    """Registry of runs. ``run_key`` is ``<graph_name>/<run_id>``.

    ``checksum`` is that of the files whose rows are held; ``failed_checksum`` that of files which
    could not be brought in, so that a watcher leaves them alone. ``preflight`` counts what the
    check of the files found.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("graph_name", "run_id"),
        CheckConstraint(one_of("state", RunState), name="state"),
        Index(
            "uq_runs_published_graph",
            "graph_name",
            unique=True,
            postgresql_where=text("state = 'published'"),
        ),
    )

    run_key: Mapped[str] = mapped_column(primary_key=True)
    graph_name: Mapped[str]
    run_id: Mapped[str]
    state: Mapped[str]
    source_path: Mapped[str | None]
    checksum: Mapped[str | None]
    row_counts: Mapped[dict[str, Any] | None]
    durations: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    loaded_at: Mapped[datetime | None]
    built_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    preflight: Mapped[dict[str, Any] | None]
    loaded_by: Mapped[str | None]
    published_by: Mapped[str | None]
    failed_checksum: Mapped[str | None]


class User(Identified, Timestamped, Base):
    """Somebody who can be assigned signals; leaves by ``is_active`` = false."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint(one_of("role", UserRole), name="role"),
    )

    email: Mapped[str]
    name: Mapped[str]
    hashed_password: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=UserRole.VIEWER.value, index=True)
    is_active: Mapped[bool] = mapped_column(server_default=true())


class Signal(Timestamped, Base):
    """An entity of a node, as the published run of its graph sees it.

    ``id`` is ``entity_key`` read as a UUID, so that it is the same in every run. ``peer_mean`` is
    the benchmark. ``active`` is false when the published run no longer has the entity.
    ``parent_node_ids`` are the nodes that segment into this one; the relation columns count
    active signals. Documents (timeline, metadata, percentile trends, technical details; JSON in
    text) are null while the signal is active: the mart of its run has them (services.signal_documents).
    """

    __tablename__ = "signals"
    __table_args__ = (
        UniqueConstraint(
            "graph_name",
            "metric_id",
            "canonical_node_id",
            "facility_id",
            "entity_dimensions_hash",
            name="uq_signals_identity",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(one_of("domain", SignalDomain), name="domain"),
        _sorted_index("detected_at_id", text("detected_at DESC")),
        _sorted_index("simplified_severity_id", text("simplified_severity DESC NULLS LAST")),
        _sorted_index("percentile_rank_id", text("percentile_rank DESC NULLS LAST")),
        _sorted_index("metric_id_id", "metric_id"),
        _sorted_index("facility_by_name", "facility"),
        _sorted_index("metric_value_id", "metric_value"),
        Index("ix_signals_counting", *_COUNTED, "id"),
        Index("ix_signals_search", text(SEARCHED), postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    entity_key: Mapped[str]
    graph_name: Mapped[str]
    run_key: Mapped[str]
    run_id: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=true())
    canonical_node_id: Mapped[str]
    metric_id: Mapped[str]
    domain: Mapped[str]
    facility: Mapped[str]
    facility_id: Mapped[str | None] = mapped_column(index=True)
    system_name: Mapped[str | None]
    service_line: Mapped[str]
    sub_service_line: Mapped[str | None]
    description: Mapped[str]
    description_edited: Mapped[bool] = mapped_column(server_default=false())
    why_matters_narrative: Mapped[str | None]
    metric_value: Mapped[float]
    peer_mean: Mapped[float | None]
    peer_std: Mapped[float | None]
    percentile_rank: Mapped[float | None]
    encounters: Mapped[int | None] = mapped_column(BigInteger)
    detected_at: Mapped[datetime] = mapped_column(server_default=func.now())
    temporal_node_id: Mapped[str | None]
    entity_dimensions: Mapped[Any | None] = mapped_column(_Json)
    entity_dimensions_hash: Mapped[str | None]
    groupby_label: Mapped[str | None]
    group_value: Mapped[str | None]
    metric_trend_timeline: Mapped[str | None]
    trend_direction: Mapped[str | None]
    simplified_signal_type: Mapped[str | None]
    simplified_severity: Mapped[int | None] = mapped_column(BigInteger)
    annual_excess_cost: Mapped[float | None]
    excess_los_days: Mapped[float | None]
    capacity_impact_bed_days: Mapped[float | None]
    expected_metric_value: Mapped[float | None]
    entity_metadata: Mapped[str | None] = mapped_column("metadata")
    metadata_per_period: Mapped[str | None]
    peer_percentile_trends: Mapped[str | None]
    technical_details: Mapped[str | None]
    edge_types: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'::text[]"))
    parent_node_ids: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'::text[]"))
    has_children: Mapped[bool] = mapped_column(server_default=false())
    has_parent: Mapped[bool] = mapped_column(server_default=false())
    related_signal_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Assignment(Identified, Timestamped, Base):
    """Who works on a signal, and how far; at most one a signal. ``version`` grows with every change."""

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("signal_id"),
        CheckConstraint(one_of("status", AssignmentStatus), name="status"),
        CheckConstraint(one_of("role_type", AssignmentRoleType), name="role_type"),
        Index(None, "assignee_id"),
        Index(None, "status", "assignee_id"),
    )

    signal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("signals.id", ondelete="CASCADE"))
    assignee_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    assigner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    status: Mapped[str] = mapped_column(server_default=AssignmentStatus.NEW.value)
    role_type: Mapped[str | None]
    notes: Mapped[str | None]
    resolution_notes: Mapped[str | None]
    assigned_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))


class ActivityEvent(Identified, Base):
    """An entry of the feed; ``user_id`` is null when the system wrote it.

    Positions become visible in ascending order (a trigger lets writers take turns), so that a
    reader can go on after the last one it has seen. ``read`` is what those without an account
    share; those with one have ``event_reads``.
    """

    __tablename__ = "activity_events"
    __table_args__ = (
        CheckConstraint(one_of("event_type", EventType), name="event_type"),
        UniqueConstraint("position"),
        Index(None, "signal_id"),
        Index(None, "user_id"),
        Index(None, "event_type"),
        Index(None, "created_at", "id"),
        Index("ix_activity_events_unread", "created_at", postgresql_where=text("NOT read")),
    )

    event_type: Mapped[str]
    signal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("signals.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    read: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class EventRead(Base):
    """A user has seen an event."""

    __tablename__ = "event_reads"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("activity_events.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiKey(Identified, Base):
    """A key that a program signs in with as a user. Only a hash is kept; ``prefix`` finds the row."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("prefix"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DataVersion(Base):
    """How often data of a scope changed; triggers count, in the transaction that changes it."""

    __tablename__ = "data_versions"

    scope: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))


class Hydration(Base):
    """What the last whole hydration of a graph has left: a digest of the versions of all rows concerned."""

    __tablename__ = "hydrations"

    graph_name: Mapped[str] = mapped_column(primary_key=True)
    run_key: Mapped[str] = mapped_column(ForeignKey("runs.run_key", ondelete="CASCADE"), index=True)
    state: Mapped[str]


class ProjectDocument(Timestamped, Base):
    """A document of the dbt project, e.g. its compiled manifest, as the API serves it."""

    __tablename__ = "project_documents"

    name: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]
    checksum: Mapped[str]
