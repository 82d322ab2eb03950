"""/api/users: who works with signals."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from backend.auth.actor import Actor, Right
from backend.auth.api_keys import NO_PASSWORD
from backend.auth.dependencies import Administrator, Reader
from backend.auth.errors import Forbidden
from backend.db.models import User as Row
from backend.db.session import begin, snapshot
from backend.dependencies import Engine, ReadEngine
from backend.enums import UserRole
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.users import NewUser, User, UserUpdate
from backend.users.errors import EmailTaken, OwnAccount, UserNotFound

_SHOWN = (Row.id, Row.name, Row.email, Row.role, Row.is_active)

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", response_model=list[User], responses=documented())
async def list_users(
    engine: ReadEngine,
    reader: Reader,
    include_inactive: Annotated[
        bool, Query(description="Those who have left as well; for administrators.")
    ] = False,
) -> Response:
    """Users who can be assigned signals, by name."""
    query = select(*_SHOWN).order_by(Row.name, Row.id)
    if not include_inactive:
        query = query.where(Row.is_active)
    elif not reader.may(Right.ADMINISTER):
        raise Forbidden(reader.name, reader.role.value, Right.ADMINISTER.value)
    async with snapshot(engine) as connection:
        rows = (await connection.execute(query)).mappings().all()
    return JsonResponse([_render(row) for row in rows])


@router.get("/{user_id}", response_model=User, responses=documented(UserNotFound))
async def get_user(user_id: UUID, engine: ReadEngine) -> Response:
    """One user, also one who has left."""
    async with snapshot(engine) as connection:
        row = (await connection.execute(select(*_SHOWN).where(Row.id == user_id))).mappings().one_or_none()
    return _answer(row, user_id)


@router.post("", status_code=201, response_model=User, responses=documented(EmailTaken))
async def create_user(new: NewUser, engine: Engine, admin: Administrator) -> Response:
    """Add a user. To sign in, it needs a key (`compass keys create`) or a token with its address."""
    given = {"email": new.email, "name": new.name, "role": new.role.value, "hashed_password": NO_PASSWORD}
    taken = select(Row.id).where(func.lower(Row.email) == new.email).exists()
    statement = (
        insert(Row)
        .from_select(list(given), select(*(literal(value) for value in given.values())).where(~taken))
        # Two who add the same address at once.
        .on_conflict_do_nothing(index_elements=[Row.email])
        .returning(*_SHOWN)
    )
    async with begin(engine) as connection:
        row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise EmailTaken(new.email)
    return JsonResponse(_render(row), status_code=201, headers={"Location": f"/api/users/{row['id']}"})


@router.patch("/{user_id}", response_model=User, responses=documented(UserNotFound, OwnAccount))
async def update_user(user_id: UUID, changes: UserUpdate, engine: Engine, admin: Administrator) -> Response:
    """Change name or role of a user, or let somebody who has left come back."""
    values = {name: getattr(changes, name) for name in changes.model_fields_set}
    return await _update(engine, admin, user_id, values)


@router.delete("/{user_id}", response_model=User, responses=documented(UserNotFound, OwnAccount))
async def deactivate_user(user_id: UUID, engine: Engine, admin: Administrator) -> Response:
    """Let a user leave: keys and tokens stop working. Assignments and history stay as they are."""
    return await _update(engine, admin, user_id, {"is_active": False})


async def _update(engine: Engine, admin: Actor, user_id: UUID, values: dict[str, Any]) -> Response:
    demotes = values.get("role", UserRole.ADMIN) is not UserRole.ADMIN
    if user_id == admin.user_id and (demotes or not values.get("is_active", True)):
        raise OwnAccount()
    async with begin(engine) as connection:
        if values:
            await connection.execute(update(Row).where(Row.id == user_id).values(values))
        row = (await connection.execute(select(*_SHOWN).where(Row.id == user_id))).mappings().one_or_none()
    return _answer(row, user_id)


def _answer(row: RowMapping | None, user_id: UUID) -> Response:
    if row is None:
        raise UserNotFound(user_id)
    return JsonResponse(_render(row))


def _render(row: RowMapping) -> dict[str, Any]:
    return {"id": str(row["id"]), **{name: row[name] for name in ("name", "email", "role", "is_active")}}
