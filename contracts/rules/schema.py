"""QC3xx: schemas and types of artifacts and of the raw tables made from them."""

from __future__ import annotations

from contracts.findings import Severity
from contracts.rules.rule import Rule

WRONG_TYPE = Rule(
    "QC301",
    "wrong-type",
    Severity.ERROR,
    "A field is missing or has the wrong type",
    "The row cannot be stored as declared",
    "Write the field with the documented type",
)
UNEXPECTED_NULL = Rule(
    "QC302",
    "unexpected-null",
    Severity.ERROR,
    "A required value is missing",
    "The row could not be joined or served",
    "Write the value",
)
VALUE_NOT_ALLOWED = Rule(
    "QC303",
    "value-not-allowed",
    Severity.ERROR,
    "A value is not one of the documented ones",
    "Dashboard filters and colours depend on the vocabulary",
    "Use a documented value",
)
OUT_OF_RANGE = Rule(
    "QC304",
    "out-of-range",
    Severity.ERROR,
    "A number lies outside its documented range",
    "The number cannot be what its name says",
    "Compute the value again",
)
DUPLICATE_KEY = Rule(
    "QC305",
    "duplicate-key",
    Severity.ERROR,
    "Two rows have the same key",
    "One of them would be lost, or count twice",
    "Remove the duplicate",
)
NOT_FINITE = Rule(
    "QC306",
    "not-finite",
    Severity.ERROR,
    "A number is NaN or infinite",
    "Such a number can be neither compared nor served as JSON",
    "Write null for a missing value",
)

RULES = (
    WRONG_TYPE,
    UNEXPECTED_NULL,
    VALUE_NOT_ALLOWED,
    OUT_OF_RANGE,
    DUPLICATE_KEY,
    NOT_FINITE,
)
