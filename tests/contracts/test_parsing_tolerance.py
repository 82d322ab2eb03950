"""What reading survives and tolerates: the lines after a broken one, harmless bytes, huge lines."""

from __future__ import annotations

import os
import re
import tracemalloc
from collections.abc import Callable

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts.findings import Severity
from tests.support.run_copies import RunCopy
from transforms.run import open_run
from transforms.stage.reader import Source
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    NODE_YAML,
    SUMMARY,
)
from transforms.synth.corruptions.edit import cut_line, put, swap


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


def test_a_header_is_no_entity_wherever_it_stands(run: RunCopy) -> None:
    before = run.stage().frames["raw_entity_results"]
    run.edit_lines(FACILITY_AGGREGATE, lambda lines: [lines[0], *lines, lines[0]])
    data = run.stage()
    assert data.findings == []
    assert_frame_equal(data.frames["raw_entity_results"].drop("line_number"), before.drop("line_number"))
    [finding] = run.findings()
    assert (finding.code, finding.expected, finding.actual) == ("QC535", "18", "16")


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
