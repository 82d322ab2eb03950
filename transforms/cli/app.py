"""The command tree."""

from __future__ import annotations

import typer

from transforms.cli import db, ingest, keys, parity, preflight, preview, project, rules, runs, serve, watch

# Plain help text: drawing it with rich would triple the time `compass --help` takes.
app = typer.Typer(
    name="compass",
    help="Quality Compass: from analytics runs to served quality signals.",
    epilog=(
        "Exit codes: 0 ok, 1 findings or failed tests, 2 usage, 3 input is not a readable run, "
        "4 database unreachable or migration missing, 70 internal error."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("up")(serve.up)
app.command("serve")(serve.serve)
app.command("preflight")(preflight.preflight)
app.command("preview")(preview.preview)
app.command("rules")(rules.rules)
app.command("ingest")(ingest.ingest)
app.command("load")(ingest.load)
app.command("build")(ingest.build)
app.command("publish")(ingest.publish)
app.command("rollback")(ingest.rollback)
app.command("hydrate")(ingest.hydrate)
app.command("watch")(watch.watch)
app.add_typer(runs.app, name="runs")
app.add_typer(db.app, name="db")
app.add_typer(keys.app, name="keys")
app.command("parity")(parity.parity)
app.command("synth")(project.synth)
app.command("manifest")(project.manifest)
