"""The least that a FastAPI service is: one route, no database."""

from __future__ import annotations

from fastapi import FastAPI


def create_app() -> FastAPI:
    """The application."""
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    return app
