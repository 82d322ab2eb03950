"""What handlers declare: the right that an operation needs, and who uses it."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from backend.auth.actor import Actor, Right
from backend.auth.errors import Forbidden


class Require:
    """A dependency that lets those pass who have a right, and hands out who it is."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, request: Request) -> Actor:
        """The caller, as the middleware found out. Raises Forbidden."""
        actor = cast(Actor, request.state.actor)
        if not actor.may(self.right):
            raise Forbidden(actor.name, actor.role.value, self.right.value)
        return actor


Reader = Annotated[Actor, Depends(Require(Right.READ))]
"""Anybody who may read."""
Worker = Annotated[Actor, Depends(Require(Right.WORK))]
"""Somebody who may work on signals."""
Administrator = Annotated[Actor, Depends(Require(Right.ADMINISTER))]
"""Somebody who may manage users and keys."""
