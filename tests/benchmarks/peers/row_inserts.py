"""Frames to tables the usual ways, by INSERT: SQLAlchemy's bulk insert, pandas.to_sql, and dlt."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import Engine, make_url

Frames = Mapping[str, pl.DataFrame]
Insert = Callable[[str, Frames], None]


def _engine(database_url: str) -> Engine:
    return create_engine(make_url(database_url).set(drivername="postgresql+psycopg2"))


def insert_with_sqlalchemy(database_url: str, frames: Frames) -> None:
    """A list of dictionaries for each table, in one transaction."""
    engine = _engine(database_url)
    tables = MetaData()
    tables.reflect(engine, only=list(frames))
    with engine.begin() as connection:
        for name, frame in frames.items():
            connection.execute(tables.tables[name].insert(), frame.to_dicts())
    engine.dispose()


def insert_with_pandas(database_url: str, frames: Frames) -> None:
    """`to_sql` as it is without options, in one transaction."""
    engine = _engine(database_url)
    with engine.begin() as connection:
        for name, frame in frames.items():
            frame.to_pandas().to_sql(name, connection, if_exists="append", index=False)
    engine.dispose()


def insert_with_dlt(database_url: str, frames: Frames) -> None:
    """A dlt pipeline from Arrow tables, into a dataset of its own."""
    import dlt  # type: ignore[import-not-found,unused-ignore]

    url = make_url(database_url)
    credentials = {
        # The folder of a Unix socket is in the query, which wins.
        "host": url.host or "localhost",
        "query": dict(url.query),
        "port": url.port or 5432,
        "username": url.username,
        "password": url.password or "none",
        "database": url.database,
    }
    with TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=str(Path(folder)),
            destination=dlt.destinations.postgres(credentials),
            dataset_name="by_dlt",
        )
        pipeline.run(
            [dlt.resource(frame.to_arrow(), name=name) for name, frame in frames.items()],
            write_disposition="replace",
        )


def available() -> dict[str, Insert]:
    """Those whose packages are installed, by name; importing them is no part of inserting."""
    # dlt tells its makers of every run, unless told not to.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    ways: dict[str, tuple[str, Insert]] = {
        "SQLAlchemy bulk insert": ("psycopg2", insert_with_sqlalchemy),
        "pandas.to_sql": ("pandas", insert_with_pandas),
        "dlt": ("dlt", insert_with_dlt),
    }
    installed = {name: way for name, way in ways.items() if find_spec(way[0]) is not None}
    for package, _ in installed.values():
        import_module(package)
    return {name: insert for name, (_, insert) in installed.items()}
