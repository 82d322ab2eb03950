"""One defect for each rule over single values and metadata (QC4xx)."""

from __future__ import annotations

from transforms.synth.corruptions.artifacts import (
    ENTITY,
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Json, in_line

_DERIVED = "the z-score no longer follows from the value"


def statistics(item: Json) -> Json:
    """Statistics of the first method of an entity."""
    found: Json = item["statistical_methods"][0]["statistics"]
    return found


def monthly(item: Json, column: str) -> list[Json]:
    """Monthly values of a metadata column."""
    points: list[Json] = item["metadata"]["per_period"][column]
    return points


CORRUPTIONS = (
    Corruption(
        "QC401",
        "The z-score of a facility is -11.5",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: statistics(item).update(simple_zscore=-11.5),
            "/statistical_methods",
        ),
        also=("QC612",),
        because=_DERIVED,
    ),
    Corruption(
        "QC402",
        "The length of stay index of a facility is -0.5",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["metric"][0].update(values=-0.5),
            "/metric/0/values",
        ),
        also=("QC612",),
        because=_DERIVED,
    ),
    Corruption(
        "QC403",
        "A facility has a million patients in fewer encounters",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["metadata"].update(uniquePatients=1e6),
            "/metadata/uniquePatients",
        ),
    ),
    Corruption(
        "QC404",
        "The metadata of an entity lacks a column",
        in_line(FACILITY_AGGREGATE, ENTITY, lambda item: item["metadata"].pop("losOutliers"), "/metadata"),
    ),
    Corruption(
        "QC405",
        "The monthly metadata of an entity lacks a column",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: item["metadata"]["per_period"].pop("encounters"),
            "/metadata/per_period",
        ),
    ),
    Corruption(
        "QC406",
        "A column of monthly metadata begins in January 2031",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: monthly(item, "losOutliers")[0].update(period="2031-01"),
            "/metadata/per_period/losOutliers",
        ),
    ),
    Corruption(
        "QC407",
        "The total of a monthly column is a million",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: item["metadata"].update(losOutliers=10**6),
            "/metadata/losOutliers",
        ),
    ),
    Corruption(
        "QC409",
        "An entity belongs to a service line called Alchemy",
        in_line(FACETED_AGGREGATE, ENTITY, lambda item: item["entity"][1].update(value="Alchemy"), "/entity"),
        also=("QC542", "QC607", "QC701"),
        because="no other artifact knows the entity under that name",
    ),
    Corruption(
        "QC420",
        "The name of a health system has 300 letters",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["metadata"].update(systemName="N" * 300),
            "/metadata/systemName",
        ),
    ),
)
