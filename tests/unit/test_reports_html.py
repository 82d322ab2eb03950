"""The HTML page: self-contained, escaped, and drawn from whatever a run holds."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import polars as pl
import pytest

from contracts.findings import Finding, Report, Severity
from contracts.run_data import RunData
from contracts.schemas import polars_schema
from contracts.tables import RAW_TABLES
from transforms.reports.html import as_html
from transforms.reports.html.drawing import shorten
from transforms.reports.html.layout import components, layers
from transforms.reports.html.markup import element, escaped, join, trusted
from transforms.reports.html.scale import Scale, number
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.stage import stage_run

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x00\x1b[2J\udce9"
VOID = {"br", "hr", "input", "meta"}


class _Page(HTMLParser):
    """Checks that elements are closed in order, and collects what a page says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.tags if name == tag)


@pytest.fixture(scope="module")
def sample() -> RunData:
    return stage_run(open_run(sample_run()))


def _report(data: RunData, *findings: Finding) -> Report:
    return Report(data.run_key, data.path, list(findings), data.row_counts, 27, 0.5)


def _without_rows(**frames: pl.DataFrame) -> RunData:
    empty = {table.name: pl.DataFrame(schema=polars_schema(table)) for table in RAW_TABLES}
    return RunData("g/1", "g", "1", empty | frames)


def _frame(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    table = next(table for table in RAW_TABLES if table.name == name)
    schema = polars_schema(table)
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def test_the_sample_run_is_drawn(sample: RunData) -> None:
    page = _Page(as_html(_report(sample), None, sample))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {"findings", "contents", "distributions", "timelines", "lineage"} <= ids
    nodes = sample.frames["raw_node_results"]
    trends = sample.frames["raw_percentile_trends"]
    aggregates = nodes.filter(pl.col("time_grain") == "aggregate_time_period").height
    temporal = trends["canonical_node_id"].n_unique()
    assert page.count("figure") == aggregates + temporal + 1
    drawn = [attributes for tag, attributes in page.tags if "node " in (attributes.get("class") or "")]
    assert len(drawn) == nodes.height + 2, "each node once, and two in the legend"
    words = "\n".join(page.words)
    assert f"{sum(sample.row_counts.values()):,}" in words
    assert "Passed" in words


def test_the_page_fetches_nothing(sample: RunData) -> None:
    text = as_html(_report(sample), None, sample)
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"@import|url\(|<link|<iframe|\bsrc=", text)
    policy = next(
        attributes["content"] or ""
        for tag, attributes in _Page(text).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    script = re.search(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_nothing_from_a_run_becomes_markup(sample: RunData) -> None:
    finding = Finding(EVIL, Severity.ERROR, EVIL, EVIL, 1, EVIL, EVIL, EVIL, EVIL, EVIL, 3)
    frames = {
        name: frame.with_columns(
            pl.lit(EVIL.replace("\udce9", "")).alias(column)
            for column, kind in frame.schema.items()
            if kind == pl.String and column not in ("period",)
        )
        for name, frame in sample.frames.items()
    }
    data = RunData(EVIL, EVIL, EVIL, frames)
    report = Report(EVIL, EVIL, [finding], data.row_counts)
    text = as_html(report, None, data)
    page = _Page(text)
    assert page.count("script") == 1
    assert page.count("img") == 0
    assert "\x1b" not in text
    assert "\x00" not in text
    text.encode("utf-8")


def test_findings_carry_what_the_filters_look_at() -> None:
    findings = [
        Finding("QC103", Severity.WARNING, "unlisted", file="b.jsonl"),
        Finding("QC301", Severity.ERROR, "wrong", file="a.jsonl", line=2, actual="5", count=7),
    ]
    page = _Page(as_html(Report("g/1", "g/1", findings)))
    rows = [attributes for tag, attributes in page.tags if tag == "details"]
    assert [(row["data-severity"], row["data-code"]) for row in rows] == [
        ("error", "QC301"),
        ("warning", "QC103"),
    ]
    assert [attributes["value"] for tag, attributes in page.tags if tag == "option"] == ["", "QC103", "QC301"]
    assert "a.jsonl:2" in page.words
    assert "\N{MULTIPLICATION SIGN}7" in page.words


def test_a_run_that_cannot_be_read_still_has_a_page() -> None:
    page = _Page(as_html(Report("", "/nowhere", [Finding("QC101", Severity.ERROR, "no run")])))
    assert "Not loadable" in page.words
    assert page.count("svg") == 0


def test_a_run_without_rows_has_a_page() -> None:
    data = _without_rows()
    page = _Page(as_html(_report(data), None, data))
    assert page.count("figure") == 0


@pytest.mark.parametrize(
    "values",
    [
        [1.0] * 10,
        [0.0] * 10,
        [None, math.nan, math.inf, *[2.0] * 9],
        [1e308, -1e308, *[0.0] * 8],
        [5e-324, 0.0, *[5e-324] * 8],
        [1e18 + 2.0**7, *[1e18] * 9],
        [3.0],
        [None],
    ],
    ids=str,
)
@pytest.mark.parametrize("facets", [1, 3])
def test_odd_values_do_not_break_pictures(values: list[float | None], facets: int) -> None:
    rows = [
        {
            "canonical_node_id": "n",
            "metric_id": "m",
            "facility_id": f"F{index}",
            "group_value": None if facets == 1 else f"g{index % facets}",
            "entity_dimensions_hash": str(index % facets),
            "metric_value": value,
        }
        for index, value in enumerate(values)
    ]
    data = _without_rows(raw_entity_results=_frame("raw_entity_results", list(rows)))
    text = as_html(_report(data), None, data)
    _Page(text)
    assert not re.search(r'="(-?inf|nan)"', text)


def test_bands_break_where_percentiles_are_suppressed() -> None:
    def point(index: int, value: float | None) -> dict[str, object]:
        percentiles = dict.fromkeys(("p10", "p25", "p50", "p75", "p90"), value)
        return {
            "canonical_node_id": "n",
            "statistical_method": "s",
            "period": f"2025{index + 1:02}" if index else "long ago",
            "period_index": index,
            **percentiles,
        }

    rows = [point(index, value) for index, value in enumerate([1.0, 2.0, None, 2.5, 3.0])]
    data = _without_rows(raw_percentile_trends=_frame("raw_percentile_trends", rows))
    page = _Page(as_html(_report(data), None, data))
    assert (page.count("polygon"), page.count("polyline")) == (4, 2)
    assert any("suppressed" in words for words in page.words)
    assert "long ago" in page.words


def test_lineage_shows_nodes_that_only_edges_know() -> None:
    edge = {"source_node_id": "a", "target_node_id": "b", "edge_type": "trends_to", "edge_id": "e"}
    data = _without_rows(raw_node_edges=_frame("raw_node_edges", [edge]))
    page = _Page(as_html(_report(data), None, data))
    assert page.words.count("not among the results") == 2


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], [["a", "b", "c"]]),
        ([("a", "b"), ("b", "c")], [["a"], ["b"], ["c"]]),
        ([("a", "b"), ("a", "c"), ("b", "c")], [["a"], ["b"], ["c"]]),
        ([("a", "a"), ("a", "b"), ("a", "c")], [["a"], ["b", "c"]]),
        ([("a", "b"), ("b", "a"), ("b", "c")], [["a"], ["b"], ["c"]]),
        ([("c", "b"), ("b", "a"), ("a", "c")], [["a"], ["c"], ["b"]]),
        ([("a", "b"), ("a", "b")], [["a", "c"], ["b"]]),
    ],
    ids=str,
)
def test_layers_lead_to_the_right(edges: list[tuple[str, str]], expected: list[list[str]]) -> None:
    assert layers(["c", "b", "a"], edges) == expected


def test_components_come_largest_first() -> None:
    assert components("abcdef", [("e", "f"), ("f", "d"), ("a", "c")]) == [["d", "e", "f"], ["a", "c"], ["b"]]


def test_long_chains_are_laid_out() -> None:
    names = [f"{index:05}" for index in range(3000)]
    edges = list(pairwise(names))
    assert len(layers(names, edges)) == 3000
    assert components(names, edges) == [names]


@pytest.mark.parametrize(
    ("values", "most"), [([0.0, 1.0], 8), ([0.999, 1.001], 8), ([1e6, 3e6], 8), ([1e18, 1e18 + 256], 20)]
)
def test_ticks_lie_within_the_scale(values: list[float], most: int) -> None:
    scale = Scale.around(values, 0, 100)
    assert scale is not None
    assert 1 <= len(scale.ticks()) <= most
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.0, "1"),
        (1234.0, "1,234"),
        (0.123456, "0.1235"),
        (12345.6, "12,346"),
        (1e12, "1e+12"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_read_well(value: float, shown: str) -> None:
    assert number(value) == shown


def test_plain_text_is_always_escaped() -> None:
    assert element("a", "<b>", trusted("<i>"), title='"<') == '<a title="&quot;&lt;">&lt;b&gt;<i></a>'
    assert join("<", escaped("<"), trusted("<")) == "&lt;&lt;<"
    assert element("input", checked=True, hidden=False, value=None) == "<input checked>"
    assert element("label", for_="x", aria_label="y") == '<label for="x" aria-label="y"></label>'


def test_labels_keep_their_ends() -> None:
    assert shorten("short", 10) == "short"
    shortened = shorten("Discharged to home under care of a home health service", 20)
    assert len(shortened) <= 20
    assert shortened.startswith("Discharged")
    assert shortened.endswith("service")
