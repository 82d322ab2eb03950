"""The compose file and the images: what they name exists, and the API's holds only what it may."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
STAGE = re.compile(r"^FROM\s+(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?$", re.MULTILINE)
COPY = re.compile(r"^COPY\s+(?P<options>(?:--\S+\s+)*)(?P<paths>.+)$", re.MULTILINE)
# Set by whoever deploys; every other name has a default.
REQUIRED = {"POSTGRES_PASSWORD"}
DOCUMENTED = {
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "DB_PORT",
    "BACKEND_PORT",
    "INSIGHT_GRAPH_RUN",
    "CORS_ORIGINS",
    "AUTH_MODE",
    "TRUST_NETWORK",
    "AUTH_JWT_ALGORITHM",
    "AUTH_JWT_SECRET",
    "AUTH_JWT_JWKS",
    "AUTH_JWT_ISSUER",
    "AUTH_JWT_AUDIENCE",
}


@pytest.fixture(scope="module")
def compose_text(repository: Path) -> str:
    return (repository / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def services(compose_text: str) -> dict[str, dict[str, Any]]:
    parsed: dict[str, dict[str, Any]] = yaml.safe_load(compose_text)["services"]
    return parsed


@pytest.fixture(scope="module")
def stages(repository: Path) -> dict[str, tuple[str, str]]:
    """Name of each stage of the Dockerfile -> the stage or image it starts from, its instructions."""
    text = (repository / "docker/Dockerfile").read_text()
    matches = list(STAGE.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)]
    return {
        match["name"]: (match["base"], text[match.end() : end])
        for match, end in zip(matches, ends, strict=True)
    }


def _with_ancestors(name: str, stages: dict[str, tuple[str, str]]) -> str:
    """Instructions of a stage and of those it starts from, oldest first."""
    base, instructions = stages[name]
    return (_with_ancestors(base, stages) if base in stages else "") + instructions


def test_services_are_the_promised_ones(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"db", "migrate", "transform", "api"}
    assert services["db"]["image"] == "postgres:17"


def test_variables_are_documented_and_only_the_password_is_required(compose_text: str) -> None:
    uses = [
        match
        for line in compose_text.splitlines()
        if not line.lstrip().startswith("#")
        for match in VARIABLE.finditer(line)
    ]
    assert {use["name"] for use in uses} == DOCUMENTED
    for use in uses:
        assert use["rest"].startswith(":?" if use["name"] in REQUIRED else ":-"), use.group()
    assert not re.search(r"PASSWORD:\s*[\"']?[a-z]", compose_text), "a password is written down"


@pytest.mark.parametrize("service", ["migrate", "transform", "api"])
def test_builds_name_an_existing_file_and_stage(
    repository: Path, services: dict[str, dict[str, Any]], stages: dict[str, tuple[str, str]], service: str
) -> None:
    build = services[service]["build"]
    assert (repository / build["context"] / build["dockerfile"]).is_file()
    assert build["target"] in stages


def test_images_copy_only_what_exists_and_what_the_context_holds(
    repository: Path, stages: dict[str, tuple[str, str]]
) -> None:
    allowed = {
        line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = [
        source
        for _, instructions in stages.values()
        for match in COPY.finditer(instructions)
        if "--from=" not in match["options"]
        for source in match["paths"].split()[:-1]
    ]
    assert copied
    assert [source for source in copied if not (repository / source).exists()] == []
    assert [source for source in copied if Path(source).parts[0] not in allowed] == []


def test_stages_copied_from_exist(stages: dict[str, tuple[str, str]]) -> None:
    named = {
        stage
        for _, instructions in stages.values()
        for match in COPY.finditer(instructions)
        for stage in re.findall(r"--from=(\S+)", match["options"])
    }
    assert named
    assert named <= set(stages)


def test_the_api_image_holds_the_backend_and_the_serve_lock_only(
    stages: dict[str, tuple[str, str]],
) -> None:
    serve = _with_ancestors("serve", stages)
    sources = {
        source
        for match in COPY.finditer(serve)
        if "--from=" not in match["options"]
        for source in match["paths"].split()[:-1]
    }
    assert sources == {"backend"}
    assert re.findall(r"--from=(\S+) (\S+)", serve) == [("serve-dependencies", "/opt/venv")]
    locks = re.findall(r"--requirement (\S+)", _with_ancestors("serve-dependencies", stages))
    assert locks == ["requirements/serve.txt"]


@pytest.mark.parametrize("image", ["serve", "transform"])
def test_images_run_as_a_user_and_install_by_hash(stages: dict[str, tuple[str, str]], image: str) -> None:
    users = re.findall(r"^USER (\S+)$", _with_ancestors(image, stages), re.MULTILINE)
    assert users
    assert int(users[-1].split(":")[0]) > 0
    installs = [
        command
        for command in re.findall(
            r"^RUN (pip install .+)$", _with_ancestors(f"{image}-dependencies", stages), re.M
        )
        if "--requirement" in command
    ]
    assert installs
    assert all("--require-hashes" in command for command in installs)


def _python_module(command: list[str]) -> str | None:
    """The module that an exec-form command runs, where it runs one."""
    if command[0] == "python" and command[1] == "-m":
        return command[2]
    if command[0] == "uvicorn":
        return command[1].split(":")[0]
    return None


def test_what_the_images_run_exists(
    services: dict[str, dict[str, Any]], stages: dict[str, tuple[str, str]]
) -> None:
    served = re.findall(r"^CMD (\[.+\])$", stages["serve"][1], re.MULTILINE)
    commands = [services["migrate"]["command"], yaml.safe_load(served[-1])]
    modules = [_python_module(command) for command in commands]
    assert modules == ["backend.db.migrate", "backend.main"]
    assert [module for module in modules if module and importlib.util.find_spec(module) is None] == []

    import backend.main

    assert "--factory" in commands[1]
    assert callable(getattr(backend.main, commands[1][1].split(":")[1]))


def test_commands_are_ones_that_their_programs_know(services: dict[str, dict[str, Any]]) -> None:
    migrate = services["migrate"]["command"]
    transform = services["transform"]["command"]
    compass = ["-m", "transforms.cli"]
    for arguments in (migrate[1:], [*compass, transform[0]]):
        command = [sys.executable, *arguments, "--help"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, shlex.join(command) + "\n" + answer.stderr


def test_artifacts_are_read_only_and_shared_under_the_name_the_engine_knows(
    compose_text: str, services: dict[str, dict[str, Any]]
) -> None:
    assert yaml.safe_load(compose_text)["volumes"]["needle-artifacts"] == {"name": "needle-artifacts"}
    for name in ("transform", "api"):
        assert "needle-artifacts:/data/runs:ro" in services[name]["volumes"]
    declared = set(yaml.safe_load(compose_text)["volumes"])
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == declared


def test_servers_have_health_checks_and_jobs_wait_for_them(services: dict[str, dict[str, Any]]) -> None:
    assert "pg_isready" in services["db"]["healthcheck"]["test"][1]
    check = services["api"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]
    compile(check[3], "healthcheck", "exec")
    from backend.main import create_app

    paths = {route.path for route in create_app().routes if hasattr(route, "path")}
    assert re.search(r"8000(/\w+)'", check[3])[1] in paths  # type: ignore[index]
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in ("transform", "api"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_docker_compose_accepts_the_file(repository: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker compose on this machine")
    answer = subprocess.run(
        [docker, "compose", "config", "--quiet"],
        cwd=repository,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "POSTGRES_PASSWORD": "example"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
