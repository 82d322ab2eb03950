"""Data tests: a query of failures, counted and judged as dbt does."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from transforms.compiled.manifest import Node
from transforms.engines.base import Status
from transforms.engines.errors import StatementFailed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a data test came to."""

    status: Status
    failures: int
    message: str | None


async def run_test(connection: asyncpg.Connection, node: Node) -> Verdict:
    """Count the failures of a test and judge them by its severity and thresholds."""
    assert node.test is not None, f"{node.unique_id} is a test"
    test = node.test
    limit = f"\nlimit {test.limit}" if test.limit is not None else ""
    # Expression and thresholds come from the manifest, as the SQL does.
    verdicts = (
        f"{test.fail_calc} {test.warn_if} as should_warn, {test.fail_calc} {test.error_if} as should_error"
    )
    before = f"select {test.fail_calc} as failures, {verdicts} from (\n"  # noqa: S608
    try:
        row = await connection.fetchrow(f"{before}{node.compiled_sql}{limit}\n) dbt_internal_test")
    except asyncpg.PostgresError as error:
        raise StatementFailed(error, node.compiled_sql, len(before)) from error
    assert row is not None, "an aggregate without grouping gives one row"
    failures = int(row["failures"] or 0)
    found = f"Got {failures} {'result' if failures == 1 else 'results'}, configured to"
    if test.severity == "error" and row["should_error"]:
        return Verdict(Status.FAIL, failures, f"{found} fail if {test.error_if}")
    if row["should_warn"]:
        return Verdict(Status.WARN, failures, f"{found} warn if {test.warn_if}")
    return Verdict(Status.PASS, 0, None)
