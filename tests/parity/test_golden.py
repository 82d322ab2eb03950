"""The DuckDB SQL of every model, written down, so that a change of it is seen in a diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.pairs import UPDATE, updating
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT
from transforms.transpile import check_portable

GOLDEN = Path(__file__).resolve().parent / "golden"


@pytest.fixture(scope="module")
def translated() -> dict[str, str]:
    """DuckDB SQL by model, each text ending with a line end."""
    manifest = load_verified(PROJECT)
    return {
        manifest.nodes[unique_id].name: f"{sql}\n"
        for unique_id, sql in check_portable(manifest).items()
        if manifest.nodes[unique_id].resource_type == "model"
    }


def test_golden_sql_is_current(translated: dict[str, str]) -> None:
    if updating():
        GOLDEN.mkdir(exist_ok=True)
        for path in GOLDEN.glob("*.sql"):
            path.unlink()
        for name, sql in translated.items():
            (GOLDEN / f"{name}.sql").write_text(sql, encoding="utf-8")
        return
    golden = {path.stem: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.sql")}
    changed = sorted(
        name for name in golden.keys() | translated.keys() if golden.get(name) != translated.get(name)
    )
    assert not changed, (
        f"the DuckDB SQL of {', '.join(changed)} is not what {GOLDEN.name}/ holds; "
        f"run `{UPDATE}=1 pytest tests/parity/test_golden.py` and review the diff"
    )
