"""`compass rules`: the catalogue of what a run must keep."""

from __future__ import annotations

from typing import Annotated

import typer

from transforms.cli.options import Format, OutputFormat


def rules(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="A rule, e.g. QC601, or a family, e.g. QC6.")
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """List the rules of the contracts, or explain one."""
    from transforms.cli.output import print_json, print_text
    from transforms.reports.catalogue import as_document, explain, families, find_rules

    found = find_rules(code)
    single = code is not None and len(found) == 1 and found[0].code == code.strip().upper()
    if output is Format.JSON:
        print_json(as_document(found[0]) if single else [as_document(rule) for rule in found])
    elif single:
        print_text(explain(found[0]))
    else:
        width = max(len(rule.severity) for rule in found)
        for title, members in families(found):
            print_text(f"{title}")
            for rule in members:
                print_text(f"  {rule.code}  {rule.severity:<{width}}  {rule.summary}")
            print_text("")
        print_text(f"{len(found)} rules; explain one: compass rules {found[0].code}")
