"""The checksum of a run's files: equal checksums mean nothing needs to be loaded again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from transforms.errors import RunNotReadable

_CHUNK = 1 << 20


def run_checksum(root: Path) -> str:
    """SHA-256 over name, size and content of every file below ``root``, in name order.

    Links are hashed by their target's name, not followed: they may lead out of the run. Files that
    may not be read are hashed as that: whoever stages the run says which they are. Raises
    RunNotReadable where files come and go meanwhile, or the disk fails.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            try:
                _add(digest, path, name)
            except PermissionError:
                digest.update(f"unreadable {name}\n".encode(errors="surrogateescape"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunNotReadable(root, reason, "try again when nobody changes its files") from error
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: Path, name: str) -> None:
    if path.is_symlink():
        digest.update(f"link {name} {path.readlink()}\n".encode(errors="surrogateescape"))
    elif path.is_file():
        with path.open("rb") as stream:
            digest.update(f"file {name} {path.stat().st_size}\n".encode(errors="surrogateescape"))
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
