"""What can be wrong with a compiled manifest or with running dbt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from transforms.errors import CompassError, UsageError

REBUILD_HINT = "run `compass manifest` (needs the dbt extra) and commit dbt/compiled"


class ManifestUnreadable(CompassError):
    """The compiled manifest is missing or is not one."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be read as a compiled manifest: {reason}", REBUILD_HINT)


class ManifestOutOfDate(CompassError):
    """The compiled manifest was made from other sources than those present."""

    exit_code: ClassVar[int] = 1

    def __init__(self, path: Path, differences: Sequence[str]) -> None:
        self.path = path
        self.differences = tuple(differences)
        shown = ", ".join(self.differences[:5])
        more = f" and {len(self.differences) - 5} more" if len(self.differences) > 5 else ""
        super().__init__(f"{path} does not match the dbt project: {shown}{more}", REBUILD_HINT)


class UnsupportedByEngines(CompassError):
    """The dbt project uses something only dbt itself can run."""

    exit_code: ClassVar[int] = 1

    def __init__(self, unique_id: str, file_path: str, construct: str, hint: str) -> None:
        self.unique_id = unique_id
        self.file_path = file_path
        self.construct = construct
        super().__init__(f"{unique_id} ({file_path}): {construct} cannot run outside dbt", hint)


class SelectionError(UsageError):
    """A selector names nothing, or is not written in the supported grammar."""

    def __init__(self, selector: str, reason: str) -> None:
        self.selector = selector
        super().__init__(
            f"--select {selector}: {reason}",
            "use NAME, tag:NAME, resource_type:TYPE, + before or after for ancestors or descendants, "
            "a comma for both of two",
        )


class DbtNotInstalled(UsageError):
    """dbt was asked for and is not there."""

    def __init__(self) -> None:
        super().__init__(
            "dbt is not installed in this environment",
            "install the dbt extra (pip install 'quality-compass[dbt]', or make setup), "
            "or use the native engine",
        )


class DbtFailed(CompassError):
    """A dbt command ended with an error of its own, not with a failed node."""

    exit_code: ClassVar[int] = 1

    def __init__(self, command: Sequence[str], returncode: int, messages: Sequence[str]) -> None:
        self.command = tuple(command)
        self.returncode = returncode
        self.messages = tuple(messages)
        said = "\n".join(self.messages) or "it printed nothing"
        super().__init__(f"dbt {' '.join(self.command)} ended with code {returncode}: {said}")
