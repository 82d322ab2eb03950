"""Why a run cannot be generated."""

from __future__ import annotations

from pathlib import Path

from transforms.errors import UsageError


class InvalidSynthesis(UsageError):
    """An argument cannot describe a run; ``argument`` and ``value`` say which."""

    def __init__(self, argument: str, value: object, requirement: str) -> None:
        self.argument = argument
        self.value = value
        super().__init__(f"{argument} is {value!r}", f"{argument} must be {requirement}")


class RunAlreadyExists(UsageError):
    """The directory of the run holds something; it is left as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} already exists and is not empty",
            "choose another output folder or run id, or remove the directory",
        )
