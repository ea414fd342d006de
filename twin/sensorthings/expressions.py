"""``$filter`` and ``$orderby``: from text to a tree (OData 4.0 as 18-088 uses it)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from twin.errors import InvalidRequestError

__all__ = [
    "Call",
    "Constant",
    "Expression",
    "Path",
    "instants",
    "paths_of",
    "read_filter",
    "read_instant",
    "read_orderby",
]

LONGEST: Final = 8_000
DEEPEST: Final = 60

Type: TypeAlias = Literal["text", "number", "bool", "null", "time", "interval", "geo", "duration"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value: text, number, bool, None, a moment (naive UTC), two of them, WKT, or a duration as written."""

    type: Type
    value: str | float | bool | datetime | tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True)
class Path:
    """Names with ``/`` between them, such as ``Thing/properties/owner``."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator (``and``, ``eq``, ``add``, ``neg`` …) over its arguments."""

    name: str
    arguments: tuple["Expression", ...]


Expression: TypeAlias = Constant | Path | Call


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_MOMENT: Final = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"
_TOKENS: Final = re.compile(
    rf"""(?P<space>\s+)
    |(?P<interval>{_MOMENT}/{_MOMENT})
    |(?P<time>{_MOMENT})
    |(?P<date>\d{{4}}-\d{{2}}-\d{{2}})
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<geo>(?:geography|geometry)'(?:[^']|'')*')
    |(?P<duration>duration'[^']*')
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>[@\w$.]+)
    |(?P<mark>[(),/\-])""",
    re.VERBOSE,
)
_BINDING: Final = {
    "or": 1,
    "and": 2,
    "eq": 4,
    "ne": 4,
    "gt": 5,
    "ge": 5,
    "lt": 5,
    "le": 5,
    "add": 6,
    "sub": 6,
    "mul": 7,
    "div": 7,
    "mod": 7,
}
_COMPARISONS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
_PREFIX_NOT, _PREFIX_MINUS = 3, 8


def read_filter(text: str) -> Expression:
    """The condition of ``$filter``.

    Raises
    ------
    InvalidRequestError
        Saying where it cannot be read.
    """
    parser = _Parser(text, "$filter")
    found = parser.expression(0, 0)
    parser.expect_end()
    return found


def read_orderby(text: str) -> list[tuple[Expression, bool]]:
    """The keys of ``$orderby``, each with whether it falls.

    Raises
    ------
    InvalidRequestError
        Saying where it cannot be read.
    """
    parser = _Parser(text, "$orderby")
    keys = []
    while True:
        key = parser.expression(0, 0)
        word = parser.take_name("asc", "desc")
        keys.append((key, word == "desc"))
        if not parser.take_mark(","):
            break
    parser.expect_end()
    return keys


def read_instant(text: str) -> datetime:
    """A moment of ISO 8601 as naive UTC; without a zone it is UTC.

    Raises
    ------
    ValueError
        If it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment


def instants(text: str) -> tuple[datetime, datetime]:
    """Begin and end of a moment or of an interval ``begin/end``; raises ValueError."""
    first, _, last = text.partition("/")
    begin = read_instant(first)
    end = read_instant(last) if last else begin
    if end < begin:
        raise ValueError(f"{text} ends before it begins")
    return begin, end


def paths_of(expression: Expression) -> Iterator[Path]:
    """Every path in a tree."""
    if isinstance(expression, Path):
        yield expression
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            yield from paths_of(argument)


class _Parser:
    """Precedence climbing over the tokens of a text."""

    def __init__(self, text: str, option: str) -> None:
        self._option, self._text = option, text
        if len(text) > LONGEST:
            raise InvalidRequestError(
                f"{option} has {len(text)} characters; at most {LONGEST} are read.", option
            )
        self._tokens, self._at = self._cut(text), 0

    def _cut(self, text: str) -> list[_Token]:
        tokens, at = [], 0
        while at < len(text):
            match = _TOKENS.match(text, at)
            if match is None:
                raise self._wrong(at, "a value, a name or an operator")
            if match.lastgroup != "space":
                tokens.append(_Token(str(match.lastgroup), match[0], at))
            at = match.end()
        tokens.append(_Token("end", "", len(text)))
        return tokens

    def _wrong(self, at: int, expected: str) -> InvalidRequestError:
        shown = self._text[at : at + 30] or "the end"
        return InvalidRequestError(
            f"{self._option}: at character {at + 1} ({shown!r}) {expected} is expected.",
            self._option,
        )

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def take_mark(self, mark: str) -> bool:
        """Take a mark where it comes next."""
        if self._next.kind == "mark" and self._next.text == mark:
            self._at += 1
            return True
        return False

    def take_name(self, *names: str) -> str | None:
        """Take one of some words where it comes next."""
        if self._next.kind == "name" and self._next.text in names:
            return self._take().text
        return None

    def _expect(self, mark: str) -> None:
        if not self.take_mark(mark):
            raise self._wrong(self._next.at, repr(mark))

    def expect_end(self) -> None:
        """Refuse what comes behind."""
        if self._next.kind != "end":
            raise self._wrong(self._next.at, "an operator or the end")

    def expression(self, least: int, depth: int) -> Expression:
        """An expression whose operators bind at least so tightly."""
        if depth > DEEPEST:
            raise InvalidRequestError(
                f"{self._option} is nested deeper than {DEEPEST} levels.", self._option
            )
        left = self._prefix(depth)
        while (token := self._next).kind == "name" and _BINDING.get(token.text, -1) >= max(
            least, 1
        ):
            self._at += 1
            right = self.expression(_BINDING[token.text] + 1, depth + 1)
            left = Call(token.text, (left, right))
        return left

    def _prefix(self, depth: int) -> Expression:
        if self.take_name("not"):
            return Call("not", (self.expression(_PREFIX_NOT, depth + 1),))
        if self.take_mark("-"):
            operand = self.expression(_PREFIX_MINUS, depth + 1)
            if isinstance(operand, Constant) and isinstance(operand.value, float):
                return Constant("number", -operand.value)
            return Call("neg", (operand,))
        if self.take_mark("("):
            found = self.expression(0, depth + 1)
            self._expect(")")
            return found
        token = self._take()
        make = _LITERALS.get(token.kind)
        if make is not None:
            try:
                return make(token.text)
            except (ValueError, OverflowError):
                raise self._wrong(token.at, "a value that is possible") from None
        if token.kind != "name":
            raise self._wrong(token.at, "a value, a name or '('")
        return self._named(token.text, depth)

    def _named(self, name: str, depth: int) -> Expression:
        if name in _WORDS:
            return _WORDS[name]
        if self.take_mark("("):
            return Call(name, self._arguments(depth))
        parts = [name]
        while self.take_mark("/"):
            token = self._take()
            if token.kind not in ("name", "number"):
                raise self._wrong(token.at, "a name")
            parts.append(token.text)
        return Path(tuple(parts))

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        found: list[Expression] = []
        if self.take_mark(")"):
            return ()
        while True:
            found.append(self.expression(0, depth + 1))
            if not self.take_mark(","):
                break
        self._expect(")")
        return tuple(found)


def _quoted(text: str) -> str:
    return text[text.index("'") + 1 : -1].replace("''", "'")


_LITERALS: Final[dict[str, Callable[[str], Constant]]] = {
    "interval": lambda t: Constant("interval", instants(t)),
    "time": lambda t: Constant("time", read_instant(t)),
    "date": lambda t: Constant("time", read_instant(t)),
    "number": lambda t: Constant("number", float(t)),
    "geo": lambda t: Constant("geo", _quoted(t)),
    "duration": lambda t: Constant("duration", _quoted(t)),
    "text": lambda t: Constant("text", _quoted(t)),
}
_WORDS: Final[dict[str, Expression]] = {
    "true": Constant("bool", True),
    "false": Constant("bool", False),
    "null": Constant("null", None),
}


def conjuncts(expression: Expression) -> Sequence[Expression]:
    """Conditions that must all hold, of an expression of ``and``."""
    if isinstance(expression, Call) and expression.name == "and":
        return [*conjuncts(expression.arguments[0]), *conjuncts(expression.arguments[1])]
    return [expression]
