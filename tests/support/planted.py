"""A password that every database of the tests is reached with, and that no test may ever see again."""

from __future__ import annotations

from sqlalchemy.engine import make_url

PASSWORD = "Planted-in-every-test-4e1f"


def plant(database_url: str) -> str:
    """``database_url`` with the password; a server that trusts whoever comes does not ask for it."""
    return make_url(database_url).set(password=PASSWORD).render_as_string(hide_password=False)


def assert_absent(said: str, who: str) -> None:
    """Fail when ``said`` holds the password."""
    where = said.find(PASSWORD)
    assert where < 0, f"{who} shows a password: ...{said[max(0, where - 300) : where]}(here)..."
