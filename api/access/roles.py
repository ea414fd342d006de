"""Roles, and what is open to everyone."""

from typing import Final

from twin.settings import Role

__all__ = ["OPEN_PATHS", "ROLES", "at_least", "is_open"]

ROLES: Final[tuple[Role, ...]] = ("viewer", "analyst", "operator", "admin")
"""Each may do what those before it may."""

OPEN_PATHS: Final = ("/page/",)
OPEN_EXACTLY: Final = frozenset({"/", "/healthz", "/readyz"})


def at_least(role: Role | None, needed: Role) -> bool:
    """Whether a role may do what another may.

    Examples
    --------
    >>> at_least("operator", "analyst"), at_least(None, "viewer")
    (True, False)
    """
    return role is not None and ROLES.index(role) >= ROLES.index(needed)


def is_open(path: str) -> bool:
    """Whether a path is answered without a token: the page's own files and whether the server lives."""
    return path in OPEN_EXACTLY or path.startswith(OPEN_PATHS)
