"""What the contracts say of a run, found while its rows are already on their way into the database."""

from __future__ import annotations

import asyncio

from contracts.findings import Report
from transforms.errors import RunBroken
from transforms.preflight import Staged
from transforms.progress import Progress


class ContractsBroken(RunBroken):
    """The run breaks its contracts; nothing was loaded."""

    def __init__(self, report: Report) -> None:
        super().__init__(
            report, "breaks its contracts and was not loaded", "mend what is listed, then ingest again"
        )


class Verdict:
    """The rules run in a thread; whoever loads asks before the rows are committed."""

    def __init__(self, staged: Staged, progress: Progress, *, rules: bool) -> None:
        self._judging = asyncio.create_task(asyncio.to_thread(staged.judge, progress, rules=rules))

    async def report(self) -> Report:
        """The report of a run that may be loaded. Raises ContractsBroken."""
        # Whoever waits may be cancelled; the thread cannot be, and is waited for by others.
        report = await asyncio.shield(self._judging)
        if not report.ok:
            raise ContractsBroken(report)
        return report
