"""Every file of a run, and what a run may not hold: links out of it."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.rules.files import FILE_NAME, PATH_ESCAPES_RUN
from transforms.run import PathEscapesRun
from transforms.stage.reader import Source, is_text


def walk(source: Source) -> frozenset[str]:
    """Files of the run, relative to it; links that leave it are reported and not followed."""
    root = source.run.path
    files: set[str] = set()
    for folder, folders, names in os.walk(root):
        base = Path(folder).relative_to(root)
        for name in (*folders, *names):
            relative = (base / name).as_posix()
            if not is_text(relative):
                shown = os.fsencode(relative).decode(errors="backslashreplace")
                source.findings.append(FILE_NAME.finding("the file name is not UTF-8", file=shown))
            elif (root / relative).is_symlink():
                _check_link(source, relative)
        files.update(relative for name in names if is_text(relative := (base / name).as_posix()))
    return frozenset(files)


def _check_link(source: Source, relative: str) -> None:
    try:
        source.run.resolve(relative)
    except PathEscapesRun as error:
        source.refused.add(relative)
        source.findings.append(PATH_ESCAPES_RUN.finding(str(error), file=error.place))
