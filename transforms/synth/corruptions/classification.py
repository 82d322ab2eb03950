"""One defect for each rule over classifications (QC7xx)."""

from __future__ import annotations

from contracts.rules.classification.indicators import GREATEST_WITHOUT_SPIKE
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATION_INDEX,
    CLASSIFICATIONS,
    DISCHARGE_MONTHLY,
    METRIC,
    SUMMARY,
)
from transforms.synth.corruptions.classification_edits import (
    SHIFT,
    member,
    on_typical,
    shifted,
    summarise,
    typical_line,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import (
    Json,
    NothingToCorrupt,
    Place,
    RunEditor,
    at,
    edit_line,
    in_document,
    in_line,
)

EARLY = 0.001
"""An acceleration that is neutral, as none is."""


def _sum_up_other_severity(run: RunEditor) -> Place:
    number = typical_line(run)
    summarise(run, number, severity=run.documents(CLASSIFICATIONS)[number - 1]["severity"] + 1)
    return Place(SUMMARY, number + 1, "/severity")


def _count(document: Json) -> None:
    document["total_entities"] += 1


def _mean(document: Json) -> None:
    document["severity_stats"]["mean"] += SHIFT


def _without_timelines(run: RunEditor) -> Place:
    """A greatest z-score below the mean, where no timeline is there to tell which of them is wrong."""
    item = run.documents(CLASSIFICATIONS)[typical_line(run) - 1]
    monthly = item["node_id"].replace("__aggregate_time_period", "__dischargeMonth")
    run.file(f"results/nodes/{monthly}.jsonl").unlink()
    return member("inputs", "max_abs_deviation", 0.5)(run)


def _has_some_months(item: Json) -> bool:
    wanted = f"{METRIC}__medicareId_dischargeStatus__"
    return bool(6 <= item["period_count"] < 12 and item["node_id"].startswith(wanted))


def _accelerate_early(run: RunEditor) -> Place:
    """An acceleration for an entity with fewer than 12 months, wherever the run says it."""
    number = run.find(CLASSIFICATIONS, _has_some_months, "entity with 6 to 11 months")
    key = run.documents(CLASSIFICATIONS)[number - 1]["entity_key"]
    place = run.find(
        DISCHARGE_MONTHLY,
        lambda item: {part["id"]: part["value"] for part in item.get("entity", [])} == key,
        "entity that is classified",
    )

    def compute(item: Json) -> None:
        item["statistical_methods"][2]["statistics"]["acceleration"] = EARLY

    run.edit_line(DISCHARGE_MONTHLY, place, compute)
    summarise(run, number, acceleration=EARLY)
    return in_line(
        CLASSIFICATIONS,
        number,
        lambda item: item["inputs"].update(acceleration=EARLY),
        "/inputs/acceleration",
    )(run)


def _is_unremarkable(item: Json) -> bool:
    extreme = item["inputs"]["max_abs_deviation"]
    return bool(not item["suppressed"] and extreme is not None and extreme < GREATEST_WITHOUT_SPIKE)


def _call_spike(run: RunEditor) -> Place:
    number = run.find(CLASSIFICATIONS, _is_unremarkable, "entity without any remarkable month")
    return in_line(
        CLASSIFICATIONS,
        number,
        lambda item: item["derived_indicators"].update(has_spike=True),
        "/derived_indicators/has_spike",
    )(run)


def _restate(run: RunEditor) -> Place:
    """Two other severities with the same mean, explained and summed up as if they were right."""
    items = enumerate(run.documents(CLASSIFICATIONS), 1)
    places = [number for number, item in items if item["signal_type"] == "baseline"][:2]
    if len(places) < 2:
        raise NothingToCorrupt(CLASSIFICATIONS, "two baseline entities")
    for number, step in zip(places, (1, -1), strict=True):
        severity = run.documents(CLASSIFICATIONS)[number - 1]["severity"] + step

        def change(item: Json, severity: int = severity, step: int = step) -> None:
            item["severity"] = item["severity_calculation"]["final"] = severity
            item["severity_calculation"]["base"] += step

        run.edit_line(CLASSIFICATIONS, number, change)
        summarise(run, number, severity=severity)
    return Place(CLASSIFICATIONS, places[0], "/severity")


def _suspect_all(run: RunEditor) -> None:
    for number in range(1, len(run.documents(CLASSIFICATIONS)) + 1):
        edit_line(CLASSIFICATIONS, number, lambda item: item.update(signal_type="suspect_data"))(run)


def _swap_rows(run: RunEditor) -> None:
    run.edit_lines(SUMMARY, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])


CORRUPTIONS = (
    Corruption(
        "QC701",
        "A classification is of a facility that no node has",
        on_typical(lambda item: item["entity_key"].update(medicareId="000000"), "/entity_key"),
    ),
    Corruption("QC702", "The summary gives an entity another severity", _sum_up_other_severity),
    Corruption(
        "QC703",
        "The classification's index counts one entity too many",
        in_document(CLASSIFICATION_INDEX, _count, "/total_entities"),
    ),
    Corruption(
        "QC704",
        "The mean severity in the classification's index is 0.01 too high",
        in_document(CLASSIFICATION_INDEX, _mean, "/severity_stats/mean"),
    ),
    Corruption(
        "QC705",
        "Two rows of the summary changed places",
        at(_swap_rows, SUMMARY, 3, "/node_id"),
        also=("QC931",),
        because="rows are written one after the other",
    ),
    Corruption(
        "QC710",
        "An entity is classified by a z-score that is 0.01 too high",
        shifted("aggregate_zscore"),
    ),
    Corruption(
        "QC711",
        "An entity is classified by a slope percentile that is 0.01 too high",
        shifted("slope_percentile"),
    ),
    Corruption(
        "QC712",
        "An entity is classified by a deviation that is 0.01 too high",
        shifted("zscore_std"),
    ),
    Corruption(
        "QC713",
        "A classification counts one month fewer than the timeline has",
        on_typical(lambda item: item.update(period_count=item["period_count"] - 1), "/period_count"),
    ),
    Corruption(
        "QC714",
        "A classification is called suppressed though the node's z-score is not",
        on_typical(lambda item: item.update(suppressed=True), "/suppressed"),
    ),
    Corruption(
        "QC715",
        "The greatest z-score of an entity is below their mean, and the monthly node file is deleted",
        _without_timelines,
        also=("QC102",),
        because="with the monthly node, QC710 to QC712 say which number is wrong",
    ),
    Corruption("QC716", "An entity with fewer than 12 months has an acceleration", _accelerate_early),
    Corruption(
        "QC720",
        "A favorable z-score is called normal",
        member("derived_indicators", "position", "normal"),
    ),
    Corruption(
        "QC721", "A stable slope is called worsening", member("derived_indicators", "trend", "worsening")
    ),
    Corruption(
        "QC722",
        "An acceleration that is not small is called neutral",
        member("derived_indicators", "momentum", "neutral"),
    ),
    Corruption(
        "QC723",
        "Months that vary much are called consistent",
        member("derived_indicators", "consistency", "consistent"),
    ),
    Corruption("QC724", "An entity without any remarkable month is said to have a spike", _call_spike),
    Corruption(
        "QC730",
        "An entity with enough peers and months is called suspect data",
        on_typical(lambda item: item.update(signal_type="suspect_data"), "/signal_type"),
    ),
    Corruption(
        "QC731",
        "A favorable and stable entity is called an emerging risk",
        on_typical(lambda item: item.update(signal_type="emerging_risk"), "/signal_type"),
    ),
    Corruption(
        "QC732",
        "The severity of a baseline entity is 20, below its range",
        on_typical(lambda item: item.update(severity=20), "/severity"),
    ),
    Corruption(
        "QC733",
        "The severity range of an entity begins lower than that of others of its type",
        on_typical(lambda item: item.update(severity_range=[20, 59]), "/severity_range/0"),
    ),
    Corruption(
        "QC734",
        "The base severity of an entity is 50, which its refinements do not lead on from",
        on_typical(lambda item: item["severity_calculation"].update(base=50), "/severity_calculation"),
    ),
    Corruption("QC735", "One severity is one point too high and another one too low", _restate),
    Corruption(
        "QC740",
        "Every entity is called suspect data",
        at(_suspect_all, CLASSIFICATIONS),
        also=("QC730",),
        because="most entities have enough peers and months",
    ),
    Corruption(
        "QC741",
        "The magnitude tier of an entity is called heavenly",
        on_typical(lambda item: item.update(magnitude_tier="heavenly"), "/magnitude_tier"),
    ),
)
