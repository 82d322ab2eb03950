"""A TypeScript client, generated from the OpenAPI document, compiled strictly, against a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.compass import serving

pytestmark = pytest.mark.thorough

SOURCES = Path(__file__).resolve().parents[1] / "typescript"
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client's folder with its locked packages installed."""
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("typescript")
    for file in SOURCES.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and any(reason in done.stderr for reason in OFFLINE):
        pytest.skip("npm packages cannot be downloaded here")
    assert done.returncode == 0, done.stderr
    return folder


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_client_compiles_and_works(packages: Path, ingested_url: str) -> None:
    with serving(ingested_url) as client:
        (packages / "openapi.json").write_text(client.get("/openapi.json").text)
        _run(packages, "npx", "--no-install", "openapi-typescript", "openapi.json", "-o", "schema.d.ts")
        _run(packages, "npx", "--no-install", "tsc", "--project", "tsconfig.json")
        shown = json.loads(_run(packages, "node", "out/client.js", str(client.base_url)))
        first = client.get(f"/api/signals/{shown['first']}").json()
        assert shown["total"] == client.get("/api/signals").json()["total_count"]
    assert first["why_matters_narrative"] == "Checked by the client"
