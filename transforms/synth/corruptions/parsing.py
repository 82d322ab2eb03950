"""One defect for each rule over bytes, lines and documents (QC2xx)."""

from __future__ import annotations

from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    FACILITY_AGGREGATE,
    FIRST,
    GRAPH,
    HEADER,
    NODE_YAML,
    SUMMARY,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import (
    Place,
    RunEditor,
    at,
    cut_line,
    in_bytes,
    put,
    remove,
    swap,
    whole,
)

VALUE = rb'("values":)-?[\d.e-]+'
"""The metric's value in a line of an aggregate node."""
DEPTH = 50_000
BYTES = 1024 * 1024
"""With its own text, more than a definition may have."""


def _drop_header(run: RunEditor) -> None:
    run.edit_lines(FACILITY_AGGREGATE, lambda lines: lines[1:])


def _rename_column(run: RunEditor) -> None:
    run.replace(SUMMARY, b"severity,", b"grade,")


def _folder_for_file(run: RunEditor) -> None:
    remove(GRAPH)(run)
    run.file(GRAPH).mkdir()


def _close_early(run: RunEditor) -> Place:
    run.replace(NODE_YAML, b"group_bys:", b"group_bys: ]")
    return Place(NODE_YAML, run.line_of(NODE_YAML, b"group_bys: ]"))


CORRUPTIONS = (
    Corruption("QC201", "A line of the classification is cut off", in_bytes(3, CLASSIFICATIONS, cut_line)),
    Corruption(
        "QC202",
        "The name of a facility holds the byte 0xff",
        in_bytes(FIRST, FACILITY_AGGREGATE, swap(rb'"facility":"', b"\\g<0>\xff")),
    ),
    Corruption("QC203", "graph.json is empty", at(whole(GRAPH, b""), GRAPH)),
    Corruption("QC204", "The header of a node file is missing", at(_drop_header, FACILITY_AGGREGATE, HEADER)),
    Corruption(
        "QC205",
        "The reasoning of a classification holds the NUL character",
        in_bytes(
            FIRST,
            CLASSIFICATIONS,
            swap(rb'"classification_reasoning":"', rb"\g<0>\\u0000"),
            "/classification_reasoning",
        ),
    ),
    Corruption(
        "QC206",
        "classification_summary.csv has no column severity",
        at(_rename_column, SUMMARY, 1),
    ),
    Corruption(
        "QC207",
        "The value of an entity is NaN",
        in_bytes(FIRST, FACILITY_AGGREGATE, swap(VALUE, rb"\1NaN"), "/metric/0/values"),
    ),
    Corruption(
        "QC208",
        "A classification gives its severity twice",
        in_bytes(FIRST, CLASSIFICATIONS, swap(rb'"severity":', rb'"severity":1,\g<0>'), "/severity"),
    ),
    Corruption(
        "QC209",
        f"An entity holds lists nested {DEPTH:,} deep",
        in_bytes(FIRST, FACILITY_AGGREGATE, swap(rb"^\{", b'{"x":' + b"[" * DEPTH + b"]" * DEPTH + b",")),
    ),
    Corruption(
        "QC210",
        "The definition of a node is longer than a mebibyte",
        at(lambda run: run.write(NODE_YAML, run.read(NODE_YAML) + b"#" * BYTES), NODE_YAML),
    ),
    Corruption("QC211", "A folder lies in the place of graph.json", at(_folder_for_file, GRAPH)),
    Corruption("QC212", "The definition of a node has a bracket too many", _close_early),
    Corruption(
        "QC213",
        "A blank line stands between two entities",
        at(put(4, FACILITY_AGGREGATE, lambda line: b"\n" + line), FACILITY_AGGREGATE, 4),
    ),
)
