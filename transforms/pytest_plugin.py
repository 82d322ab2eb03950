"""pytest plugin: `pytest --compass-run DIR` holds a run to the contracts, one test a rule."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contracts.findings import Finding, Report
    from contracts.rules.rule import Rule
    from transforms.run import Run

# Every session of pytest loads this module, so what reads runs is imported only when asked for.

MARKER = "compass"


class RuleBroken(Exception):
    """A run breaks a rule."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(f"{findings[0].code}: {len(findings)} findings")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("compass", "contracts of analytics runs")
    group.addoption(
        "--compass-run",
        action="append",
        default=[],
        metavar="DIR",
        help="check the run in DIR: each rule of the contracts is a test (repeatable)",
    )
    group.addoption(
        "--compass-fail-on",
        choices=("error", "warning"),
        default="error",
        help="least severity of findings that fails a test (default: error)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that selects the tests of runs."""
    config.addinivalue_line("markers", f"{MARKER}: a rule that a run given by --compass-run must keep")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests of each run; ``-k``, ``-m`` and ``--deselect`` then see them like any other."""
    for directory in config.getoption("compass_run"):
        items.extend(RunCollector.of(session, Path(directory)).collect())


class RunCollector(pytest.Collector):
    """A run, whose tests are the rules. It is staged and checked once, when the first test runs."""

    run_directory: Run

    @classmethod
    def of(cls, session: pytest.Session, path: Path) -> RunCollector:
        """The collector of the run at ``path``; a directory that is no run ends the session."""
        from transforms.errors import RunNotReadable
        from transforms.run import open_run

        try:
            run = open_run(path)
        except RunNotReadable as error:
            raise pytest.UsageError(f"--compass-run: {error.message} ({error.hint})") from error
        collector: RunCollector = cls.from_parent(
            session, name=f"compass[{run.run_key}]", path=run.path, nodeid=f"compass[{run.run_key}]"
        )
        collector.run_directory = run
        return collector

    def collect(self) -> Iterator[pytest.Item]:
        """One test a rule, in order of codes."""
        from contracts.rules.registry import RULES

        for _, rule in sorted(RULES.items()):
            yield RuleItem.from_parent(self, name=f"{rule.code}-{rule.name}", rule=rule)

    @cached_property
    def report(self) -> Report:
        """The report of the run."""
        from transforms.preflight import preflight
        from transforms.progress import NoProgress

        return preflight(self.run_directory, NoProgress())[1]


class RuleItem(pytest.Item):
    """The test that a run keeps one rule."""

    def __init__(self, *, rule: Rule, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.rule = rule
        self.add_marker(MARKER)

    def runtest(self) -> None:
        """Fail with the rule's findings; those too mild to fail become a section of the output."""
        from transforms.reports.text import describe

        assert isinstance(self.parent, RunCollector)
        findings = [finding for finding in self.parent.report.findings if finding.code == self.rule.code]
        failing = {"error"} | {self.config.getoption("compass_fail_on")}
        broken = [finding for finding in findings if finding.severity in failing]
        mild = [finding for finding in findings if finding.severity not in failing]
        if mild:
            self.add_report_section("call", "compass", "\n".join(map(describe, mild)))
        if broken:
            raise RuleBroken(broken)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The findings as preflight words them, without a traceback."""
        from transforms.reports.text import describe

        if isinstance(excinfo.value, RuleBroken):
            return "\n\n".join(map(describe, excinfo.value.findings))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is said to be: at the run, under the rule's name."""
        return self.path, None, f"{self.rule.code} {self.rule.name}: {self.rule.summary}"
