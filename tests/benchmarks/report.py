"""Write docs/benchmarks.md from what the benchmarks measured: `python -m tests.benchmarks.report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.records import RESULTS, Record, cells, restored

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

_INTRO = """# Benchmarks

`make bench` measures on the machine it runs on and writes this page. Every figure stands beside a floor or a
peer that was measured in the same run on the same data, in turns; both are medians. The ratio says how many
times better ours is, whatever the unit: 2x is twice as fast or half as large, 0.5x the reverse. Targets that
are missed are shown as missed. Seconds depend on the machine; ratios and growth are what to compare.

Variables that begin with COMPASS_BENCH_ change how much data is taken (tests/benchmarks/sizes.py). A part
alone is `python -m pytest tests/benchmarks/test_load.py -m benchmark --capture=no`, after which
`python -m tests.benchmarks.report` writes the page again.
Peers that nothing else here needs, pandas, dlt and PostGraphile (by npm), join where they can be had.
"""

_AREAS = {
    "Staging": (
        "Files of a run to typed frames, without the start of Python. Polars and DuckDB read the same "
        "lines with types they infer, and flatten nothing, but where UNNEST is named: there DuckDB makes "
        "the big tables with the same values in every column. On one core that is the fastest flattening "
        "here; wanted are 0.7 of that, or 120 MB/s."
    ),
    "Preflight": (
        "A process from start to end that checks every rule. DuckDB makes the big tables of the same run "
        "with the same values in every column, and checks nothing. The usual checks are jsonschema for "
        "every line and pandera on pandas: shapes, ranges, keys, and the arithmetic of contributions, a "
        "part of what the rules look at. Frames of the largest run lie on disk."
    ),
    "Load": (
        "All rows of a run from frames into the raw tables with their indexes, in one transaction. "
        "`\\copy` reads files that were prepared before; the other ways start from the same frames, dlt "
        "into tables of its own, which have no indexes."
    ),
    "Build": (
        "The same models and tests of the same loaded run, from starting the process to its end. dbt has "
        "parsed the project before and takes what it parsed from its cache."
    ),
    "Hydration": (
        "Marts to the table that the API serves, in one transaction. The usual ways fetch the rows and "
        "write them with their documents, a thousand with each INSERT ... ON CONFLICT, or one after the "
        "other without waiting, and do nothing else: no events, no relations between signals. Unchanged "
        "means that no mart and no signal was written since the last hydration; marts made anew have "
        "their values compared."
    ),
    "Ingest": (
        "From a directory to published signals, in a process of its own, into an empty database. The "
        "floor decodes each JSON line once with the standard library and keeps nothing. The usual way is "
        "that, SQLAlchemy's bulk insert of the same rows, `dbt build`, and upserts in batches; it checks "
        "nothing, and how it flattens lines is not counted."
    ),
    "Serve: lists, nothing cached": (
        "One worker that keeps no answer; totals of filters it counts once, as ever, where the peers count "
        "for each page; they have all of a signal in one row. PostgreSQL and the load generator share the "
        "machine. The first peer is the list as "
        "most would write it. The second hands through JSON that PostgreSQL makes, with nothing in between. "
        "The third makes a GraphQL API of the tables by itself."
    ),
    "Serve: cached": (
        "Answers that the worker keeps, and those that the client holds already (304), against an ASGI "
        "function whose answers of the same size lie ready."
    ),
    "Serve: latency, nothing cached": ("Every kind of question, to one worker without its cache."),
    "Start": ("A worker process, against a FastAPI service with one route and no database."),
}
"""What each area shows, in the order of the page."""


def page(document: Mapping[str, Any]) -> str:
    """The page that says what ``document`` holds."""
    stored: Sequence[Mapping[str, Any]] = document["records"]
    records = [restored(each) for each in stored]
    return "\n".join(
        [
            _INTRO,
            *_circumstances(document, stored),
            *_verdict(records),
            *(line for area in _AREAS for line in _section(area, [r for r in records if r.area == area])),
        ]
    )


def _circumstances(document: Mapping[str, Any], stored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    dates = sorted({each["measured"] for each in stored})
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    yield f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))}: {document['machine']}; {versions}."
    yield ""
    if not all(each["full"] for each in stored):
        yield "**Some figures are of less data than the full size: what is constant outweighs the rest.**"
        yield ""


def _verdict(records: Sequence[Record]) -> Iterator[str]:
    judged = [record for record in records if record.met is not None]
    missed = [record for record in judged if not record.met]
    yield f"{len(judged) - len(missed)} of {len(judged)} targets are met." + (" Missed:" if missed else "")
    yield ""
    for record in missed:
        name, ours, against, _, ratio, target, _ = cells(record)
        compared = f" ({ratio} {against})" if ratio else ""
        yield f"- {record.area}, {name}: {ours}{compared}, wanted {target}"
    if missed:
        yield ""


def _section(area: str, records: Sequence[Record]) -> Iterator[str]:
    if not records:
        return
    yield f"## {area}"
    yield ""
    yield _AREAS[area]
    yield ""
    yield "| | Ours | Against | Theirs | Ratio | Target | |"
    yield "| --- | ---: | --- | ---: | ---: | --- | --- |"
    for record in records:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells(record)) + " |"
    yield ""
    yield f"Sizes: {_sizes(records)}."
    yield ""


def _sizes(records: Sequence[Record]) -> str:
    """Parameters of an area's records; those that differ between records with every value."""
    values: dict[str, list[str]] = {}
    for record in records:
        for name, value in record.parameters.items():
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            if shown not in values.setdefault(name, []):
                values[name].append(shown)
    return "; ".join(f"{name} {' / '.join(each)}" for name, each in values.items()) or "as they come"


def main() -> int:
    """Write the page; 1 when nothing was measured."""
    if not RESULTS.exists():
        sys.stderr.write(f"error: there is no {RESULTS}\nhint: run make bench first\n")
        return 1
    PAGE.write_text(page(json.loads(RESULTS.read_bytes())).rstrip() + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
