"""Contributions as the API gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Contribution(BaseModel):
    """Share of one entity in another one that holds it."""

    method: str = Field(examples=["weighted_mean"])
    child_value: float | None
    parent_value: float | None
    weight_field: str = Field(description="Column that the weights come from.", examples=["encounters"])
    weight_value: float
    weight_share_percent: float = Field(description="Weight of the child among its siblings, one decimal.")
    contribution_value: float | None = Field(description="The analytics engine's own figure.")
    excess_over_parent: float | None = Field(
        description="`weight_share * (child_value - parent_value)`, in the metric's unit."
    )
    excess_over_parent_percent: float | None = Field(
        description="The excess in percent of the parent's absolute value, one decimal."
    )
    parent_node_id: str
    child_node_id: str | None
    parent_entity: dict[str, str]
    child_entity: dict[str, str] | None
    child_entity_label: str = Field(
        description="Value of the dimension by which the child divides its parent."
    )
    description: str


class SignalContributions(BaseModel):
    """What contributes to a signal, and what it contributes to."""

    upward_contribution: Contribution | None = Field(
        description="The signal as a part of its nearest parent; null when it is part of nothing."
    )
    downward_contributions: list[Contribution] = Field(description="Largest absolute excess first.")
    signal_hierarchy_level: Literal["facility", "service_line", "sub_service_line"] = Field(
        description="By the number of dimensions that divide the facility: none, one, more."
    )
    has_children: bool
    has_parent: bool
