"""Bytes that are not what they should be: one finding each, with its place, and the rest is read."""

from __future__ import annotations

import os
import re
import tracemalloc
from collections.abc import Callable

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts.findings import Severity
from tests.support.run_copies import (
    CLASSIFICATIONS,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    SUMMARY,
    Case,
    RunCopy,
)
from transforms.run import open_run
from transforms.stage.reader import Source

CONTRIBUTIONS = (
    "analysis/contribution/losIndex__medicareId_vizientServiceLine__aggregate_time_period.losIndex.jsonl"
)
NODE_YAML = "nodes/losIndex/base/facility_base/losIndex__medicareId__aggregate_time_period.yaml"
SHAP = "modeling/ridge_global_shap.csv"


def put(line: int, relative: str, change: Callable[[bytes], bytes]) -> Callable[[RunCopy], None]:
    """Change the raw bytes of one line."""

    def apply(run: RunCopy) -> None:
        def edit(lines: list[bytes]) -> list[bytes]:
            before = lines[line - 1]
            lines[line - 1] = change(before)
            assert lines[line - 1] != before, "the line did not change"
            return lines

        run.edit_lines(relative, edit)

    return apply


def swap(pattern: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace the first match of a regular expression."""
    return lambda line: re.sub(pattern, lambda match: match.expand(new), line, count=1)


def cut(line: bytes) -> bytes:
    """The first half of a line, without its end."""
    return line[: len(line) // 2]


def cut_line(line: bytes) -> bytes:
    """The first half of a line and its end."""
    return cut(line) + b"\n"


def whole(relative: str, content: bytes) -> Callable[[RunCopy], None]:
    """Put other bytes in the place of a file."""
    return lambda run: run.write(relative, content)


VALUE = rb'("values":)-?[\d.e-]+'
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
    Case("QC201", "cut line", put(3, CLASSIFICATIONS, cut_line), CLASSIFICATIONS, 3),
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
        "known value",
        put(2, FACILITY_AGGREGATE, swap(rb'"facility":"', b"\\g<0>\xff")),
        FACILITY_AGGREGATE,
        2,
        says="0xff",
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
    Case("QC203", "node file", whole(FACILITY_AGGREGATE, b""), FACILITY_AGGREGATE),
    Case("QC203", "blank document", whole("graph.json", b" \n\n"), "graph.json"),
    Case("QC203", "classifications", whole(CLASSIFICATIONS, b"\n"), CLASSIFICATIONS),
    Case(
        "QC204",
        "no header",
        lambda run: run.edit_lines(FACILITY_AGGREGATE, lambda lines: lines[1:]),
        FACILITY_AGGREGATE,
        1,
    ),
    Case(
        "QC205",
        "byte",
        put(2, FACILITY_AGGREGATE, swap(rb'"facility":"', b"\\g<0>\x00")),
        FACILITY_AGGREGATE,
        2,
    ),
    Case(
        "QC205",
        "escape",
        put(2, CLASSIFICATIONS, swap(rb'"classification_reasoning":"', rb"\g<0>\\u0000")),
        CLASSIFICATIONS,
        2,
    ),
    Case(
        "QC205",
        "escape in metadata",
        put(3, FACILITY_AGGREGATE, swap(rb'"systemName":"', rb"\g<0>\\u0000")),
        FACILITY_AGGREGATE,
        3,
    ),
    Case(
        "QC206",
        "column gone",
        lambda run: run.replace(SUMMARY, b"severity,", b"grade,"),
        SUMMARY,
        1,
        says="severity",
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
        "NaN",
        put(2, FACILITY_AGGREGATE, swap(VALUE, rb"\1NaN")),
        FACILITY_AGGREGATE,
        2,
        "/metric/0/values",
        says="NaN (not a number) is not JSON",
    ),
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
        "top level",
        put(2, CLASSIFICATIONS, swap(rb'"severity":', rb'"severity":1,\g<0>')),
        CLASSIFICATIONS,
        2,
        "/severity",
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
        "QC209",
        "nested",
        put(2, FACILITY_AGGREGATE, swap(rb"^\{", b'{"x":' + b"[" * 50000 + b"]" * 50000 + b",")),
        FACILITY_AGGREGATE,
        2,
    ),
    Case(
        "QC211",
        "folder",
        lambda run: (run.file("graph.json").unlink(), run.file("graph.json").mkdir())[0],
        "graph.json",
        says="folder",
    ),
    Case("QC212", "syntax", lambda run: run.replace(NODE_YAML, b"group_bys:", b"group_bys: ]"), NODE_YAML, 7),
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
        "text for a number",
        put(2, FACILITY_AGGREGATE, swap(VALUE, rb'\1"1.2"')),
        FACILITY_AGGREGATE,
        2,
        "/metric/0/values",
        says='"1.2"',
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
        "QC304",
        "severity",
        put(3, CLASSIFICATIONS, swap(rb'("severity":)\d+', rb"\g<1>101")),
        CLASSIFICATIONS,
        3,
        "/severity",
        says="101",
    ),
    Case(
        "QC305",
        "entity twice",
        lambda run: run.edit_lines(FACILITY_AGGREGATE, lambda lines: [*lines, lines[-1]]),
        FACILITY_AGGREGATE,
        LAST + 1,
        also=COUNT,
    ),
    Case(
        "QC305",
        "classification twice",
        lambda run: run.edit_lines(CLASSIFICATIONS, lambda lines: [*lines, lines[0]]),
        CLASSIFICATIONS,
        95,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    """Every defect has one finding that names file, line, member and value."""
    case.assert_found(run)


def test_valid_run_has_no_findings(run: RunCopy) -> None:
    assert run.findings() == []


def test_lines_after_a_broken_one_are_read(run: RunCopy) -> None:
    entities = run.stage().frames["raw_entity_results"].height
    put(3, FACILITY_AGGREGATE, cut_line)(run)
    put(5, FACILITY_AGGREGATE, lambda line: b"\xff" + line)(run)
    data = run.stage()
    assert data.frames["raw_entity_results"].height == entities - 2
    assert {finding.code for finding in data.findings} == {"QC201", "QC202"}


def test_entities_below_a_broken_header_are_read(run: RunCopy) -> None:
    entities = run.stage().frames["raw_entity_results"]
    put(1, FACILITY_AGGREGATE, cut_line)(run)
    data = run.stage()
    assert data.frames["raw_entity_results"]["entity_key"].to_list() == entities["entity_key"].to_list()
    assert [(finding.code, finding.line) for finding in data.findings] == [("QC201", 1)]


def test_a_line_with_a_bad_member_leaves_no_rows(run: RunCopy) -> None:
    """All tables of an entity are filled or none."""
    put(3, FACILITY_AGGREGATE, swap(rb'("peer_count":)\d+', rb'\1"all"'))(run)
    data = run.stage()
    assert data.findings[0].json_path == "/statistical_methods/0/runtime/anomaly_statistics/peer_count"
    for table in ("raw_entity_results", "raw_statistical_methods", "raw_anomalies"):
        lines = data.frames[table].filter(pl.col("source_file") == FACILITY_AGGREGATE)["line_number"]
        assert 3 not in lines.to_list()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content + b"\n\r\n  \n",
        lambda content: content.rstrip(b"\n"),
    ],
    ids=["CRLF", "byte order mark", "blank lines at the end", "no last line end"],
)
def test_harmless_bytes_change_nothing(change: Callable[[bytes], bytes], run: RunCopy) -> None:
    before = run.stage()
    for path in run.path.rglob("*.jsonl"):
        path.write_bytes(change(path.read_bytes()))
    run.write(SUMMARY, change(run.read(SUMMARY)))
    after = run.stage()
    assert after.findings == []
    for name, frame in (before.frames | before.auxiliary).items():
        assert_frame_equal(frame, (after.frames | after.auxiliary)[name])


def test_blank_line_in_the_middle_is_a_note(run: RunCopy) -> None:
    run.edit_lines(FACILITY_AGGREGATE, lambda lines: [*lines[:4], b"\n", b" \n", *lines[4:]])
    [finding] = run.stage().findings
    assert (finding.code, finding.severity, finding.line) == ("QC213", Severity.NOTE, 5)


def test_counts_may_be_integral_floats(run: RunCopy) -> None:
    before = run.stage()
    counts = (
        rb'("(?:peer_count|period_count|periods|observations|observed_count|entity_count|severity)":)(\d+)'
    )
    for path in run.path.rglob("*.jsonl"):
        path.write_bytes(re.sub(counts, rb"\1\2.0", path.read_bytes()))
    after = run.stage()
    assert run.findings() == []
    same = before.frames["raw_statistical_methods"].drop("runtime")
    assert_frame_equal(same, after.frames["raw_statistical_methods"].drop("runtime"))


def test_unknown_and_reordered_keys_are_fine(run: RunCopy) -> None:
    for line in (1, 2, 5):
        run.edit_line(
            FACILITY_MONTHLY, line, lambda item: dict(reversed({**item, "new": {"x": [1]}}.items()))
        )
    run.edit("graph.json", lambda graph: graph | {"layout": "LR"})
    assert run.findings() == []


def test_many_defects_of_a_kind_are_one_finding(run: RunCopy) -> None:
    run.edit_lines(FACILITY_AGGREGATE, lambda lines: [lines[0], *(cut_line(line) for line in lines[1:])])
    [finding] = run.stage().findings
    assert (finding.code, finding.line, finding.count) == ("QC201", 2, 16)
    assert "also line 3, 4, 5, 6, …" in finding.message


def test_a_line_beyond_the_limit_is_refused_without_reading_it(run: RunCopy) -> None:
    """A missing line end can make one line of a whole file."""
    lines = run.read(FACILITY_AGGREGATE).splitlines(keepends=True)
    size = 48 * 2**20
    with run.file(FACILITY_AGGREGATE).open("wb") as stream:
        stream.writelines(lines[:2])
        stream.write(b'{"entity":"' + b"x" * size + b'"}\n')
        stream.writelines(lines[2:])
    source = Source(open_run(run.path), max_line_bytes=2**20)
    tracemalloc.start()
    numbers = [number for number, _ in source.lines(FACILITY_AGGREGATE)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers == [1, 2, *range(4, len(lines) + 2)]
    [finding] = source.findings.all()
    assert (finding.code, finding.line) == ("QC210", 3)
    assert "48.0 MiB" in finding.message
    assert peak < 8 * 2**20


def test_a_document_beyond_the_limit_is_refused(run: RunCopy) -> None:
    source = Source(open_run(run.path), max_document_bytes=100)
    assert source.document("graph.json") is None
    [finding] = source.findings.all()
    assert (finding.code, finding.file) == ("QC210", "graph.json")


def test_a_file_that_cannot_be_read_is_a_finding(run: RunCopy) -> None:
    """A folder in a file's place fails for every user, root included."""
    for relative in (FACILITY_AGGREGATE, CLASSIFICATIONS, "modeling/experiments.json"):
        run.file(relative).unlink()
        run.file(relative).mkdir()
    codes = {(finding.code, finding.file) for finding in run.stage().findings}
    assert codes == {
        ("QC211", FACILITY_AGGREGATE),
        ("QC211", CLASSIFICATIONS),
        ("QC211", "modeling/experiments.json"),
    }


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_missing_permission_is_a_finding(run: RunCopy) -> None:
    run.file(CLASSIFICATIONS).chmod(0)
    [finding] = run.stage().findings
    assert (finding.code, finding.file) == ("QC211", CLASSIFICATIONS)


def test_an_escaped_backslash_before_u0000_is_no_nul(run: RunCopy) -> None:
    put(3, FACILITY_AGGREGATE, swap(rb'"systemName":"', rb"\g<0>\\\\u0000"))(run)
    assert [finding.code for finding in run.findings() if finding.code == "QC205"] == []


def test_yaml_aliases_do_not_explode(run: RunCopy) -> None:
    bomb = b"a0: &a0 [x, x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)
    )
    run.write(NODE_YAML, run.read(NODE_YAML).replace(b"tags:", bomb + b"tags: *a29\nold_tags:"))
    [finding] = run.stage().findings
    assert (finding.code, finding.file) == ("QC212", NODE_YAML)
