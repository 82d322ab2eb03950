"""What can go wrong when the ontology is asked."""

from __future__ import annotations

from collections.abc import Sequence

from backend.errors import DomainError


class LabelUnknown(DomainError):
    """There are no vertices, or no edges, of this label."""

    slug = "label-unknown"
    title = "Invalid label"
    status = 400

    def __init__(self, kind: str, label: str, known: Sequence[str]) -> None:
        self.kind = kind
        self.label = label
        self.known = tuple(known)
        super().__init__(f"Invalid label: {label!r} is no {kind} label; those are {', '.join(known)}")


class VertexNotFound(DomainError):
    """No vertex of the label has this id."""

    slug = "vertex-not-found"
    title = "Vertex not found"
    status = 404

    def __init__(self, label: str, vertex_id: str) -> None:
        self.label = label
        self.vertex_id = vertex_id
        super().__init__(f"Vertex not found: {label} {vertex_id}")


class OntologyUnavailable(DomainError):
    """The database does not answer, or what it should hold of the published runs is not there."""

    slug = "ontology-unavailable"
    title = "The ontology is temporarily unavailable"
    status = 503

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The ontology is temporarily unavailable: {reason}",
            "check that the database runs, and build the marts with `compass build`",
        )
