r"""CQL2 text or JSON to one JSON tree, through the ``cql2`` package, at a cost that grows with the length only.

That package's parser takes time exponential in unclosed or nested brackets and overflows the stack on long chains, so
text is cut at its brackets first: every bracketed part is read alone, names and strings stand in for themselves as
plain words, and no part it sees holds another. Also done here because the package does not: escapes in strings
(``\'``, ``\n``), ``.5``, exponents in coordinates, names that begin with ``_`` or ``:``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import cql2
import orjson

from twin.errors import InvalidRequestError

__all__ = [
    "JSON",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_LITERALS",
    "MAX_OPERATORS",
    "MAX_VERTICES",
    "TEXT",
    "refusal",
    "tree",
]

TEXT: Final = "cql2-text"
JSON: Final = "cql2-json"
MAX_LENGTH: Final = 131_072
"""Characters of a filter."""
MAX_DEPTH: Final = 48
"""Brackets within one another; members of JSON may lie 120 deep, as each operator has two of them."""
_MAX_MEMBERS: Final = 120
MAX_LITERALS: Final = 5_000
"""Names, strings, numbers and shapes, the numbers of coordinates not counted."""
MAX_VERTICES: Final = 5_000
"""Of a shape."""
MAX_OPERATORS: Final = 500
"""Logical operators, comparisons, calls and names, each; arithmetic operators, ``NOT`` and signs are a fifth of it."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^'\\]|\\.|'')*+')
    |(?P<quoted>"(?:[^"]|"")++")
    |(?P<shape>(?:POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)
        \s*(?:ZM|Z|M)?\s*(?=\())
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)
    |(?P<word>(?:[^\W\d]|:)[\w:.\u0300-\u036f\u203f\u2040]*+)
    |(?P<open>\()|(?P<close>\))|(?P<comma>,)
    |(?P<sign>[-+*/%^])
    |(?P<compare><>|<=|>=|!=|[<>=])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKET = re.compile(r"[()]")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_ODD_NUMBER = re.compile(r"[.\d]e|[\s(,+-]\.", re.IGNORECASE)
_CALLED = re.compile(r"\s*\(")
_COORDINATES = re.compile(r"[-+.\w\s(),]*", re.ASCII)
_STANDARD = re.compile(
    r"(?:[sta]_[a-z]+|casei|accenti|bbox|interval|date|timestamp)$", re.IGNORECASE
)
_LOGICAL = frozenset({"and", "or"})
_CHAINED = frozenset({"not", "div"})
_COMPARING = frozenset({"in", "like", "between", "is"})
_KEYWORDS = _LOGICAL | _CHAINED | _COMPARING | {"null", "true", "false"}
_MOST_COMPARES: Final = 3
_STANDIN = re.compile(r"q\d+", re.ASCII)
_ESCAPED: Final = {
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "'": "'",
    "\\": "\\",
}
_MEMBERS: Final = (
    {"op", "args"}, {"property"}, {"date"}, {"timestamp"}, {"interval"}, {"bbox"}, {"type", "coordinates"},
    {"type", "geometries"}, {"type", "coordinates", "bbox"}, {"type", "geometries", "bbox"},
)  # fmt: skip


def refusal(message: str) -> InvalidRequestError:
    """An error about the parameter ``filter``."""
    return InvalidRequestError(message, "filter")


def tree(text: str | bytes, language: str = TEXT) -> Any:  # noqa: ANN401 - JSON
    """The filter as a tree of CQL2 JSON.

    Parameters
    ----------
    text : str or bytes
        At most :data:`MAX_LENGTH` characters.
    language : str
        ``cql2-text`` or ``cql2-json``.

    Raises
    ------
    InvalidRequestError
        It is too long, too deep or no CQL2; the message says where.

    Examples
    --------
    >>> tree("floors > 5")
    {'op': '>', 'args': [{'property': 'floors'}, 5.0]}
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as err:
            raise refusal(f"filter: not UTF-8 at byte {err.start}; send it as UTF-8") from err
    if len(text) > MAX_LENGTH:
        raise refusal(
            f"filter: {len(text):,} characters, at most {MAX_LENGTH:,} are read; send a simpler shape or fewer values"
        )
    if not text.isascii() and _SURROGATE.search(text):
        raise refusal("filter: it holds half a surrogate pair; send it as UTF-8")
    if "\0" in text or "\\u0000" in text:
        raise refusal("filter: it holds a NUL character; remove it")
    if language == TEXT:
        return _Text(text).read()
    if language == JSON:
        return _json(text)
    raise InvalidRequestError(
        f"filter-lang: {language[:40]!r} is not known; give {TEXT} or {JSON}", "filter-lang"
    )


def _asked(source: str, read: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """What the package makes of a part; its errors are of several classes, some plain ``Exception``."""
    try:
        return read(source).to_json()
    except (cql2.ParseError, cql2.ValidationError) as err:
        raise ValueError(str(err)) from err
    except Exception as err:
        if type(err) is not Exception and not isinstance(
            err, (ValueError, TypeError, OverflowError)
        ):
            raise
        raise ValueError(str(err)) from err


# --- JSON -------------------------------------------------------------------------------------------------------------


def _json(text: str) -> Any:  # noqa: ANN401
    if text.count("[") > MAX_VERTICES + 4 * MAX_OPERATORS:
        raise _too_many_vertices()
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise refusal(
            f"filter: no JSON ({err}); with filter-lang={TEXT} it is read as text"
        ) from err
    _check_json(given)
    try:
        return _asked(text, cql2.parse_json)
    except ValueError as err:
        raise refusal(f"filter: no CQL2 JSON ({_short(err)})") from err


def _check_json(given: object) -> None:
    """Bounded, and no member that would be passed over in silence."""
    literals = 0
    level = [("", given)]
    for _ in range(_MAX_MEMBERS + 1):
        below: list[tuple[str, object]] = []
        for where, item in level:
            if isinstance(item, dict):
                if "type" in item and item.keys() <= {"type", "coordinates", "geometries", "bbox"}:
                    literals += 1
                    continue
                if item.keys() not in _MEMBERS:
                    raise refusal(
                        f"filter at {where or '/'}: the members {sorted(item)[:6]} are no part of CQL2 JSON; "
                        "expected op and args, property, date, timestamp, interval, bbox or a GeoJSON geometry"
                    )
                below.extend((f"{where}/{k}", v) for k, v in item.items())
            elif isinstance(item, list):
                below.extend((f"{where}/{i}", v) for i, v in enumerate(item))
            else:
                literals += 1
        if len(below) + literals > 4 * MAX_LITERALS:
            raise refusal(f"filter: more than {MAX_LITERALS:,} values; give fewer")
        if not below:
            return
        level = below
    raise refusal(
        f"filter: members lie deeper than {_MAX_MEMBERS} within one another; write it flatter"
    )


# --- text -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Frame:
    """An open bracket: what stands before it, the parts between its commas that are done, and the one being read."""

    start: int
    name: str | None = None
    listed: bool = False
    parts: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    plain: bool = True
    compares: int = 0


class _Text:
    """One reading of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._stand: list[
            tuple[bool, Any]
        ] = []  # (whether a name, what the word q0, q1 … stands for)
        self._stack = [_Frame(0)]
        self._counts = {
            "literal": 0,
            "logical": 0,
            "compare": 0,
            "chained": 0,
            "call": 0,
            "name": 0,
        }

    def read(self) -> Any:  # noqa: ANN401 - JSON
        take = self._take
        for kind, word, start, end in self._tokens():
            take(kind, word, start, end)
        if len(self._stack) > 1:
            raise refusal(
                f"filter: the bracket at character {self._stack[-1].start + 1} is never closed"
            )
        root = self._stack[0]
        if root.parts:
            raise refusal("filter: a comma stands outside of brackets; expected one condition")
        if not root.pieces:
            raise refusal("filter: it is empty; expected a condition such as floors > 5")
        return self._parsed(root, len(self._text))

    def _tokens(self) -> Iterator[tuple[str, str, int, int]]:
        text, at, match = self._text, 0, _TOKEN.match
        while at < len(text):
            found = match(text, at)
            if found is None:
                raise refusal(
                    f"filter: cannot be read at character {at + 1}: {text[at : at + 20]!r}"
                    + ("; the quote is never closed" if text[at] in "'\"" else "")
                )
            at = found.end()
            kind = str(found.lastgroup)
            if kind == "shape":
                end = self._shape_end(at)
                yield kind, text[found.start() : end], found.start(), end
                at = end
            elif kind != "space":
                yield kind, found.group(), found.start(), at

    def _shape_end(self, at: int) -> int:
        depth = 0
        for bracket in _BRACKET.finditer(self._text, at):
            depth += 1 if bracket.group() == "(" else -1
            if depth == 0:
                return bracket.end()
            if depth > 5:
                raise refusal(
                    f"filter: shapes lie within one another too deeply at character {bracket.start() + 1}"
                )
        raise refusal(f"filter: the bracket at character {at + 1} is never closed")

    def _count(self, what: str, most: int) -> None:
        self._counts[what] += 1
        if self._counts[what] > most:
            raise refusal(
                f"filter: more than {most:,} operators or values of a kind ({what}); write it shorter"
            )

    def _take(self, kind: str, word: str, start: int, end: int) -> None:
        frame = self._stack[-1]
        if kind == "open":
            self._open(frame, start)
        elif kind == "close":
            self._close(end)
        elif kind == "comma":
            self._part(frame, start)
        elif kind == "sign":
            self._count("chained", MAX_OPERATORS // 5)
            self._add(frame, word, plain=False)
        elif kind == "compare":
            self._compare(frame, start)
            self._add(frame, word, plain=False)
        elif kind == "word" and word.lower() in _KEYWORDS:
            self._keyword(frame, word.lower(), start)
        else:
            self._count("literal", MAX_LITERALS)
            self._add(frame, self._literal(kind, word, start, end), plain=True)

    def _compare(self, frame: _Frame, start: int) -> None:
        """A chain of comparisons means nothing, and the package's stack grows with it."""
        self._count("compare", MAX_OPERATORS)
        frame.compares += 1
        if frame.compares > _MOST_COMPARES:
            raise refusal(
                f"filter: comparisons follow one another at character {start + 1}; join them with AND or OR"
            )

    def _keyword(self, frame: _Frame, word: str, start: int) -> None:
        if word in _LOGICAL:
            self._count("logical", MAX_OPERATORS)
            frame.compares = 0
        elif word in _COMPARING:
            self._compare(frame, start)
        elif word in _CHAINED:
            self._count("chained", MAX_OPERATORS // 5)
        self._add(frame, word, plain=word in ("true", "false"))

    def _literal(self, kind: str, word: str, start: int, end: int) -> str:
        """The word the package sees for a literal, a name or a function."""
        if kind == "number":
            return "0" + word if word[0] == "." else word
        if kind == "string":
            return self._word(False, _unescaped(word))
        if kind in ("quoted", "word"):
            self._count("name", MAX_OPERATORS)
        if kind == "quoted":
            return self._word(True, word[1:-1].replace('""', '"'))
        if kind == "shape":
            if word.count(",") >= MAX_VERTICES:
                raise _too_many_vertices()
            if not _COORDINATES.fullmatch(word):
                raise refusal(
                    f"filter: the shape at character {start + 1} holds more than numbers and brackets"
                )
            return _NUMBER.sub(_plain_number, word) if _ODD_NUMBER.search(word) else word
        if _CALLED.match(self._text, end):
            self._count("call", MAX_OPERATORS)
            return "\0" + (word if _STANDARD.match(word) else self._word(True, word))
        return self._word(True, word)

    def _word(self, name: bool, value: object) -> str:
        self._stand.append((name, value))
        return f"q{len(self._stand) - 1}"

    def _add(self, frame: _Frame, piece: str, *, plain: bool) -> None:
        frame.plain = frame.plain and plain and not frame.pieces
        frame.pieces.append(piece)

    def _open(self, frame: _Frame, start: int) -> None:
        if len(self._stack) > MAX_DEPTH:
            raise refusal(
                f"filter: brackets lie deeper than {MAX_DEPTH} within one another; write it flatter"
            )
        before = frame.pieces[-1] if frame.pieces else ""
        if before[:1] == "\0":
            frame.pieces.pop()
            self._stack.append(_Frame(start, name=before[1:]))
        else:
            self._stack.append(_Frame(start, listed=before == "in"))

    def _part(self, frame: _Frame, end: int) -> None:
        """One part between commas is complete: a plain word, or read alone."""
        if not frame.pieces:
            raise refusal(f"filter: nothing stands before character {end + 1}; expected a value")
        done = frame.pieces[0] if frame.plain else self._word(False, self._parsed(frame, end))
        frame.parts.append(done)
        frame.pieces, frame.plain, frame.compares = [], True, 0

    def _close(self, end: int) -> None:
        if len(self._stack) == 1:
            raise refusal(f"filter: the bracket closed at character {end} was never opened")
        frame = self._stack.pop()
        if frame.pieces or frame.parts or frame.name is None:
            self._part(frame, end - 1)
        above = self._stack[-1]
        if frame.name is not None:
            self._add(above, f"{frame.name}({','.join(frame.parts)})", plain=False)
        elif frame.listed or len(frame.parts) > 1:
            self._add(above, f"({','.join(frame.parts)})", plain=False)
        else:
            self._add(above, frame.parts[0], plain=True)

    def _parsed(self, frame: _Frame, end: int) -> Any:  # noqa: ANN401 - JSON
        source = " ".join(p.lstrip("\0") for p in frame.pieces)
        try:
            return self._resolved(_asked(source, cql2.parse_text))
        except ValueError as err:
            snippet = self._text[frame.start : end].strip()
            raise refusal(
                f"filter: no CQL2 near {snippet[:60]!r} (characters {frame.start + 1} to {end})"
            ) from err

    def _resolved(self, item: Any) -> Any:  # noqa: ANN401 - JSON
        """The package's tree with the words replaced by what they stand for."""
        if isinstance(item, dict):
            name = item.get("property")
            if name is not None:
                if not _STANDIN.fullmatch(name):
                    raise ValueError(f"{name} stands where a value is expected")
                is_name, value = self._stand[int(name[1:])]
                return {"property": value} if is_name else value
            if "coordinates" in item or "geometries" in item:
                return item
            found = {k: self._resolved(v) for k, v in item.items()}
            op = item.get("op", "")
            if _STANDIN.fullmatch(op):
                found["op"] = self._stand[int(op[1:])][1]
            return found
        if isinstance(item, list):
            return [self._resolved(v) for v in item]
        return item


def _unescaped(quoted: str) -> str:
    inner = quoted[1:-1].replace("''", "'")
    if "\\" not in inner:
        return inner
    return re.sub(r"\\(.)", lambda m: _ESCAPED.get(m.group(1), m.group()), inner, flags=re.DOTALL)


def _plain_number(found: re.Match[str]) -> str:
    value = float(found.group())
    if not abs(value) < 1e12:
        raise refusal(f"filter: {found.group()[:20]} is no coordinate; expected degrees or metres")
    return format(value, ".17f")


def _too_many_vertices() -> InvalidRequestError:
    return refusal(f"filter: a shape of more than {MAX_VERTICES:,} vertices; simplify it")


def _short(err: ValueError) -> str:
    return " ".join(str(err).split())[:160]
