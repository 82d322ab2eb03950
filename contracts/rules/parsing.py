"""QC2xx: bytes, encoding and syntax of JSON, CSV and YAML."""

from __future__ import annotations

from contracts.findings import Severity
from contracts.rules.rule import Rule

INVALID_JSON = Rule(
    "QC201",
    "invalid-json",
    Severity.ERROR,
    "The text is not valid JSON",
    "The value, or the whole line, cannot be loaded",
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
    "A file that was announced has no content to load",
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
NOT_JSON_NUMBER = Rule(
    "QC207",
    "not-a-json-number",
    Severity.ERROR,
    "A number is NaN or Infinity, which JSON does not have",
    "Readers refuse the whole line, or each reads something else",
    "Write null for a missing number",
)
DUPLICATE_JSON_KEY = Rule(
    "QC208",
    "duplicate-json-key",
    Severity.ERROR,
    "A JSON object has the same key twice",
    "Which of the two values counts is up to each reader",
    "Write each key once",
)
TOO_DEEP = Rule(
    "QC209",
    "nested-too-deep",
    Severity.ERROR,
    "JSON values are nested beyond any sense",
    "Readers run out of stack",
    "Write the documented structure",
)
TOO_LARGE = Rule(
    "QC210",
    "line-or-document-too-large",
    Severity.ERROR,
    "A line or a document is larger than can be sensible",
    "Reading it would need as much memory as it has bytes",
    "Write one entity a line; a missing line end joins lines",
)
UNREADABLE = Rule(
    "QC211",
    "unreadable-file",
    Severity.ERROR,
    "A file cannot be opened or read",
    "Its content would be missing",
    "Check permissions, and that a file and not a folder has this name",
)
INVALID_YAML = Rule(
    "QC212",
    "invalid-yaml",
    Severity.ERROR,
    "The text is not the YAML it should be",
    "Node and edge definitions cannot be compared with the graph",
    "Generate the file again",
)
BLANK_LINE = Rule(
    "QC213",
    "blank-line",
    Severity.NOTE,
    "A blank line stands between others",
    "It is skipped; a writer may have lost a row",
    "Write one row a line",
)

RULES = (
    INVALID_JSON,
    INVALID_UTF8,
    EMPTY_FILE,
    MISSING_HEADER,
    NUL_CHARACTER,
    INVALID_CSV,
    NOT_JSON_NUMBER,
    DUPLICATE_JSON_KEY,
    TOO_DEEP,
    TOO_LARGE,
    UNREADABLE,
    INVALID_YAML,
    BLANK_LINE,
)
