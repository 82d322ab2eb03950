"""What can go wrong with narratives."""

from __future__ import annotations

from backend.errors import DomainError


class NarrativeNotFound(DomainError):
    """The published run has no narrative of this facility."""

    slug = "narrative-not-found"
    title = "Narrative not found"
    status = 404

    def __init__(self, facility_id: str) -> None:
        self.facility_id = facility_id
        super().__init__(f"Narrative not found for facility {facility_id}")


class NarrativeBroken(DomainError):
    """The narrative is there, but does not begin as one; `compass preflight` reports it as QC911."""

    slug = "narrative-broken"
    title = "Narrative cannot be read"
    status = 500

    def __init__(self, facility_id: str) -> None:
        self.facility_id = facility_id
        super().__init__(f"the narrative of facility {facility_id} has no title", "see `compass rules QC911`")
