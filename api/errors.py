"""From error to answer: the one table, and one JSON shape for everything that goes wrong.

Every error leaves as ``application/problem+json`` (RFC 9457): ``type``, ``title``, ``status``,
``detail``, ``instance``, and members that help to mend the request (``parameter``, ``errors``,
``successors``).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from twin import errors

__all__ = [
    "PROBLEM_JSON",
    "Problem",
    "install",
    "problem",
    "problem_of",
    "response_for_status",
    "response_of",
    "surprised",
]

PROBLEM_JSON = "application/problem+json"
log = logging.getLogger("citytwin.api")
FAILED = "%s %s failed (request %s)"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of answer that is no success: status, stable name, title in both languages."""

    status: int
    slug: str
    en: str
    zh: str


INVALID = Problem(
    400, "invalid-request", "The request cannot be answered so", "请求无法按所给参数处理"
)
NOT_FOUND = Problem(404, "not-found", "No such thing", "未找到")
CONFLICT = Problem(409, "conflict", "The state does not allow this", "当前状态不允许此操作")
FORBIDDEN = Problem(403, "forbidden", "Your role does not allow this", "当前角色无此权限")
CITY = Problem(503, "city-unavailable", "The city cannot be opened", "城市底座不可用")
UNUSABLE = Problem(422, "unusable-content", "The content cannot be used", "内容无法使用")
INTERNAL = Problem(500, "internal-error", "The server failed", "服务器内部错误")

PROBLEMS: tuple[tuple[type[errors.TwinError], Problem], ...] = (
    (errors.InvalidRequestError, INVALID),
    (errors.NotFoundError, NOT_FOUND),
    (errors.ConflictError, CONFLICT),
    (errors.ForbiddenError, FORBIDDEN),
    (errors.CityError, CITY),
    (errors.SourceError, UNUSABLE),
    (errors.CrsError, UNUSABLE),
    (errors.PlanError, UNUSABLE),
    (errors.LawError, CONFLICT),
    (errors.TwinError, INTERNAL),
)
"""The table: the first class an error is an instance of decides; the last catches all."""

BY_STATUS: Mapping[int, Problem] = {
    400: INVALID,
    401: Problem(401, "unauthenticated", "A valid token is needed", "需要有效令牌"),
    403: FORBIDDEN,
    404: NOT_FOUND,
    405: Problem(405, "method-not-allowed", "Method not offered here", "不支持该请求方法"),
    406: Problem(406, "not-acceptable", "This format is not offered", "不提供该格式"),
    409: CONFLICT,
    410: Problem(410, "gone", "This thing is no more", "该对象已注销"),
    408: Problem(408, "request-timeout", "The request came too slowly", "请求超时"),
    412: Problem(412, "precondition-failed", "It has changed meanwhile", "前置条件不满足"),
    413: Problem(413, "content-too-large", "The request body is too large", "请求体过大"),
    414: Problem(414, "uri-too-long", "The address is too long", "请求地址过长"),
    416: Problem(416, "range-not-satisfiable", "No such range", "请求范围无效"),
    415: Problem(415, "unsupported-media-type", "This encoding is not taken", "不接受该编码"),
    422: UNUSABLE,
    428: Problem(428, "precondition-required", "A lock is needed", "需要条件请求"),
    429: Problem(429, "too-many-requests", "Too many requests", "请求过于频繁"),
    431: Problem(431, "headers-too-large", "The headers are too large", "请求头过大"),
    500: INTERNAL,
    503: CITY,
}


def problem_of(error: errors.TwinError) -> Problem:
    """Kind of answer for an error of the tree.

    Examples
    --------
    >>> problem_of(errors.NotFoundError("no entity 7")).status
    404
    """
    return next(kind for cls, kind in PROBLEMS if isinstance(error, cls))


def problem(
    request: Request,
    kind: Problem,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,  # noqa: ANN401 -- extension members of RFC 9457 are any JSON
) -> Response:
    """Build the answer.

    Parameters
    ----------
    request : Request
        Decides ``instance`` (its path) and the language of the title.
    kind : Problem
        Status, type and title.
    detail : str
        What was given, what was expected, what to do.
    headers : Mapping, optional
        Further headers.
    **members : Any
        Extension members; those that are None are left out.
    """
    chinese = _wants_chinese(request)
    body: dict[str, Any] = {
        "type": f"urn:citytwin:problem:{kind.slug}",
        "title": kind.zh if chinese else kind.en,
        "status": kind.status,
        "detail": detail,
        "instance": request.url.path,
        "request": _id(request),
    } | {name: value for name, value in members.items() if value is not None}
    return Response(
        _written(body),
        kind.status,
        {
            "Content-Language": "zh" if chinese else "en",
            "Cache-Control": "no-store",
            **(headers or {}),
        },
        PROBLEM_JSON,
    )


def _written(body: dict[str, Any]) -> bytes:
    """JSON; what was given may hold numbers beyond 64 bits and halves of surrogate pairs, which orjson refuses."""
    try:
        return orjson.dumps(body, default=str)
    except TypeError:
        return json.dumps(body, default=str).encode()


def response_for_status(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Problem answer for a bare HTTP status."""
    kind = BY_STATUS.get(status) or Problem(
        status, f"http-{status}", "The request failed", "请求失败"
    )
    return problem(request, kind, detail, headers=headers)


def install(app: FastAPI) -> None:
    """Let every error of ``app`` leave in the one shape."""
    app.add_exception_handler(errors.TwinError, _on_twin_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, surprised)


def _id(request: Request) -> str | None:
    found: str | None = request.scope.get("request_id")
    return found


def _wants_chinese(request: Request) -> bool:
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "zh")
    return not asked.lower().startswith("en")


def _on_twin_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.TwinError)  # noqa: S101 -- registered for it
    return response_of(request, error)


def response_of(request: Request, error: errors.TwinError) -> Response:
    """The answer to a request that ended in an error of the tree."""
    kind = problem_of(error)
    if kind.status >= 500:
        log.error(FAILED, request.method, request.url.path, _id(request), exc_info=error)
    detail = (
        str(error) if kind is not INTERNAL else "The server could not finish; its log says why."
    )
    return problem(request, kind, detail, parameter=getattr(error, "parameter", None))


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for it
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = (
            f"Nothing is served at {request.url.path}; /landing lists what is, /api describes it."
        )
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "others")
        detail = f"{request.method} is not offered at {request.url.path}; offered: {allowed}."
    return response_for_status(request, error.status_code, detail, headers=error.headers)


def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for it
    found = [
        {
            "where": str(entry["loc"][0]),
            "name": ".".join(str(part) for part in entry["loc"][1:]),
            "message": entry["msg"],
            "given": repr(entry.get("input"))[:200],
        }
        for entry in error.errors()
    ]
    in_body = any(entry["where"] == "body" for entry in found)
    first = found[0]
    what = f"{first['where']} {first['name'] or 'content'}"
    detail = f"{what}: {first['message']} (given {first['given']})."
    parameter = None if in_body else first["name"]
    return problem(
        request, UNUSABLE if in_body else INVALID, detail, parameter=parameter, errors=found
    )


def surprised(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in an error nobody foresaw; the log says which."""
    log.error(FAILED, request.method, request.url.path, _id(request), exc_info=error)
    return problem(request, INTERNAL, "The server could not finish this request; its log says why.")
