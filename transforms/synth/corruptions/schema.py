"""One defect for each rule over types, nulls, vocabularies, ranges and keys (QC3xx)."""

from __future__ import annotations

from transforms.synth.corruptions.artifacts import CLASSIFICATIONS, FACILITY_AGGREGATE, FIRST
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Place, RunEditor, in_bytes, in_line, swap
from transforms.synth.corruptions.parsing import VALUE


def _repeat_classification(run: RunEditor) -> Place:
    run.edit_lines(CLASSIFICATIONS, lambda lines: [*lines, lines[0]])
    return Place(CLASSIFICATIONS, len(run.documents(CLASSIFICATIONS)))


CORRUPTIONS = (
    Corruption(
        "QC301",
        "The value of an entity is a text",
        in_bytes(FIRST, FACILITY_AGGREGATE, swap(VALUE, rb'\1"1.2"'), "/metric/0/values"),
    ),
    Corruption(
        "QC303",
        "A classification has a signal type that is none",
        in_line(CLASSIFICATIONS, FIRST, lambda item: item.update(signal_type="miracle"), "/signal_type"),
    ),
    Corruption(
        "QC304",
        "The severity of a classification is 101",
        in_line(CLASSIFICATIONS, FIRST, lambda item: item.update(severity=101), "/severity"),
    ),
    Corruption("QC305", "An entity is classified twice", _repeat_classification),
)
