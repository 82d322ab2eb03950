"""How commands end when they fail: what stdout and stderr get, and the exit code."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.engine import make_url

from backend.config import Settings
from tests.support.compass import compass, environment
from tests.support.databases import database, execute
from tests.support.disk import small_disk
from transforms.sample import sample_run
from transforms.synth import generate_run

SAMPLE = str(sample_run())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose classifications are no JSON."""
    run = generate_run(tmp_path_factory.mktemp("broken"), facilities=2)
    (run / "analysis/classification/classifications.jsonl").write_text("{not json\n")
    return str(run)


@pytest.mark.parametrize("command", ["ingest", "load", "preview"])
def test_a_run_that_breaks_contracts_gets_its_report(command: str, broken: str, migrated_url: str) -> None:
    asked = compass(command, broken, "-f", "json", check=False, database_url=migrated_url)
    assert asked.code == 1
    document = asked.json()
    assert document["summary"]["errors"] > 0
    assert "breaks its contracts" in asked.stderr
    shown = compass(command, broken, check=False, database_url=migrated_url)
    assert shown.code == 1
    assert document["findings"][0]["message"] in shown.stdout
    assert document["findings"][0]["file"] in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ingest", "/nowhere"), 3),
        (("publish", "nope"), 2),
        (("hydrate", "--run", "nope"), 2),
        (("runs", "show", "nope"), 2),
        (("preview", SAMPLE, "--sql", "selec"), 2),
        (("rules", "nope"), 2),
    ],
)
def test_programs_get_any_failure_as_one_document(
    arguments: tuple[str, ...], code: int, migrated_url: str
) -> None:
    failed = compass(*arguments, "--format", "json", check=False, database_url=migrated_url)
    (error,) = failed.json().values()
    assert (failed.code, error["exit_code"]) == (code, code)
    said = f"error: {error['message']}\nhint: {error['hint']}\n"
    assert failed.stderr.startswith(said)
    people = compass(*arguments, check=False, database_url=migrated_url)
    assert (people.code, people.stdout) == (code, "")
    assert people.stderr.startswith(said)


def test_a_server_that_is_away_is_one_document_too() -> None:
    failed = compass(
        "build", "-f", "json", check=False, database_url="postgresql://nobody@127.0.0.1:1/nothing"
    )
    assert (failed.code, failed.json()["error"]["exit_code"]) == (4, 4)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_results_reach_narrow_terminals(encoding: str) -> None:
    """In UTF-8, as from everywhere: no result and no exit code is lost."""
    query = ("preview", SAMPLE, "--sql", "select 'Zürich – é' as name")
    for arguments in (query, (*query, "-f", "json")):
        done = compass(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert "Zürich – é" in done.stdout


def test_numbers_that_json_lacks_are_null() -> None:
    query = "select 'nan'::double as x, '-infinity'::double as y, 1.5::double as z, ['inf'::double] as w"
    done = compass("preview", SAMPLE, "--sql", query, "-f", "json")
    assert done.json() == [{"x": None, "y": None, "z": 1.5, "w": [None]}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [("rules",), ("rules", "-f", "json"), ("rules", "nope", "-f", "json")])
def test_a_full_stdout_is_said_so(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "transforms.cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(None),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the result to stdout: No space left on device\n")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_that_leaves_is_no_failure_to_report() -> None:
    """As with `compass rules | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "transforms.cli", "rules"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(None),
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DATABASE_URL", "mysql://ann:secret@host/db", "DATABASE_URL: expected a URL that starts with"),
        ("DATABASE_URL", "postgresql://ann:secret@host:port/db", "DATABASE_URL: host or port does not parse"),
        ("DATABASE_URL", "postgresql://ann:secret@host:99999/db", "DATABASE_URL: host or port does not"),
        ("DATABASE_URL", "postgresql://ann:secret@[::1/db", "DATABASE_URL: host or port does not parse"),
        ("DATABASE_POOL_SIZE", "secret", "DATABASE_POOL_SIZE: Input should be a valid integer"),
        ("AUTH_MODE", "secret", "AUTH_MODE: Input should be 'none', 'api_key' or 'jwt'"),
        ("AUTH_MODE", "jwt", "AUTH_JWT_ALGORITHM=HS256 needs AUTH_JWT_SECRET"),
    ],
)
@pytest.mark.parametrize("command", [("runs", "list"), ("serve",)])
def test_wrong_settings_are_named_without_their_values(
    variable: str, value: str, said: str, command: tuple[str, ...]
) -> None:
    failed = compass(*command, check=False, **{variable: value})
    assert (failed.code, failed.stdout) == (2, "")
    assert failed.stderr.startswith(f"error: wrong settings: {said}")
    assert "secret" not in failed.stderr
    assert len(failed.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "command", [("backend.db.migrate", "status"), ("backend.signals.cli", "count")], ids=" ".join
)
def test_commands_of_the_image_name_wrong_settings_too(command: tuple[str, ...]) -> None:
    failed = subprocess.run(
        [sys.executable, "-m", *command],
        env={"DATABASE_URL": "mysql://u:secret@h/d"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: wrong settings: DATABASE_URL: expected a URL")
    assert "docs/settings.md" in failed.stderr
    assert "secret" not in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_an_address_of_brackets_and_several_hosts_are_fine() -> None:
    for url in ("postgresql://u:p%40@[::1]:5432/d", "postgresql://u@a:1,b:2/d", "postgresql:///d?host=/tmp"):
        assert Settings(DATABASE_URL=url).DATABASE_URL.endswith(url.partition("://")[2])


def test_a_role_without_rights_is_told_so(migrated_url: str) -> None:
    role = f"guest_{os.getpid()}"
    asyncio.run(execute(migrated_url, f"create role {role} login password '{role}'"))
    try:
        url = make_url(migrated_url).set(username=role, password=role)
        shown = url.render_as_string(hide_password=False)
        for command in (("runs", "list"), ("db", "upgrade"), ("keys", "list"), ("ingest", SAMPLE)):
            failed = compass(*command, check=False, database_url=shown)
            assert failed.code == 4, failed.stderr
            assert failed.stderr.startswith(
                "error: the database refuses this role a right: permission denied"
            )
    finally:
        asyncio.run(execute(migrated_url, f"drop role {role}"))


def test_an_empty_database_needs_its_schema_first(fresh_database_url: str) -> None:
    failed = compass("preview", SAMPLE, "--diff", "published", check=False, database_url=fresh_database_url)
    assert failed.code == 4
    assert "run `compass db upgrade`" in failed.stderr


def test_a_database_that_lacks_letters_is_refused(server_url: str) -> None:
    name = f"latin_{os.getpid()}"
    making = f"create database {name} template template0 encoding 'LATIN1' locale 'C'"
    asyncio.run(execute(server_url, making))
    try:
        failed = compass("db", "upgrade", check=False, database_url=database(server_url, name))
        assert failed.code == 4
        assert "the encoding of the database is LATIN1" in failed.stderr
    finally:
        asyncio.run(execute(server_url, f"drop database {name} with (force)"))


@pytest.mark.parametrize("place", ["file", "file/below", "x" * 300])
def test_folders_that_cannot_be_written_are_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    folder = tmp_path / place
    for command in (("preview", SAMPLE, "--export", str(folder)), ("synth", str(folder))):
        failed = compass(*command, check=False)
        assert (failed.code, failed.stdout) == (2, "")
        assert failed.stderr.startswith(f"error: cannot write {folder}")
    assert (tmp_path / "file").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_export_that_finds_no_room_leaves_whole_files(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", os.geteuid()) as resize:
        resize("64k")
        folder = tmp_path / "disk" / "marts"
        failed = compass("preview", SAMPLE, "--export", str(folder), check=False)
        assert (failed.code, failed.stdout) == (2, "")
        assert failed.stderr.startswith(f"error: cannot write {folder}: ")
        assert "No space left on device" in failed.stderr.splitlines()[0]
        for path in folder.iterdir():
            assert pl.read_parquet(path).width > 0
        assert all(path.suffix == ".parquet" for path in folder.iterdir())


def test_a_graph_name_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    failed = compass("synth", str(tmp_path), "--graph", "x" * 300, check=False)
    assert failed.code == 2
    assert "File name too long" in failed.stderr


def test_keys_do_not_outlive_the_calendar() -> None:
    assert compass("keys", "create", "ann@example.org", "--days", "99999999", check=False).code == 2


@pytest.mark.parametrize("address", ["not an email", "", "ann@", f"{'a' * 250}@example.org"])
def test_keys_make_no_user_that_the_api_would_refuse(address: str, migrated_url: str) -> None:
    failed = compass("keys", "create", address, "--role", "admin", check=False, database_url=migrated_url)
    assert (failed.code, failed.stdout) == (2, "")
    assert failed.stderr.startswith(f"error: {address!r} is no e-mail address")
    assert compass("keys", "list", "-f", "json", database_url=migrated_url).json() == []


def test_a_preview_gives_one_result() -> None:
    failed = compass("preview", SAMPLE, "--sql", "select 1 as x", "--diff", SAMPLE, check=False)
    assert (failed.code, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: --sql and --diff")
