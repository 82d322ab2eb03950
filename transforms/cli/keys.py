"""`compass keys`: API keys, for AUTH_MODE=api_key."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.enums import UserRole
from transforms.cli.options import Format, OutputFormat

_MOST_DAYS = 36500
"""A century: what a calendar holds ends later, and no key is meant to."""

app = typer.Typer(help="API keys of users.", no_args_is_help=True, rich_markup_mode=None)


@app.command("create")
def create(
    email: Annotated[str, typer.Argument(help="E-mail address of the user who will use the key.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    role: Annotated[
        UserRole | None, typer.Option(help="Make the user with this role if there is none yet.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_DAYS, help="Days until the key expires; default: never."),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Make a key and show it, this once."""
    import asyncio
    from datetime import UTC, datetime, timedelta

    from backend.auth import api_keys
    from transforms.cli.output import note, print_json, print_text
    from transforms.database import database
    from transforms.lifecycle.transaction import transaction
    from transforms.schema import prepare

    if role is not None:
        _require_user(email, role)
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)

    async def make(url: str) -> str:
        await prepare(url)
        async with transaction(url) as connection:
            if role is not None:
                await api_keys.ensure_user(connection, email, role)
            return await api_keys.create(connection, email, name, expires_at)

    with database() as url:
        key = asyncio.run(make(url))
    if output is Format.JSON:
        print_json({"key": key, "email": email, "name": name, "expires_at": expires_at})
    else:
        print_text(key)
        note("Keep it: it cannot be shown again.")


def _require_user(email: str, role: UserRole) -> None:
    """Raise UsageError unless the API would take a user with this address, too."""
    from pydantic import ValidationError

    from backend.schemas.users import NewUser
    from transforms.errors import UsageError

    try:
        NewUser(email=email, name=email, role=role)
    except ValidationError as error:
        raise UsageError(
            f"{email!r} is no e-mail address for a user",
            "give one such as ann@example.org, without blanks, of 255 characters at most",
        ) from error


@app.command("list")
def list_keys(output: OutputFormat = Format.TEXT) -> None:
    """List every key with its user, never the key itself."""
    import asyncio
    from dataclasses import asdict

    from backend.auth import api_keys
    from transforms.cli.output import print_json, print_table, print_text
    from transforms.database import database
    from transforms.lifecycle.transaction import transaction
    from transforms.schema import prepare

    async def fetch(url: str) -> list[api_keys.KeyInfo]:
        await prepare(url)
        async with transaction(url) as connection:
            return await api_keys.all_keys(connection)

    with database() as url:
        keys = asyncio.run(fetch(url))
    if output is Format.JSON:
        print_json([{**asdict(key), "usable": key.usable} for key in keys])
    elif not keys:
        print_text("no key yet; make one: compass keys create EMAIL --role admin")
    else:
        print_table(
            ["KEY", "NAME", "USER", "ROLE", "STATE", "CREATED"],
            [
                [
                    f"qc_{key.prefix}_...",
                    key.name,
                    key.user,
                    key.role,
                    "usable" if key.usable else "revoked" if key.revoked_at else "expired",
                    f"{key.created_at:%Y-%m-%d %H:%M}",
                ]
                for key in keys
            ],
        )


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="The key, or its beginning: qc_ and twelve characters.")],
) -> None:
    """End a key; whoever uses it is refused from now on."""
    import asyncio

    from backend.auth import api_keys
    from transforms.cli.output import print_text
    from transforms.database import database
    from transforms.lifecycle.transaction import transaction
    from transforms.schema import prepare

    prefix = key.removeprefix("qc_").split("_")[0]

    async def end(url: str) -> None:
        await prepare(url)
        async with transaction(url) as connection:
            await api_keys.revoke(connection, prefix)

    with database() as url:
        asyncio.run(end(url))
    print_text(f"qc_{prefix} is revoked")
