"""Every page that is made from code: ``python -m transforms.reports`` writes them, ``--check`` compares."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from transforms.reports import api_reference, catalogue, command_line, licences, models, settings

PAGES: Final[tuple[Callable[[list[str]], int], ...]] = (
    catalogue.main,
    api_reference.main,
    command_line.main,
    models.main,
    settings.main,
    licences.main,
)


def main(arguments: list[str]) -> int:
    """Write or check each page; exit code 1 when one is not current, after all were looked at."""
    return max(page(arguments) for page in PAGES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
