"""`compass db`: the schema of the database."""

from __future__ import annotations

import typer

from transforms.cli.options import Format, OutputFormat

app = typer.Typer(help="The database schema.", no_args_is_help=True, rich_markup_mode=None)


@app.command("upgrade")
def upgrade() -> None:
    """Bring the database to the schema this version needs."""
    import asyncio

    from transforms.cli.output import print_text
    from transforms.database import database
    from transforms.schema import schema_status, upgrade_schema

    with database() as url:
        asyncio.run(upgrade_schema(url))
        status = asyncio.run(schema_status(url))
    print_text(f"schema is at {status.current}")


@app.command("status")
def status(output: OutputFormat = Format.TEXT) -> None:
    """Say which schema the database has and which this version needs (exit code 4 if they differ)."""
    import asyncio

    from transforms.cli.output import print_json, print_text
    from transforms.database import database
    from transforms.schema import schema_status

    with database() as url:
        found = asyncio.run(schema_status(url))
    if output is Format.JSON:
        print_json({"current": found.current, "head": found.head, "up_to_date": found.up_to_date})
    else:
        print_text(f"database: {found.current or 'empty'}\nneeded:   {found.head}")
    if not found.up_to_date:
        raise typer.Exit(4)
