"""Node documents of older engines: what they left out, shortened or wrote elsewhere is not missed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.run_copies import RunCopy
from transforms.synth.corruptions.artifacts import AGGREGATE_NODE, FACILITY_MONTHLY, RESULTS_INDEX
from transforms.synth.corruptions.edit import Json, edit_document, edit_line

Change = Callable[[Json, list[Json]], object]
"""Changes a header and its entities."""


def rewrite(run: RunCopy, change: Change, *, apart: bool = False) -> None:
    """Make each node file a legacy document; with its entities ``apart``, in the transitional form."""
    for path in sorted(run.file("results/nodes").glob("*.jsonl")):
        header, *entities = (json.loads(text) for text in path.read_text().splitlines())
        del header["type"]
        change(header, entities)
        document = header | {"entity_results": [] if apart else entities}
        if apart:
            document["entity_results_path"] = f"results/entities/{path.name}"
            lines = "".join(json.dumps(entity) + "\n" for entity in entities)
            run.write(document["entity_results_path"], lines.encode())
        path.with_suffix(".json").write_text(json.dumps(document))
        path.unlink()


def leave_out(header: Json, entities: list[Json]) -> None:
    """What the headers of older engines may lack."""
    for name in ("dataset_path", "canonical_parent_node_ids", "canonical_child_node_ids", "summary"):
        del header[name]


def without_metadata(header: Json, entities: list[Json]) -> None:
    """Encounters stand on the entity itself, the system among its items, and labels say less."""
    for entity in entities:
        metadata = entity.pop("metadata")
        entity["encounters"] = int(metadata["encounters"])
        entity["entity"].append({"id": "systemName", "value": metadata["systemName"]})
        entity["metric"][0].pop("temporal_runtime", None)
        for method in entity["statistical_methods"]:
            for rule in method["anomalies"][0]["methods"]:
                del rule["applies_to"]


def without_rule_ids(header: Json, entities: list[Json]) -> None:
    """Anomaly rules say what they found, and not which rule they are."""
    for entity in entities:
        for method in entity["statistical_methods"]:
            for rule in method["anomalies"][0]["methods"]:
                del rule["anomaly_method"]
                del rule["interpretation"]["template_id"]


def without_rule_ids_or_statistics(header: Json, entities: list[Json]) -> None:
    """Nor which statistic they look at: only its value tells."""
    without_rule_ids(header, entities)
    for entity in entities:
        for method in entity["statistical_methods"]:
            for rule in method["anomalies"][0]["methods"]:
                del rule["applies_to"]


def without_summaries(header: Json, entities: list[Json]) -> None:
    """Methods of a header say no more than their names."""
    for method in header["statistical_methods"]:
        method.pop("summary", None)


def without_counts(header: Json, entities: list[Json]) -> None:
    """Facets and methods of a header count nothing."""
    for method in header["statistical_methods"]:
        statistics = method.get("summary", {}).get("global_statistics", {"facets": []})
        statistics.pop("aggregate_statistics", None)
        for facet in statistics["facets"]:
            del facet["facet_counts"]


def shorten(items: list[Json]) -> None:
    """Ids of methods are their names."""
    for item in items:
        for method in item["statistical_methods"]:
            method["statistical_method"] = method["statistical_method"].split("__")[1]


def unchanged(header: Json, entities: list[Json]) -> None:
    """Only the form is another."""


CHANGES: tuple[Change, ...] = (
    unchanged,
    leave_out,
    without_metadata,
    without_rule_ids,
    without_rule_ids_or_statistics,
    without_summaries,
    without_counts,
)


@pytest.mark.parametrize("apart", [False, True], ids=["embedded", "transitional"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_legacy_documents_are_read_alike(change: Change, apart: bool, run: RunCopy) -> None:
    expected = run.stage().frames["raw_entity_results"]["entity_key"].sort()
    rewrite(run, change, apart=apart)
    assert run.findings() == []
    assert run.stage().frames["raw_entity_results"]["entity_key"].sort().equals(expected)


@pytest.mark.parametrize("change", [without_rule_ids, without_rule_ids_or_statistics])
def test_rules_without_ids_get_those_that_they_have_today(change: Change, run: RunCopy) -> None:
    """In whatever order they stand, as long as their statistics or values tell them apart."""
    rule = ["entity_key", "statistical_method", "anomaly_method", "anomaly", "statistic_value"]
    before = run.stage().frames["raw_anomalies"].select(rule).sort(rule)

    def turn_round(header: Json, entities: list[Json]) -> None:
        change(header, entities)
        for entity in entities:
            for method in entity["statistical_methods"]:
                method["anomalies"][0]["methods"].reverse()

    rewrite(run, turn_round)
    assert run.stage().frames["raw_anomalies"].select(rule).sort(rule).equals(before)


def test_rules_nobody_knows_are_numbered(run: RunCopy) -> None:
    def rename(header: Json, entities: list[Json]) -> None:
        without_rule_ids(header, entities)
        for entity in entities:
            entity["statistical_methods"][0]["statistical_method"] = "house_rule"
            rules = entity["statistical_methods"][0]["anomalies"][0]["methods"]
            rules.append(dict(rules[0]))

    rewrite(run, rename)
    anomalies = run.stage().frames["raw_anomalies"].filter(statistical_method="house_rule")
    assert anomalies["anomaly_method"].unique().sort().to_list() == [
        f"anomaly_method__house_rule__rule_{number}" for number in (1, 2, 3)
    ]
    assert not anomalies.select("entity_key", "anomaly_method").is_duplicated().any()


def test_only_older_engines_may_leave_out_ids_of_rules(run: RunCopy) -> None:
    def leave_out_one(item: Json) -> None:
        del item["statistical_methods"][0]["anomalies"][0]["methods"][0]["anomaly_method"]

    run.edit_line(FACILITY_MONTHLY, 3, leave_out_one)
    (finding,) = run.findings()
    assert (finding.line, finding.json_path) == (3, "/statistical_methods/0/anomalies/0/methods/0")
    assert "anomaly_method" in finding.message


def test_what_else_a_legacy_entity_lacks_is_still_said(run: RunCopy) -> None:
    def leave_out_the_label(header: Json, entities: list[Json]) -> None:
        without_rule_ids(header, entities)
        del entities[0]["statistical_methods"][0]["anomalies"][0]["methods"][0]["anomaly"]

    rewrite(run, leave_out_the_label)
    findings = run.findings()
    assert findings
    assert all("missing" in finding.message for finding in findings)


def test_legacy_entries_of_the_index_may_name_the_document(run: RunCopy) -> None:
    rewrite(run, unchanged)
    edit_document(
        RESULTS_INDEX,
        lambda index: [
            node.update(result_path=node["result_path"].removesuffix("l")) for node in index["nodes"]
        ],
    )(run)
    assert run.findings() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda header, entities: shorten([header, *entities]),
        lambda header, entities: shorten(entities),
        lambda header, entities: shorten([header]),
    ],
    ids=["everywhere", "entities", "header"],
)
def test_ids_of_methods_may_be_shortened(change: Change, run: RunCopy) -> None:
    rewrite(run, change)
    assert run.findings() == []


def test_other_methods_are_found_however_they_are_spelled(run: RunCopy) -> None:
    def change(header: Json, entities: list[Json]) -> None:
        shorten([header, *entities])
        header["statistical_methods"].reverse()

    rewrite(run, change)
    found = [finding for finding in run.findings() if finding.code == "QC533"]
    assert "simple_zscore, robust_zscore" in {finding.expected for finding in found}


@pytest.mark.parametrize("apart", [False, True], ids=["embedded", "transitional"])
def test_entities_are_judged_by_the_header_they_belong_to(apart: bool, run: RunCopy) -> None:
    def rename(header: Json, entities: list[Json]) -> None:
        if header["canonical_node_id"] == AGGREGATE_NODE:
            entities[3]["metric"][0]["metadata"]["metric_id"] = "encounters"

    rewrite(run, rename, apart=apart)
    [finding] = run.findings()
    assert (finding.code, finding.expected, finding.actual) == ("QC539", "losIndex", "encounters")


def test_a_missing_entity_does_not_disturb_the_others(run: RunCopy) -> None:
    rewrite(run, unchanged, apart=True)
    run.edit_lines(f"results/entities/{AGGREGATE_NODE}.jsonl", lambda lines: lines[:-1])
    edit_document(
        f"results/nodes/{AGGREGATE_NODE}.json", lambda header: header.update(entity_results_count=16)
    )(run)
    codes = {finding.code for finding in run.findings()}
    assert codes == {"QC535", "QC542"}


def test_legacy_documents_may_stand_without_definitions(run: RunCopy) -> None:
    rewrite(run, unchanged)
    for folder in ("nodes", "edges"):
        shutil.rmtree(run.file(folder))
    assert run.findings() == []


def test_current_files_beside_legacy_ones_are_judged_as_such(run: RunCopy, valid_run: Path) -> None:
    rewrite(run, unchanged)
    for path in (valid_run / "results/nodes").glob("*.jsonl"):
        shutil.copy(path, run.file("results/nodes"))
    edit_line(FACILITY_MONTHLY, 3, lambda item: item.pop("metadata"))(run)
    assert {finding.code for finding in run.findings()} >= {"QC404"}
