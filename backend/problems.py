"""Errors as HTTP responses: one shape for all of them, documented where they can happen."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import orjson
import structlog
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from backend.auth.errors import (
    BodyTooLarge,
    Forbidden,
    IdentityProviderUnavailable,
    RemoteWithoutAuthentication,
    TooManyRequests,
    Unauthenticated,
)
from backend.db.session import as_domain_error
from backend.errors import DatabaseUnavailable, DomainError, StatementTimeout
from backend.ontology.errors import OntologyUnavailable
from backend.schemas.problems import Problem, ValidationProblem

MEDIA_TYPE = "application/problem+json"
Responses = dict[int | str, dict[str, Any]]

_PROTECTED = (
    Unauthenticated,
    Forbidden,
    RemoteWithoutAuthentication,
    TooManyRequests,
    BodyTooLarge,
    IdentityProviderUnavailable,
)
_TYPE_PREFIX = "urn:quality-compass:problem:"
_RETRY_AFTER_SECONDS = "5"
_ONTOLOGY = "/api/ontology"

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def documented(*errors: type[DomainError], invalid: bool = True, protected: bool = True) -> Responses:
    """The ``responses`` of an operation that can end in ``errors``, as its documentation shows them.

    ``invalid`` says whether it has parameters that can be malformed, ``protected`` whether callers
    must have a right to it.
    """
    by_status: dict[int, list[type[DomainError]]] = {}
    possible: tuple[type[DomainError], ...] = (*errors, DatabaseUnavailable, StatementTimeout)
    if protected:
        possible = (*possible, *_PROTECTED)
    for error in possible:
        by_status.setdefault(error.status, []).append(error)
    responses: Responses = {
        status: _described(Problem, " ".join(inspect.getdoc(each) or "" for each in kinds), kinds)
        for status, kinds in by_status.items()
    }
    if invalid:
        responses[422] = _described(ValidationProblem, "A parameter or the body is not valid.", [])
    return responses


def _described(
    model: type[Problem | ValidationProblem], description: str, kinds: list[type[DomainError]]
) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    examples = {
        kind.slug: {"summary": kind.title, "value": {"type": _TYPE_PREFIX + kind.slug, "status": kind.status}}
        for kind in kinds
    }
    content = {"schema": reference, "examples": examples} if examples else {"schema": reference}
    return {"description": description, "content": {MEDIA_TYPE: content}}


def problem_schemas() -> dict[str, Any]:
    """Schemas that ``documented`` refers to, for the components of the OpenAPI document."""
    schemas: dict[str, Any] = {}
    for model in (Problem, ValidationProblem):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas


def problem(
    request: Request,
    *,
    status: int,
    slug: str,
    title: str,
    detail: Any,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """An error response."""
    body = {
        "type": _TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": detail,
        **more,
        "instance": _instance(request.scope),
        "request_id": getattr(request.state, "request_id", ""),
    }
    return Response(_json(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _instance(scope: Scope) -> str:
    """The path asked for, as a URI reference (RFC 9457, section 3.1.5); what was escaped stays so."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return "/".join(quote(unquote_to_bytes(segment), safe="") for segment in path.split(b"/"))


def _json(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body, option=orjson.OPT_UTC_Z)
    # Half of a surrogate pair, which JSON can name, has no form in UTF-8: it stays escaped.
    except TypeError:
        return json.dumps(body).encode()


def internal_problem(request: Request) -> Response:
    """What a client hears of an error that nobody foresaw: nothing but the id to ask about."""
    return problem(
        request,
        status=500,
        slug="internal-error",
        title="Internal error",
        detail="Something went wrong on our side; the request id finds it in the logs",
    )


async def failure(request: Request, error: Exception) -> Response:
    """The answer to an error outside of handlers; what nobody foresaw is raised again."""
    if isinstance(error, DomainError):
        return await _on_domain_error(request, error)
    if isinstance(error, DBAPIError):
        return await _on_database_error(request, error)
    raise error


def install_handlers(app: FastAPI) -> None:
    """Make ``app`` answer every error as a problem."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    if isinstance(error, DatabaseUnavailable) and request.url.path.startswith(_ONTOLOGY):
        # Its clients look for these words, whoever on the way to it is the first to need the database.
        error = OntologyUnavailable(error.reason)
    headers = error.headers()
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": _RETRY_AFTER_SECONDS, **headers}
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", problem=error.slug, reason=error.message)
    return problem(
        request,
        status=error.status,
        slug=error.slug,
        title=error.title,
        # Hints speak to operators; what a client did wrong is in the message.
        detail=error.message if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else error.title,
        headers=headers,
        **error.members(),
    )


async def _on_database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    understood = as_domain_error(error)
    if understood is not None:
        return await _on_domain_error(request, understood)
    logger.error("statement failed", exc_info=error)
    return internal_problem(request)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _method_not_allowed(request, operations_at(request))
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for a body that is not even text; for a client it is one more invalid body.
        return _invalid(
            request, [{"type": "json_invalid", "loc": ("body",), "msg": str(error.detail), "input": None}]
        )
    title = HTTPStatus(error.status_code).phrase
    return problem(
        request,
        status=error.status_code,
        slug=title.lower().replace(" ", "-"),
        title=title,
        detail=str(error.detail),
        headers=dict(error.headers) if error.headers else None,
    )


def operations_at(request: Request) -> set[str]:
    """Methods of the operations at the request's path; a path without parameters counts alone."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    asked = request.url.path
    if asked in paths:
        return {method.upper() for method in paths[asked]}
    return {
        method.upper()
        for path, operations in paths.items()
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), asked)
        for method in operations
    }


def _method_not_allowed(request: Request, allowed: set[str]) -> Response:
    return problem(
        request,
        status=405,
        slug="method-not-allowed",
        title="Method Not Allowed",
        detail=f"{request.method} does not work here; {', '.join(sorted(allowed)) or 'nothing'} does",
        headers={"Allow": ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))},
    )


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    allowed = operations_at(request)
    if allowed and request.method not in allowed:
        # A literal path that was taken for the parameter of another one.
        return _method_not_allowed(request, allowed)
    return _invalid(request, error.errors())


def _invalid(request: Request, mistakes: Sequence[Any]) -> Response:
    short = [
        {
            "location": str(mistake["loc"][0]) if mistake["loc"] else "",
            "field": ".".join(str(part) for part in mistake["loc"][1:]),
            "code": mistake["type"],
            "message": mistake["msg"],
        }
        for mistake in mistakes
    ]
    return problem(
        request,
        status=422,
        slug="invalid-request",
        title="Invalid request",
        detail=jsonable_encoder(mistakes),
        errors=short,
    )
