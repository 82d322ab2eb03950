"""The API in an environment of its own: the serve lock, the backend package, and nothing else."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

ABSENT = ("contracts", "dbt", "duckdb", "pandera", "polars", "pyarrow", "sqlglot", "transforms")

IMPORT_EVERYTHING = f"""
import importlib, importlib.util, pkgutil, sys
import backend, backend.main

# The migration scripts run on import, inside Alembic only.
for module in pkgutil.walk_packages(backend.__path__, "backend."):
    if ".migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)

present = [name for name in {ABSENT!r} if name in sys.modules or importlib.util.find_spec(name)]
assert not present, f"found {{present}}"
app = backend.main.create_app()
print("routes", len(app.openapi()["paths"]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def serve_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of a fresh environment that holds exactly requirements/serve.txt and backend/."""
    folder = tmp_path_factory.mktemp("serve")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    subprocess.run(
        [
            *(python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--no-compile"),
            *("--requirement", repository / "requirements/serve.txt"),
        ],
        check=True,
    )
    # As in the image: one package on the path, so that the others cannot be found by chance.
    packages = folder / "app"
    packages.mkdir()
    (packages / "backend").symlink_to(repository / "backend", target_is_directory=True)
    site = next((folder / "venv/lib").glob("python3*/site-packages"))
    (site / "app.pth").write_text(f"{packages}\n")
    return python


def _run(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        env={"PATH": str(python.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_backend_module_imports_without_the_transforming_packages(
    serve_python: Path, tmp_path: Path
) -> None:
    answer = _run(serve_python, "-c", IMPORT_EVERYTHING, folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout.split()[-1]) > 5


def test_the_serve_lock_is_complete(serve_python: Path, tmp_path: Path) -> None:
    answer = _run(serve_python, "-m", "pip", "check", "--disable-pip-version-check", folder=tmp_path)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("module", ["backend.db.migrate", "backend.signals.cli"])
def test_the_commands_of_the_image_start(serve_python: Path, tmp_path: Path, module: str) -> None:
    answer = _run(serve_python, "-m", module, "--help", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "usage" in answer.stdout.lower()
