"""Reports of a check in the formats people and programs read."""

from transforms.reports.document import as_json
from transforms.reports.text import as_text

__all__ = ["as_json", "as_text"]
