"""Bytes that are not what they should be: one finding each, with its place, and the rest is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    CONTRIBUTIONS,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    NODE_YAML,
    SHAP,
    SUMMARY,
)
from transforms.synth.corruptions.edit import cut, edit_line, put, swap, whole
from transforms.synth.corruptions.parsing import VALUE

LAST = 17
COUNT = frozenset({"QC535"})
"""A line that cannot be read is still counted; a line that is gone is not."""

CASES = (
    Case(
        "QC201",
        "cut last line",
        put(LAST, FACILITY_AGGREGATE, cut),
        FACILITY_AGGREGATE,
        LAST,
        says="in the middle of a value",
    ),
    Case(
        "QC201",
        "cut document",
        lambda run: run.write("graph.json", run.read("graph.json")[:700]),
        "graph.json",
        26,
    ),
    Case("QC201", "no JSON", put(4, CONTRIBUTIONS, lambda line: b"rubbish\n"), CONTRIBUTIONS, 4),
    Case(
        "QC201",
        "half a surrogate pair",
        put(2, FACILITY_AGGREGATE, swap(rb'"facility":"', rb"\g<0>\\ud800")),
        FACILITY_AGGREGATE,
        2,
        says="surrogate",
    ),
    Case(
        "QC201",
        "report",
        lambda run: run.write("validation_report.json", b'{"layers":'),
        "validation_report.json",
        1,
    ),
    Case(
        "QC202",
        "unknown value",
        put(2, FACILITY_AGGREGATE, swap(rb"^\{", b'{"extra":"\xc3(",')),
        FACILITY_AGGREGATE,
        2,
        says="byte 10 of the line",
    ),
    Case(
        "QC202",
        "document",
        lambda run: run.replace("metadata_bundle.json", b"losIndex", b"los\xe9ndex"),
        "metadata_bundle.json",
        29,
    ),
    Case("QC202", "CSV", lambda run: run.edit_lines(SUMMARY, lambda lines: [*lines, b"\xff\n"]), SUMMARY, 96),
    Case(
        "QC301",
        "two metrics",
        edit_line(
            FACILITY_AGGREGATE,
            3,
            lambda item: item["metric"].append({"metadata": {"metric_id": "other"}, "values": 9.0}),
        ),
        FACILITY_AGGREGATE,
        3,
        "/metric",
        says="exactly one metric",
    ),
    Case("QC203", "node file", whole(FACILITY_AGGREGATE, b""), FACILITY_AGGREGATE),
    Case("QC203", "blank document", whole("graph.json", b" \n\n"), "graph.json"),
    Case("QC203", "classifications", whole(CLASSIFICATIONS, b"\n"), CLASSIFICATIONS),
    Case(
        "QC205",
        "byte",
        put(2, FACILITY_AGGREGATE, swap(rb'"facility":"', b"\\g<0>\x00")),
        FACILITY_AGGREGATE,
        2,
    ),
    Case(
        "QC205",
        "escape in metadata",
        put(3, FACILITY_AGGREGATE, swap(rb'"systemName":"', rb"\g<0>\\u0000")),
        FACILITY_AGGREGATE,
        3,
    ),
    Case("QC206", "cell too many", put(3, SUMMARY, lambda line: line.rstrip() + b",x\n"), SUMMARY, 3),
    Case(
        "QC206",
        "text for a number",
        put(3, SUMMARY, swap(rb",(baseline|suspect_data|[a-z]+_[a-z]+),\d+,", rb",\1,high,")),
        SUMMARY,
        3,
        "/severity",
        says="high",
    ),
    Case("QC206", "NaN", put(2, SHAP, swap(rb",[\d.e-]+,", rb",nan,")), SHAP, 2),
    Case(
        "QC207",
        "Infinity",
        put(3, FACILITY_MONTHLY, swap(rb'("mean_simple_zscore":)[^,]+', rb"\1-Infinity")),
        FACILITY_MONTHLY,
        3,
        "/statistical_methods/0/statistics/mean_simple_zscore",
        says="minus infinity",
    ),
    Case(
        "QC207",
        "in metadata",
        put(3, FACILITY_MONTHLY, swap(rb'("losOutliers":)[^,]+', rb"\1NaN")),
        FACILITY_MONTHLY,
        3,
        "/metadata/losOutliers",
    ),
    Case(
        "QC208",
        "key",
        put(2, FACILITY_AGGREGATE, swap(rb'"simple_zscore":', rb'"simple_zscore":9,\g<0>')),
        FACILITY_AGGREGATE,
        2,
        "/statistical_methods/0/statistics/simple_zscore",
    ),
    Case(
        "QC208",
        "metadata",
        put(2, FACILITY_AGGREGATE, swap(rb'"encounters":', rb'"encounters":1,\g<0>')),
        FACILITY_AGGREGATE,
        2,
        "/metadata/encounters",
    ),
    Case(
        "QC208",
        "document",
        lambda run: run.replace("run_manifest.json", b'"run_id"', b'"run_id": "1", "run_id"'),
        "run_manifest.json",
        None,
        "/run_id",
    ),
    Case(
        "QC212",
        "type",
        lambda run: run.replace(NODE_YAML, b"graph_entry_point: true", b"graph_entry_point: 3"),
        NODE_YAML,
        None,
        "/graph_entry_point",
    ),
    Case(
        "QC301",
        "number for a text",
        put(4, CLASSIFICATIONS, swap(rb'("signal_type":)"\w+"', rb"\g<1>7")),
        CLASSIFICATIONS,
        4,
        "/signal_type",
        says="7",
    ),
    Case(
        "QC301",
        "text in inputs",
        put(4, CLASSIFICATIONS, swap(rb'("zscore_std":)[^,}]+', rb'\1"low"')),
        CLASSIFICATIONS,
        4,
        "/inputs/zscore_std",
        says='"low"',
    ),
    Case(
        "QC301",
        "text in metadata",
        put(4, FACILITY_AGGREGATE, swap(rb'("encounters":)[^,}]+', rb'\1"many"')),
        FACILITY_AGGREGATE,
        4,
        "/metadata/encounters",
        says='"many"',
    ),
    Case(
        "QC301",
        "text in monthly metadata",
        put(
            4, FACILITY_MONTHLY, swap(rb'("losVarianceDays":\[\{"period":"[\d-]+","value":)[^}]+', rb'\1"x"')
        ),
        FACILITY_MONTHLY,
        4,
        "/metadata/per_period/losVarianceDays/0/value",
    ),
    Case(
        "QC301",
        "fraction for a count",
        put(3, FACILITY_MONTHLY, swap(rb'("period_count":)\d+', rb"\g<1>7.5")),
        FACILITY_MONTHLY,
        3,
        says="7.5",
    ),
    Case(
        "QC301",
        "member missing",
        put(3, CLASSIFICATIONS, swap(rb'"signal_type":"\w+",', b"")),
        CLASSIFICATIONS,
        3,
        says="signal_type",
    ),
    Case("QC301", "list for an object", put(3, CONTRIBUTIONS, lambda line: b"[1]\n"), CONTRIBUTIONS, 3),
    Case(
        "QC304",
        "beyond double",
        put(2, FACILITY_AGGREGATE, swap(VALUE, rb"\g<1>1e999")),
        FACILITY_AGGREGATE,
        2,
        "/metric/0/values",
        says="out of range",
    ),
    Case(
        "QC304",
        "beyond 64 bits",
        put(3, FACILITY_MONTHLY, swap(rb'("observations":)\d+', rb"\g<1>" + b"9" * 30)),
        FACILITY_MONTHLY,
        3,
        says="64 bits",
    ),
    Case(
        "QC305",
        "entity twice",
        lambda run: run.edit_lines(FACILITY_AGGREGATE, lambda lines: [*lines, lines[-1]]),
        FACILITY_AGGREGATE,
        LAST + 1,
        also=COUNT,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    """Every defect has one finding that names file, line, member and value."""
    case.assert_found(run)


def test_valid_run_has_no_findings(valid_run: Path) -> None:
    assert RunCopy(valid_run).findings() == []
