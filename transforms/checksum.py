"""The checksum of a run's files: equal checksums mean nothing needs to be loaded again."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CHUNK = 1 << 20


def run_checksum(root: Path) -> str:
    """SHA-256 over name, size and content of every file below ``root``, in name order.

    Links are hashed by their target's name, not followed: they may lead out of the run.
    """
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            digest.update(f"link {name} {path.readlink()}\n".encode(errors="surrogateescape"))
        elif path.is_file():
            digest.update(f"file {name} {path.stat().st_size}\n".encode(errors="surrogateescape"))
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()
