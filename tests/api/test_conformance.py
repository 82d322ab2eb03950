"""The served API against its own OpenAPI document: every operation, many requests, all checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.compass import compass, serving

pytestmark = pytest.mark.slow

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("COMPASS_CONFORMANCE_EXAMPLES", "3"))


def _check(client: httpx.Client, report: Path, *arguments: str) -> None:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "--config-file",
            CONFIGURATION,
            "run",
            f"{client.base_url}/openapi.json",
            "--checks=all",
            # Query strings carry text only: "true" where a text may stand is a text, not a boolean.
            "--exclude-checks=negative_data_rejection",
            f"--max-examples={EXAMPLES}",
            "--generation-deterministic",
            "--exclude-path=/api/feed/stream",
            "--suppress-health-check=all",
            "--report=ndjson",
            f"--report-ndjson-path={report}",
            *arguments,
        ],
        # It leaves a folder of its own where it runs.
        cwd=report.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


@pytest.mark.thorough
def test_everybody_on_this_machine(ingested_url: str, tmp_path: Path) -> None:
    with serving(ingested_url) as client:
        _check(client, tmp_path / "report.ndjson")


@pytest.mark.thorough
def test_with_a_key(ingested_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = compass(
        "keys",
        "create",
        "admin@example.org",
        "--role",
        "admin",
        "--format",
        "json",
        database_url=ingested_url,
    )
    monkeypatch.setenv("AUTH_MODE", "api_key")
    monkeypatch.setenv("RATE_LIMIT_FAILED_LOGINS", "0")
    with serving(ingested_url) as client:
        key = json.loads(made.stdout)["key"]
        _check(client, tmp_path / "report.ndjson", "-H", f"X-API-Key: {key}", "--phases=examples,fuzzing")
        # Whatever the requests did, the server still stands and says so.
        assert client.get("/ready").status_code == 200


def test_without_a_key(ingested_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_MODE", "api_key")
    with serving(ingested_url) as client:
        document = client.get("/openapi.json").json()
        asked = 0
        for path, operations in document["paths"].items():
            for method in operations:
                if not path.startswith("/api"):
                    continue
                answer = client.request(method, path)
                assert answer.status_code in (401, 429), path
                assert answer.headers["content-type"] == "application/problem+json"
                asked += 1
        assert asked > 20
