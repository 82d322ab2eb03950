"""One defect for each rule over statistics of single entities at one time (QC60x, QC61x, QC65x, QC66x)."""

from __future__ import annotations

from transforms.synth.corruptions.artifacts import (
    DISCHARGE_AGGREGATE,
    DISCHARGE_MONTHLY,
    ENTITY,
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    HEADER,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Json, NothingToCorrupt, Place, RunEditor, in_line
from transforms.synth.corruptions.statistics_edits import (
    FACET_PATH,
    LABEL_PATH,
    ROBUST,
    ROBUST_PATH,
    SIMPLE,
    SIMPLE_PATH,
    SLOPE_PATH,
    aggregate_statistic,
    facet,
    header_statistic,
    label,
    shift,
    statistics,
)


def _rename_facet(header: Json) -> None:
    values: Json = facet(header, SIMPLE)["facet_values"]
    values.update(dict.fromkeys(values, "Nobody's"))


def _without_facets(header: Json) -> None:
    header["statistical_methods"][SIMPLE]["summary"]["global_statistics"]["facets"].clear()


def _relabel(item: Json) -> None:
    found = label(item, SIMPLE)
    found["anomaly"] = "normal" if found["anomaly"] == "extremely_high" else "extremely_high"


def _requote(item: Json) -> None:
    label(item, SIMPLE)["interpretation"]["rendered"] += " A year ago the z-score was 7.6543."


def _withhold(item: Json) -> None:
    statistics(item, ROBUST).update(robust_zscore=None, suppressed=True)
    found = label(item, ROBUST)
    found.update(anomaly="no_score", statistic_value=None)
    found["interpretation"]["rendered"] = "No robust z-score."


def _without_value(item: Json) -> None:
    item["metric"][0].update(values=None)


def _has_score(item: Json) -> bool:
    return "entity" in item and statistics(item, ROBUST).get("robust_zscore") is not None


def _withhold_first(run: RunEditor) -> Place:
    number = run.find(DISCHARGE_AGGREGATE, _has_score, "entity with a robust z-score")
    return in_line(DISCHARGE_AGGREGATE, number, _withhold, f"{ROBUST_PATH}/statistics/suppressed")(run)


def _empty_first(run: RunEditor) -> Place:
    """The first entity with a score in a facet where all have values: the facet's counts stay possible."""
    header = run.documents(DISCHARGE_AGGREGATE)[HEADER - 1]
    facets = header["statistical_methods"][SIMPLE]["summary"]["global_statistics"]["facets"]
    whole = [
        found["facet_values"]
        for found in facets
        if found["facet_counts"]["entity_with_statistics_count"] == found["facet_counts"]["entity_count"]
    ]

    def is_wanted(item: Json) -> bool:
        return _has_score(item) and {part["id"]: part["value"] for part in item["entity"][1:]} in whole

    number = run.find(DISCHARGE_AGGREGATE, is_wanted, "facet without gaps")
    return in_line(DISCHARGE_AGGREGATE, number, _without_value, f"{SIMPLE_PATH}/statistics")(run)


def _give_slope(run: RunEditor) -> Place:
    """A slope for the first entity with fewer than 6 months."""
    lines = run.read(DISCHARGE_MONTHLY).splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, slope, rest = line.rpartition(b'"slope":null')
        if slope and b'"suppressed":true' in rest:
            rest = rest.replace(b'"suppressed":true', b'"suppressed":false')
            lines[number] = before + b'"slope":0.125' + rest
            run.write(DISCHARGE_MONTHLY, b"".join(lines))
            return Place(DISCHARGE_MONTHLY, number + 1, f"{SLOPE_PATH}/suppressed")
    raise NothingToCorrupt(DISCHARGE_MONTHLY, "entity with fewer than 6 months")


CORRUPTIONS = (
    Corruption(
        "QC601",
        "The header of a node is 0.01 off the mean of its facet",
        header_statistic(SIMPLE, "global_metric_mean"),
    ),
    Corruption(
        "QC602",
        "The header of a node is 0.01 off the standard deviation of its facet",
        header_statistic(SIMPLE, "global_metric_std"),
    ),
    Corruption(
        "QC603",
        "The header of a node is 0.01 off the median of its facet",
        header_statistic(ROBUST, "global_metric_median"),
    ),
    Corruption(
        "QC604",
        "The header of a node is 0.01 off the median absolute deviation of its facet",
        header_statistic(ROBUST, "global_mad"),
    ),
    Corruption(
        "QC605",
        "A header says that the floor of the deviation was applied, though the deviation is above it",
        in_line(
            FACILITY_AGGREGATE,
            HEADER,
            lambda header: facet(header, SIMPLE)["method_statistics"].update(std_floor_applied=True),
            f"{SIMPLE_PATH}/{FACET_PATH}/method_statistics/std_floor_applied",
        ),
    ),
    Corruption(
        "QC606",
        "A header counts one entity more in a facet than there are",
        in_line(
            FACILITY_AGGREGATE,
            HEADER,
            lambda header: shift(facet(header, SIMPLE)["facet_counts"], "entity_count", 1),
            f"{SIMPLE_PATH}/{FACET_PATH}/facet_counts/entity_count",
        ),
    ),
    Corruption(
        "QC607",
        "A header has statistics of a facet that no entity belongs to",
        in_line(FACETED_AGGREGATE, HEADER, _rename_facet, f"{SIMPLE_PATH}/{FACET_PATH}/facet_values"),
    ),
    Corruption(
        "QC608",
        "A header has no facet under one of its methods",
        in_line(FACILITY_AGGREGATE, HEADER, _without_facets, f"{SIMPLE_PATH}/summary"),
    ),
    Corruption(
        "QC610", "The peer mean of a facility is 0.01 too high", aggregate_statistic(SIMPLE, "peer_mean")
    ),
    Corruption(
        "QC611",
        "The standard deviation of a facility's peers is 0.01 too high",
        aggregate_statistic(SIMPLE, "peer_std"),
    ),
    Corruption(
        "QC612", "The z-score of a facility is 0.01 too high", aggregate_statistic(SIMPLE, "simple_zscore")
    ),
    Corruption(
        "QC613",
        "The robust z-score of a facility is 0.01 too high",
        aggregate_statistic(ROBUST, "robust_zscore"),
    ),
    Corruption(
        "QC614",
        "The percentile rank of a facility is 0.01 too high",
        aggregate_statistic(SIMPLE, "percentile_rank"),
    ),
    Corruption(
        "QC615",
        "A facility is said to have one peer more than it has",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: shift(
                item["statistical_methods"][SIMPLE]["runtime"]["anomaly_statistics"], "peer_count", 1
            ),
            f"{SIMPLE_PATH}/runtime/anomaly_statistics/peer_count",
        ),
    ),
    Corruption(
        "QC650",
        "A label quotes a z-score that is 0.01 higher than the entity's",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: shift(label(item, SIMPLE), "statistic_value"),
            f"{LABEL_PATH}/statistic_value",
        ),
    ),
    Corruption(
        "QC651",
        "A facility is labelled extremely high for an ordinary z-score",
        in_line(FACILITY_AGGREGATE, ENTITY, _relabel, f"{LABEL_PATH}/anomaly"),
    ),
    Corruption(
        "QC652",
        "An interpretation begins with {facility} instead of a name",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: label(item, SIMPLE)["interpretation"].update(rendered="{facility} lies high."),
            f"{LABEL_PATH}/interpretation/rendered",
        ),
    ),
    Corruption(
        "QC653",
        "An interpretation quotes a z-score of 7.6543 that the entity does not have",
        in_line(FACILITY_AGGREGATE, ENTITY, _requote, f"{LABEL_PATH}/interpretation/rendered"),
    ),
    Corruption(
        "QC654",
        "A label is said to be that of the percentile rank, though it is that of the z-score",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: label(item, SIMPLE).update(applies_to="percentile_rank"),
            f"{LABEL_PATH}/applies_to",
        ),
    ),
    Corruption(
        "QC660",
        "A method is said to be suppressed and still has its score",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: statistics(item, ROBUST).update(suppressed=True),
            f"{ROBUST_PATH}/statistics",
        ),
    ),
    Corruption("QC661", "An entity with fewer than 6 months has a slope", _give_slope),
    Corruption("QC662", "A robust z-score is withheld although there are enough peers", _withhold_first),
    Corruption("QC663", "An entity has z-scores of a value that is null", _empty_first),
)
