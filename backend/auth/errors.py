"""What can go wrong between a caller and what it asks for."""

from __future__ import annotations

from backend.errors import DomainError


class Unauthenticated(DomainError):
    """The caller has not shown who it is, or not in a way that counts."""

    slug = "unauthenticated"
    title = "Not signed in"
    status = 401

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def headers(self) -> dict[str, str]:
        """How to sign in."""
        return {"WWW-Authenticate": "Bearer"}


class RemoteWithoutAuthentication(DomainError):
    """Without authentication the service answers its own machine only."""

    slug = "remote-without-authentication"
    title = "Not allowed from here"
    status = 403
    exit_code = 2

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"without authentication only this machine is served, not {address}",
            "set AUTH_MODE=api_key or jwt; or TRUST_NETWORK=true where the network is trusted",
        )


class TooManyRequests(DomainError):
    """The caller sends more than it may for now."""

    slug = "too-many-requests"
    title = "Too many requests"
    status = 429

    def __init__(self, what: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Too many {what}: try again in {retry_after} seconds")

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": str(self.retry_after)}


class BodyTooLarge(DomainError):
    """The request's body is larger than MAX_BODY_BYTES."""

    slug = "body-too-large"
    title = "Body too large"
    status = 413

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"The body may have {limit} bytes at most")


class Forbidden(DomainError):
    """The caller is known, and the role does not allow this."""

    slug = "forbidden"
    title = "Not allowed"
    status = 403

    def __init__(self, name: str, role: str, right: str) -> None:
        self.name = name
        self.role = role
        self.right = right
        super().__init__(f"{name} ({role}) may not do this: it takes the right to {right}")


class IdentityProviderUnavailable(DomainError):
    """The keys that tokens are checked with cannot be read; trying again later may help."""

    slug = "identity-provider-unavailable"
    title = "Keys of tokens unavailable"
    status = 503

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The keys of AUTH_JWT_JWKS cannot be read: {reason}", "check AUTH_JWT_JWKS")


class AccountUnknown(DomainError):
    """No active user has this address."""

    slug = "account-unknown"
    title = "Account unknown"
    status = 404
    exit_code = 2

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(
            f"no active user has the address {email!r}",
            "`compass keys create EMAIL --role ROLE` makes the user too",
        )


class KeyUnknown(DomainError):
    """No API key has this prefix."""

    slug = "key-unknown"
    title = "Key unknown"
    status = 404
    exit_code = 2

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        super().__init__(f"no key begins with qc_{prefix}", "see `compass keys list`")
