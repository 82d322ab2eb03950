"""Docs as tests: what can be set, called, asked for, broken or built is documented, or this fails."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("backend", "contracts", "transforms")


def _page(repository: Path, name: str) -> str:
    return (repository / "docs" / name).read_text(encoding="utf-8")


# --- Settings -----------------------------------------------------------------------------------


def _declared() -> dict[str, Any]:
    from backend.config import Settings
    from transforms.settings import CommandSettings

    return {**Settings.model_fields, **CommandSettings.model_fields}


def test_every_setting_is_described(repository: Path) -> None:
    page = _page(repository, "settings.md")
    for name, field in _declared().items():
        assert field.description, f"{name} has no description"
        assert f"| `{name}` |" in page


def test_the_example_holds_every_setting_with_its_default(repository: Path) -> None:
    text = (repository / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.M))
    # What the compose file alone knows, instead of the settings.
    of_compose = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "DB_PORT", "BACKEND_PORT"}
    assert shown.keys() - of_compose == _declared().keys()
    for name, field in _declared().items():
        assert shown[name] == _spelled(field.default), name


def _spelled(default: object) -> str:
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
    return str(default)


def _variables_read(repository: Path) -> Iterator[tuple[str, str]]:
    """Names of variables that modules take from the environment by themselves, with the module."""
    for package in PACKAGES:
        for path in sorted((repository / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)) if "environ" in text else ():
                match node:
                    case (
                        ast.Call(
                            func=ast.Attribute(value=value, attr="get" | "setdefault" | "pop"),
                            args=[ast.Constant(value=str(name)), *_],
                        )
                        | ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=ast.Load())
                        | ast.Compare(left=ast.Constant(value=str(name)), comparators=[value])
                    ) if ast.unparse(value) == "os.environ":
                        yield name, path.name


def test_variables_read_elsewhere_are_described_too(repository: Path) -> None:
    from transforms.reports.settings import ELSEWHERE

    read = {name for name, _ in _variables_read(repository)}
    assert "PROMETHEUS_MULTIPROC_DIR" in read
    assert read <= ELSEWHERE.keys() | _declared().keys()
    page = _page(repository, "settings.md")
    assert [name for name in ELSEWHERE if f"| `{name}` |" not in page] == []


def test_variables_of_compose_are_described(repository: Path) -> None:
    compose = (repository / "docker-compose.yml").read_text()
    pages = _page(repository, "operations.md") + _page(repository, "settings.md")
    named = set(re.findall(r"\$\{([A-Z_]+)", compose))
    assert len(named) > 5
    assert sorted(name for name in named if f"`{name}`" not in pages and f"{name}=" not in pages) == []


# --- Commands, endpoints, rules, models -----------------------------------------------------------


def test_every_command_and_option_is_described(repository: Path) -> None:
    import typer

    from transforms.cli.app import app

    page = _page(repository, "cli.md")
    described = 0

    def walk(command: Any, path: str) -> None:
        nonlocal described
        for key, member in getattr(command, "commands", {}).items():
            walk(member, f"{path} {key}")
        if hasattr(command, "commands"):
            return
        described += 1
        section = page.split(f"\n## {path}\n", 1)[1].split("\n## ", 1)[0]
        assert command.help.split("\n")[0] in section, path
        for parameter in command.params:
            assert parameter.help, f"{path}: {parameter.name} has no help"
            for spelled in parameter.opts:
                shown = spelled if spelled.startswith("-") else parameter.metavar or spelled
                assert re.search(rf"^\| `[^`]*{re.escape(shown)}[ ,`]", section, re.M), f"{path} {spelled}"

    walk(typer.main.get_command(app), "compass")
    assert described > 20


def test_every_endpoint_is_described(repository: Path) -> None:
    from backend.config import Settings
    from backend.main import create_app

    page = _page(repository, "api-reference.md")
    document = create_app(Settings(_env_file=None)).openapi()
    operations = [
        f"### `{method.upper()} {path}`" for path, methods in document["paths"].items() for method in methods
    ]
    assert len(operations) > 50
    assert [heading for heading in operations if heading not in page] == []
    # An endpoint that the document leaves out would be one that nobody can find.
    modules = sorted((repository / "backend").rglob("*.py"))
    assert [path.name for path in modules if "include_in_schema=False" in path.read_text()] == []
    silent = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description", "").strip()
    ]
    assert silent == []


def test_every_rule_is_described(repository: Path) -> None:
    from contracts.rules.registry import RULES

    page = _page(repository, "contracts.md")
    assert [rule.code for rule in RULES.values() if f"\n### {rule.code} {rule.name}\n" not in page] == []


def test_every_model_is_described(repository: Path) -> None:
    from transforms.compiled.manifest import PROJECT, load_manifest, manifest_path
    from transforms.reports.models import grain

    page = _page(repository, "models.md")
    manifest = load_manifest(manifest_path(PROJECT))
    nodes = [node for node in manifest.nodes.values() if node.resource_type in ("model", "seed")]
    files = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    assert {node.name for node in nodes if node.resource_type == "model"} == files
    for node in nodes:
        section = page.split(f"\n### {node.name}\n", 1)[1].split("\n### ", 1)[0]
        assert node.columns, node.name
        assert [column.name for column in node.columns if f"\n| `{column.name}` |" not in section] == []
        assert [
            column.name for column in node.columns if not column.description or not column.data_type
        ] == []
        if node.resource_type == "model":
            assert node.description.startswith("One row a") or node.name == "stg_build_scope", node.name
            assert grain(manifest, node), f"no test says what is unique in {node.name}"


def test_pages_made_from_code_are_current() -> None:
    from transforms.reports.__main__ import main

    assert main(["--check"]) == 0


def test_a_page_that_is_not_current_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from transforms.reports import command_line, licences, models, settings

    for module in (command_line, licences, models, settings):
        page = tmp_path / module.PAGE.name
        assert module.main(["--check"], page) == 1
        hint = f"hint: run python -m {module.__name__}\n"
        assert capsys.readouterr().err.endswith(hint)
        assert module.main([], page) == 0
        assert module.main(["--check"], page) == 0
        page.write_text(page.read_text() + "edited\n")
        assert module.main(["--check"], page) == 1


# --- Links and the site ---------------------------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]*#[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def _anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub makes them."""
    anchors: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lower()))
        anchor = plain.replace(" ", "-")
        number = anchors.setdefault(anchor, 0)
        anchors[anchor] += 1
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def test_anchors_of_links_exist(repository: Path) -> None:
    pages = [*repository.glob("*.md"), *(repository / "docs").rglob("*.md")]
    anchors = {page: _anchors(page) for page in pages}
    broken, seen = [], 0
    for page in pages:
        for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
            path, _, anchor = link.partition("#")
            if path.startswith(("http://", "https://")):
                continue
            target = (page.parent / path).resolve() if path else page
            seen += 1
            if anchor not in anchors.get(target, set()):
                broken.append(f"{page.relative_to(repository)} -> {link}")
    assert seen > 100
    assert broken == []


def test_every_page_is_linked_from_somewhere(repository: Path) -> None:
    pages = [*repository.glob("*.md"), *(repository / "docs").rglob("*.md")]
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    # GitHub itself shows the template; the README is where everybody begins.
    assert [page.name for page in pages if page.resolve() not in linked and page.name != "README.md"] == []


def test_the_site_builds_without_a_warning(repository: Path, tmp_path: Path) -> None:
    built = subprocess.run(
        [
            *(Path(sys.executable).with_name("properdocs"), "build", "--strict", "--quiet"),
            *("--config-file", repository / "mkdocs.yml", "--site-dir", tmp_path),
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    start = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "From the files of an analytics run" in start
    assert (tmp_path / "img/flow.svg").is_file()
    assert 'src="img/flow.svg"' in start
    assert "architecture.html" in start
    # Read from a folder, on a machine without a network: nothing is fetched from elsewhere.
    fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', start)
    assert fetched == []
