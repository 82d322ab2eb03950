"""Known vulnerabilities of locked packages: pip-audit, whose silence is not taken for a good answer.

``python -m transforms.reports.audit [SET...]`` asks about every package of the sets (default: dev, which
holds the others). Exit code 0 when each was looked up and nothing unexplained is known, 1 when something is,
2 when some could not be looked up: pip-audit itself ends well then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from transforms.reports.locked import REQUIREMENTS, SETS

EXPLAINED: Final[dict[str, str]] = {}
"""Advisories that do not concern the product, by id, each with the reason."""

FOUND: Final = 1
NOT_LOOKED_UP: Final = 2
_SHOWN = 5
_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability of a locked package."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    @property
    def explained(self) -> bool:
        """Whether a reason is on record why it does not concern the product."""
        return any(each in EXPLAINED for each in self.ids)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known: how many packages were looked up, which were not and why, and what was found."""

    looked_up: int
    skipped: tuple[str, ...]
    advisories: tuple[Advisory, ...]

    @property
    def exit_code(self) -> int:
        """0 only when every package was looked up and nothing unexplained is known."""
        if any(not advisory.explained for advisory in self.advisories):
            return FOUND
        return NOT_LOOKED_UP if self.skipped or not self.looked_up else 0


def judge(answer: Any) -> Verdict:
    """The verdict on what ``pip-audit --format json`` printed."""
    packages = answer["dependencies"]
    skipped = tuple(package["skip_reason"] for package in packages if "skip_reason" in package)
    advisories = tuple(
        Advisory(
            package["name"],
            package["version"],
            (vulnerability["id"], *vulnerability.get("aliases", ())),
            tuple(vulnerability.get("fix_versions", ())),
        )
        for package in packages
        for vulnerability in package.get("vulns", ())
    )
    return Verdict(len(packages) - len(skipped), skipped, advisories)


def describe(verdict: Verdict, name: str) -> list[str]:
    """``verdict`` on requirements/``name``.txt, line by line."""
    lines = []
    for advisory in verdict.advisories:
        fixed = f"; fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else ""
        reason = next((EXPLAINED[each] for each in advisory.ids if each in EXPLAINED), None)
        said = f" (explained: {reason})" if reason else ""
        lines.append(f"{advisory.package} {advisory.version}: {' '.join(advisory.ids)}{fixed}{said}")
    if verdict.skipped:
        total = verdict.looked_up + len(verdict.skipped)
        lines.append(f"error: {len(verdict.skipped)} of {total} packages could not be looked up:")
        lines += [f"  {reason}" for reason in verdict.skipped[:_SHOWN]]
        lines += ["  ..."] if len(verdict.skipped) > _SHOWN else []
    if verdict.skipped or not verdict.looked_up:
        lines.append(
            f"requirements/{name}.txt is NOT audited: the service that knows of vulnerabilities did not"
            " answer for it; run this where it can be reached"
        )
    elif verdict.exit_code == 0:
        lines.append(f"requirements/{name}.txt: {verdict.looked_up} packages, nothing unexplained is known")
    return lines


def _ask(name: str) -> Verdict:
    tool = Path(sys.executable).with_name("pip-audit")
    asked = subprocess.run(
        [
            *(tool, "--requirement", REQUIREMENTS / f"{name}.txt", "--require-hashes", "--disable-pip"),
            *("--format", "json", "--progress-spinner", "off", "--timeout", str(_SECONDS)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return judge(json.loads(asked.stdout))
    except (json.JSONDecodeError, KeyError):
        said = asked.stderr.strip().splitlines() or [f"pip-audit ended with {asked.returncode}"]
        return Verdict(0, (said[-1],), ())


def main(arguments: list[str]) -> int:
    """Audit the sets named; returns the worst exit code: 0, 1 or 2."""
    unknown = [name for name in arguments if name not in SETS]
    if unknown:
        sys.stderr.write(f"error: no set {', '.join(unknown)}; there are {', '.join(SETS)}\n")
        return NOT_LOOKED_UP
    codes = []
    for name in arguments or ["dev"]:
        verdict = _ask(name)
        sys.stderr.write("".join(f"{line}\n" for line in describe(verdict, name)))
        codes.append(verdict.exit_code)
    return FOUND if FOUND in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
