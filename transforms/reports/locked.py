"""The locked requirements, as requirements/*.txt name them, and what their packages say of their licences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = Path(__file__).resolve().parents[2] / "requirements"
SETS: Final = ("serve", "demo", "dev")
"""Names of the sets, the smallest first."""

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?P<rest>.*)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

# What the fields of older packages say, under the names that SPDX has for it.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Artistic License": "Artistic-1.0-Perl",
    "BSD": "BSD",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "GNU General Public License (GPL)": "GPL",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
}
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Requirement:
    """A pinned package. ``hashes`` are the sha256 of its files, for every platform."""

    name: str
    version: str
    hashes: tuple[str, ...]


def requirements(name: str) -> Iterator[Requirement]:
    """The packages of the set ``name``, in the order of the file."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\S)", text):
        match = _PIN.match(block)
        if match:
            yield Requirement(match["name"].lower(), match["version"], tuple(_HASH.findall(block)))


def licence(name: str) -> str | None:
    """Licence of an installed package as SPDX writes it; None when it is not installed or says nothing."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return None
    expression = _field(metadata, "License-Expression")
    if expression:
        return expression
    stated = _field(metadata, "License")
    # A field with the whole text of a licence says less than the classifiers do.
    if stated and len(stated) <= _LONGEST_NAME and stated in {*_SPDX.values(), "BSD-2-Clause", "0BSD"}:
        return _SPDX.get(stated, stated)
    classified = [
        _SPDX.get(each.rsplit(" :: ", 1)[1], each.rsplit(" :: ", 1)[1])
        for each in metadata.get_all("Classifier") or ()
        if each.startswith("License :: OSI Approved :: ")
    ]
    if classified:
        return " OR ".join(sorted(set(classified)))
    return _SPDX.get(stated, stated) or None


def _field(metadata: PackageMetadata, name: str) -> str:
    # What is not there is None or an error, as the finder of packages that is in use has it.
    return next(iter(metadata.get_all(name) or ()), "").strip()
