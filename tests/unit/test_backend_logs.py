"""Tracebacks in logs: what happened and where, without the data that it happened to."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from backend.logs import format_exception

VALUE = "Ann, born 1950\n[SQL: not the end]"


def _refused() -> asyncpg.PostgresError:
    error = asyncpg.CheckViolationError("new row violates a check")
    error.detail = f"Failing row contains ({VALUE})."
    return error


def _malformed() -> asyncpg.PostgresError:
    return asyncpg.InvalidTextRepresentationError(f'invalid input syntax for type integer: "{VALUE}"')


def _caused(error: Exception) -> Exception:
    try:
        try:
            raise error
        except asyncpg.PostgresError as inner:
            raise RuntimeError("cannot write") from inner
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize("error", [_refused(), _malformed()], ids=["detail", "message"])
@pytest.mark.parametrize("wrapped", ["alone", "caused", "grouped"])
def test_values_are_withheld_wherever_they_come_from(error: Exception, wrapped: str) -> None:
    shown: Exception = error
    if wrapped != "alone":
        shown = _caused(error)
    if wrapped == "grouped":
        shown = ExceptionGroup("several", [shown])
    text = format_exception((type(shown), shown, shown.__traceback__))
    assert "Ann" not in text
    assert "1950" not in text
    assert "withheld" in text
    assert type(error).__name__ in text
    if wrapped != "alone":
        assert "cannot write" in text
        assert "test_backend_logs.py" in text, "frames are shown"


def test_local_variables_are_not_shown() -> None:
    secret = "a-token-of-somebody"
    with pytest.raises(ZeroDivisionError) as caught:
        len(secret) / 0
    text = format_exception((caught.type, caught.value, caught.tb))
    assert "ZeroDivisionError: division by zero" in text
    assert secret not in text


def test_what_a_failed_command_leaves_to_be_passed_on_holds_no_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from transforms.cli.failures import INTERNAL_ERROR, report_failure

    assert report_failure(_caused(_refused())) == INTERNAL_ERROR
    said = capsys.readouterr().err
    left = Path(said.split("the traceback is in ")[1].split(";")[0])
    text = left.read_text(encoding="utf-8")
    left.unlink()
    assert "CheckViolationError" in text
    assert "Ann" not in text + said
    assert report_failure(_refused()) == INTERNAL_ERROR
    said = capsys.readouterr().err
    Path(said.split("the traceback is in ")[1].split(";")[0]).unlink()
    assert said.startswith("internal error: CheckViolationError: new row violates a check\n")
    assert "Ann" not in said
