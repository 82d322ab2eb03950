"""docs/api-reference.md, from the OpenAPI document that the service answers with.

``python -m transforms.reports.api_reference`` writes the page, ``--check`` says whether it is current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transforms.reports.pages import DOCS, cell, write_or_check

Json = dict[str, Any]

PAGE = DOCS / "api-reference.md"

_INTRODUCTION = """# API reference

Generated from the service's own OpenAPI document by `python -m transforms.reports.api_reference`; what holds
for every operation stands in [REST API](api.md). Errors of authentication (401, 403, 429), of size (413) and
of the database (503) can come from every operation and are left out below.
"""
_EVERYWHERE = {"401", "403", "413", "429", "503"}
_METHODS = ("get", "post", "put", "patch", "delete")


def render(document: Json) -> str:
    """The page as Markdown; ``document`` is an OpenAPI 3.1 document."""
    lines = [_INTRODUCTION]
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = operations[method].get("tags", ["other"])[0]
                by_tag.setdefault(tag, []).append((method.upper(), path, operations[method]))
    for tag, operations in by_tag.items():
        lines.append(f"- [{tag}](#{tag}): {len(operations)}")
    for tag, operations in by_tag.items():
        lines += ["", f"## {tag}"]
        for method, path, operation in operations:
            lines += ["", f"### `{method} {path}`", "", operation["description"].strip(), ""]
            lines += [*_parameters(operation), *_body(operation), *_responses(operation)]
    lines += ["", "## Schemas"]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += ["", f"### {name}", "", *_schema(schema)]
    return "\n".join(lines).rstrip() + "\n"


def _parameters(operation: Json) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    if not parameters:
        return
    yield "| Parameter | In | Type | Default | |"
    yield "|---|---|---|---|---|"
    for parameter in parameters:
        schema = parameter["schema"]
        default = schema.get("default")
        cells = [
            f"`{parameter['name']}`",
            parameter["in"],
            type_name(schema),
            "required" if parameter.get("required") else "" if default in (None, []) else f"`{default}`",
            cell(parameter.get("description") or schema.get("description") or ""),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _body(operation: Json) -> Iterator[str]:
    body = operation.get("requestBody")
    if body is not None:
        (content,) = body["content"].values()
        yield f"Body: {type_name(content['schema'])}"
        yield ""


def _responses(operation: Json) -> Iterator[str]:
    for status, response in sorted(operation["responses"].items()):
        if status in _EVERYWHERE:
            continue
        shown = ", ".join(
            type_name(content.get("schema", {})) for content in response.get("content", {}).values()
        )
        description = cell(response.get("description", ""))
        why = f": {description}" if status != "200" and description else ""
        yield f"- **{status}** {shown}{why}".rstrip()


def _schema(schema: Json) -> Iterator[str]:
    if schema.get("description"):
        yield schema["description"].strip()
        yield ""
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"])
    properties: Json = schema.get("properties", {})
    if properties:
        required = set(schema.get("required", ()))
        yield "| Field | Type | |"
        yield "|---|---|---|"
        for name, field in properties.items():
            mark = "" if name in required else " (optional)"
            yield f"| `{name}` | {type_name(field)}{mark} | {cell(field.get('description', ''))} |"


def type_name(schema: Json) -> str:
    """A schema in a word or two, with a link to its section where it has one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        kinds = [type_name(each) for each in schema["anyOf"]]
        return " or ".join(kind for kind in kinds if kind != "null") + ("?" if "null" in kinds else "")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {type_name(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {type_name(schema['additionalProperties'])}"
        case None:
            return "any"
        case kind:
            limits = [f"{schema[name]} {word}" for name, word in _LIMITS.items() if name in schema]
            named = schema.get("format", kind)
            return f"{named} ({', '.join(limits)})" if limits else str(named)


_LIMITS = {
    "minimum": "or more",
    "maximum": "or less",
    "minLength": "characters or more",
    "maxLength": "characters or less",
}


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Write ``page``, or with ``--check`` say whether it is current (exit code 1 when not)."""
    from backend.config import Settings
    from backend.main import create_app

    text = render(create_app(Settings(_env_file=None)).openapi())
    return write_or_check(page, text, arguments, made_by="api_reference", source="the service says")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
