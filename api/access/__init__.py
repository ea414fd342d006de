"""Who may see and do what: tokens, keys, roles, reach.

``roles``
    what each role may, and what is open to all;
``policy`` ``tokens`` ``callers``
    the policy file with its API keys, tokens of an identity provider, from a token to a caller;
``gate`` ``rates``
    what stands before every route;
``sights`` ``view``
    what a caller sees of the city, applied by every route.

A route asks :func:`reach_of` (what a reader of things is given), :func:`view_of` (everything else that hangs on
things), or :func:`whole_only` where its answer cannot be narrowed.
"""

from api.access.callers import Caller
from api.access.gate import Gate
from api.access.sights import (
    caller_of,
    key_of,
    may_write,
    reach_of,
    role_only,
    view_of,
    whole_only,
)
from api.access.view import View

__all__ = [
    "Caller",
    "Gate",
    "View",
    "caller_of",
    "key_of",
    "may_write",
    "reach_of",
    "role_only",
    "view_of",
    "whole_only",
]
