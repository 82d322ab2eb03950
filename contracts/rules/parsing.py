"""QC2xx: bytes, encoding and JSON syntax."""

from __future__ import annotations

from contracts.findings import Severity
from contracts.rules.rule import Rule

INVALID_JSON = Rule(
    "QC201",
    "invalid-json",
    Severity.ERROR,
    "The text is not valid JSON",
    "Nothing after the mistake can be read with certainty",
    "Write the file again; a cut-off last line means that the writer was interrupted",
)
INVALID_UTF8 = Rule(
    "QC202",
    "invalid-utf8",
    Severity.ERROR,
    "The bytes are not UTF-8",
    "Names would be stored garbled",
    "Write the file as UTF-8",
)
EMPTY_FILE = Rule(
    "QC203",
    "empty-file",
    Severity.ERROR,
    "The file holds nothing",
    "A file without a header line cannot be matched to its node",
    "Write the file again",
)
MISSING_HEADER = Rule(
    "QC204",
    "missing-node-header",
    Severity.ERROR,
    "The first line of a node file is not its header",
    "The header carries the peer statistics that benchmarks come from",
    "Write the node_metadata line first",
)
NUL_CHARACTER = Rule(
    "QC205",
    "nul-character",
    Severity.ERROR,
    "A text holds the NUL character",
    "PostgreSQL cannot store it",
    "Remove U+0000 from the value",
)
INVALID_CSV = Rule(
    "QC206",
    "invalid-csv",
    Severity.ERROR,
    "The CSV file lacks a column or holds a cell that cannot be read",
    "The rows cannot be loaded",
    "Write the file with the documented columns",
)

RULES = (
    INVALID_JSON,
    INVALID_UTF8,
    EMPTY_FILE,
    MISSING_HEADER,
    NUL_CHARACTER,
    INVALID_CSV,
)
