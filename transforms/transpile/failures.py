"""How a data test is run: one row that counts its failures and judges them."""

from __future__ import annotations

from transforms.compiled.manifest import Node


def failures_query(node: Node, sql: str) -> str:
    """Query of one row: failures of a data test, and whether they call for a warning and an error.

    ``sql`` is the test's DuckDB SQL; expression and thresholds come from the manifest, as it does.
    """
    assert node.test is not None, f"{node.unique_id} is a test"
    test = node.test
    limit = f"\nlimit {test.limit}" if test.limit is not None else ""
    counted = f"{test.fail_calc}, {test.fail_calc} {test.warn_if}, {test.fail_calc} {test.error_if}"
    return f"select {counted} from (\n{sql}{limit}\n) as failures"  # noqa: S608
