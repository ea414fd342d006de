"""Cut a folded text into pieces: known names, what looks like a name, numbers, the rest."""

import re
from typing import NamedTuple

from address.grammar import TOKEN_HEADS, Token, token_at
from address.last_words import (
    BRANCH,
    DIGIT_NAME,
    DIVISION_END,
    FACILITY,
    FACILITY_HEADS,
    FOLLOWS,
    FOREIGN_NAME,
    GENERIC,
    HAN_RUN,
    JOINS,
    KINDS,
    LEAD,
    LEAD_HEADS,
    NAME_GOES_ON,
    NEW_CITY,
    NEW_CITY_FIRST,
    NEW_COUNTY,
    RELATION,
    RELATION_HEADS,
    ROAD_AFTER,
    SPACE,
    SPACE_HEADS,
    THINGS,
    TOWN_AFTER,
    TRAP,
    WHOLE_WORD,
)
from address.lexicon import (
    CITY_LETTERS,
    PROVINCE_LETTERS,
    Division,
    Names,
    divisions,
    national_names,
    short_admin,
    towns_of,
)

__all__ = ["WHOLE", "Piece", "segment"]


WHOLE = ""
"""In the set of names to avoid: names that repeat their town are taken whole."""


class Piece(NamedTuple):
    """A piece of the folded text.

    ``kind`` is ``node`` (a name of the gazetteer), ``admin`` (a division of the country),
    ``generic`` (a name known by its
    last word; ``level`` says which), ``rest`` (Han text nobody knows), ``token`` (a numbered part),
    ``relation``,
    ``sep``.
    """

    start: int
    end: int
    kind: str
    text: str
    level: str = ""
    token: Token | None = None


def _admin_at(
    text: str,
    position: int,
    names: Names[Division],
    seen: bool,
    scope: frozenset[str] = frozenset(),
) -> str | None:
    """Longest division name at a place that is not the beginning of something else.

    ``scope`` holds the codes already named: a short name has to fit one of them.
    """
    for name in names.at(text, position):
        end = position + len(name)
        if names.get(name)[0].level == "street":
            if scope and _fits_scope(names.get(name), scope) and not TRAP.match(text, end):
                return name
            continue
        full = (
            any(division.name == name for division in names.get(name))
            or (name[-1] in "省市区县旗盟州" and len(name) > 2)
            or name[-1] in "县市"
        )
        blocked = (
            (not full and bool(TRAP.match(text, end) or TOWN_AFTER.match(text, end)))
            or (full and len(name) == 2 and text[end : end + 1] in ("街", "路"))
            or (ROAD_AFTER.match(text, end) is not None and not names.at(text, end))
        )
        if not full and not scope and not seen and NAME_GOES_ON.match(text, end):
            blocked = blocked or names.get(name)[0].level == "county"
        if name in EVERYWHERE and not (scope and _fits_scope(names.get(name), scope)):
            blocked = blocked or position > 0
        if blocked and not _goes_on(names.get(name), text, end, names):
            continue
        if not full and seen and len(name) == 2 and not FOLLOWS.match(text, end):
            continue
        if not full and scope and not _fits_scope(names.get(name), scope):
            continue
        if (
            name[-1] == "市"
            and name[:-1] in names.entries
            and _splits_better(text, end, names, name)
        ):
            return name[:-1]
        return name
    return None


def _goes_on(found: list[Division], text: str, end: int, names: Names[Division]) -> bool:
    """A division, or a town, of the one named follows: 哈尔滨道里, 武都马街镇."""
    for inner in names.at(text, end):
        for division in names.get(inner):
            if division.level == "county" and any(
                d.level != "county" and division.code.startswith(stem_of(d.code)) for d in found
            ):
                return True
    return any(
        text.startswith(town.name, end)
        for division in found
        if division.level == "county" or division.code in NO_COUNTIES
        for town in towns_of().get(division.code, ())
    )


NO_COUNTIES = ("441900", "442000", "460400", "620200")


def _fits_scope(found: list[Division], scope: frozenset[str]) -> bool:
    """One of the divisions holds, or lies in, one that was named before."""
    return any(
        division.code.startswith(stem_of(code)) or code.startswith(stem_of(division.code))
        for division in found
        for code in scope
    )


def stem_of(code: str) -> str:
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


def _splits_better(text: str, end: int, names: Names[Division], name: str) -> bool:
    """青岛市南区 is 青岛 and its 市南区, not 青岛市 and some 南区."""
    codes = {division.code[:4] for division in names.get(name)}
    own = [d for inner in names.at(text, end) for d in names.get(inner) if d.code[:4] in codes]
    return not own and any(
        division.code[:4] in codes
        and (division.name == inner or _goes_on([division], text, end - 1 + len(inner), names))
        for inner in names.at(text, end - 1)
        for division in names.get(inner)
    )


COMMON_WORDS = frozenset(("和平", "解放", "东方", "新华", "龙湖", "红旗", "建华", "振兴"))
"""Short names of divisions that are far more often the first word of an estate or a firm."""
EVERYWHERE = frozenset(("东区", "西区", "南区", "北区", "城区", "郊区", "矿区", "新区", "市区"))


def segment(
    text: str,
    known: Names[int] | None = None,
    avoid: frozenset[str] = frozenset(),
    begin: int = 0,
    gap: bool = False,
    after_road: bool = False,
) -> list[Piece]:
    """Cut a folded text.

    Parameters
    ----------
    text : str
        Folded (see `address.normalise.normalise`).
    known : Names, optional
        Names of a gazetteer; they win over what merely looks like a name.

    avoid : frozenset of str
        Names of the gazetteer that are to be read as something else this time.
    begin : int
        Where to begin; what stands before was read already and holds no division.
    gap : bool
        Stop before the second piece that is a name of the gazetteer, a numbered part or a mark.
    after_road : bool
        A road ends where it begins.

    Returns
    -------
    list of Piece
        In order, without overlap; separators included.
    """
    nation = national_names()
    pieces: list[Piece] = []
    position, size, seen_admin = begin, len(text), False
    if (
        size > 1
        and not begin
        and text[0] in PROVINCE_LETTERS
        and (known is None or not known.at(text, 0))
    ):
        position = _letter_province(text, pieces, nation)
    reader = _Reader(text, known, nation, avoid)
    reader.after_road = after_road
    if pieces and known is None:
        reader.scope = frozenset(d.code for d in nation.get(pieces[0].text))
        position += _letter_city(text, position, pieces, nation)
    while position < size:
        piece = _separator_at(text, position)
        if piece is None and known is None:
            piece = _new_division(text, position, pieces)
        if piece is None:
            piece = reader.at(position, seen_admin)
        if gap and pieces and (piece.kind in ("node", "token") or piece.text in _MARKS):
            break
        pieces.append(piece)
        reader.after_road = piece.level == "road"
        reader.fresh = piece.kind == "sep"
        if piece.kind == "admin":
            seen_admin = reader.admin = True
            if known is None:
                reader.scope |= {division.code for division in nation.get(piece.text)}
        position = piece.end
    return pieces


_MARKS = ",()-~+&"


def _separator_at(text: str, position: int) -> Piece | None:
    character = text[position]
    if character not in _MARKS or (character == "-" and token_at(text, position) is not None):
        return None
    return Piece(position, position + 1, "sep", character)


def _letter_province(text: str, pieces: list[Piece], nation: Names[Division]) -> int:
    """京朝阳…, 沪嘉定…: the letter counts when a division of that province follows."""
    code = PROVINCE_LETTERS[text[0]]
    first = nation.at(text, 0)
    city = CITY_LETTERS.get(text[1], "")
    if city.startswith(code) and not first and _begins_in(city[:4], text, 2, nation):
        pieces.append(Piece(0, 1, "admin", divisions()[code + "0000"].name, "province"))
        return 1
    for name in nation.at(text, 1):
        if first and (len(name) < 3 or name[-1] not in "市区县州" or first[0][-1] in "省市区县"):
            continue  # 津南开区 is 津 and 南开区, 津南区 is one name
        if any(division.code.startswith(code) for division in nation.get(name)):
            full = divisions()[code + "0000"].name
            pieces.append(Piece(0, 1, "admin", full, "province"))
            return 1
    return 0


def _letter_city(text: str, position: int, pieces: list[Piece], nation: Names[Division]) -> int:
    """粤深南山…: one letter for the city behind the one for its province; characters read."""
    city = CITY_LETTERS.get(text[position : position + 1], "")
    if (
        not city
        or nation.at(text, position)
        or not _begins_in(city[:4], text, position + 1, nation)
    ):
        return 0
    pieces.append(Piece(position, position + 1, "admin", divisions()[city].name, "city"))
    return 1


def _begins_in(code: str, text: str, position: int, nation: Names[Division]) -> bool:
    """A division of a province or city begins at a place."""
    return any(
        division.code.startswith(code)
        for name in nation.at(text, position)
        for division in nation.get(name)
    )


def _new_division(text: str, position: int, pieces: list[Piece]) -> Piece | None:
    """A city or county that the tables do not have, after its province or city."""
    last = pieces[-1] if pieces else None
    if last is None:
        pattern, level = NEW_CITY_FIRST, "city"
    elif last.kind == "admin" and last.text in PROVINCES:
        pattern, level = NEW_CITY, "city"
    elif last.level == "city" and last.kind == "generic":
        pattern, level = NEW_COUNTY, "county"
    else:
        return None
    found = pattern.match(text, position)
    if found is None:
        return None
    nation = national_names()
    for name in nation.at(text, position):
        end = position + len(name)
        if name[-1] in "省市区县州盟旗" or nation.at(text, end):
            return None
        if _goes_on(nation.get(name), text, end, nation):
            return None
    return Piece(position, found.end(), "generic", found[0], level)


PROVINCES = frozenset(
    form
    for division in divisions().values()
    if division.level == "province"
    for form in (division.name, *short_admin(division.name))
)


class _Reader:
    """What begins at a place of one text."""

    def __init__(
        self, text: str, known: Names[int] | None, nation: Names[Division], avoid: frozenset[str]
    ) -> None:
        self.text, self.known, self.nation, self.avoid = text, known, nation, avoid
        self.split = WHOLE not in avoid
        self.scope: frozenset[str] = frozenset()
        self.after_road = False
        self.admin = False
        self.fresh = True
        self.firm = False
        self.full: dict[int, str] | None = None
        self.things = THINGS.search(text) is not None

    def at(self, position: int, seen_admin: bool) -> Piece:
        """Piece that begins at a place that is no separator: the surest reading first."""
        text = self.text
        piece = self._node(position)
        if piece is not None:
            return piece
        name = _admin_at(text, position, self.nation, seen_admin, self.scope)
        if name is not None and name not in self.avoid and not self._in_name(name, position):
            return Piece(position, position + len(name), "admin", name)
        piece = _thing_at(text, position) if self.things else None
        piece = piece or _numbered_at(text, position)
        if piece is not None:
            return piece
        if self.after_road and text[position] in "与和及跟" and JOINS.match(text, position):
            return Piece(position, position + 1, "sep", text[position])
        head = text[position]
        for kind, pattern, heads in _WORDS:
            if head in heads and (found := pattern.match(text, position)) is not None:
                return Piece(position, found.end(), kind, found[0])
        for level, pattern, sign in (("poi", BRANCH, "("), ("compound", DIGIT_NAME, "")):
            if sign in text and (found := pattern.match(text, position)) is not None:
                return Piece(position, found.end(), "generic", found[0], level)
        return self._unknown(position)

    def _in_name(self, name: str, position: int) -> bool:
        """A short name with no division before it that only begins an estate or a firm.

        In the middle of a text (解放东路和平里小区), or where it is a word of everyday language.
        """
        if self.scope or self.admin or (self.fresh and name not in COMMON_WORDS):
            return False
        text, end = self.text, position + len(name)
        found = self.nation.get(name)
        if name[-1] in "省市区县旗盟州" or any(division.name == name for division in found):
            return False
        if end < len(text) and not text[end].isalnum():
            return False
        return end < len(text) and not _goes_on(found, text, end, self.nation)

    def _node(self, position: int) -> Piece | None:
        """Longest name of the gazetteer that does not run into a road of another name."""
        known, text = self.known, self.text
        if known is None:
            return None
        for name in known.at(text, position):
            end = position + len(name)
            cuts = name[-1] not in ROAD_LAST and ROAD_AFTER.match(text, end)
            if not cuts and name[-1] not in _NAMED_WORD:
                cuts = _DIRECTED_ROAD.match(text, end)
            if name in self.avoid or (cuts and not known.at(text, end)):
                continue
            level = known.level_of(known.get(name)[0]) if known.level_of is not None else ""
            if level == "community" and self.split and self._repeats_town(name, position):
                continue
            if name[-1] in "弄号" and self._is_door(name):
                continue
            return Piece(position, end, "node", name, level)
        return None

    def _is_door(self, name: str) -> bool:
        """A place that is only called by its road and number: they are read as such."""
        known = self.known
        return known is not None and any(
            name[:cut] in known.entries and name[cut].isdigit() for cut in range(2, len(name) - 1)
        )

    def _repeats_town(self, name: str, position: int) -> bool:
        """合庆镇前哨村 under 合庆镇: taken whole only where the town is said before it."""
        known, before = self.known, self.text[:position]
        return known is not None and any(
            name[:cut] in known.entries and name[cut:] in known.entries
            and not before.endswith(name[:cut])
            for cut in range(2, len(name) - 1)
        )  # fmt: skip

    def _unknown(self, position: int) -> Piece:
        """A name nobody knows: by its last word, else up to the next thing that is known."""
        text = self.text
        run = HAN_RUN.match(text, position)
        if run is None:
            return Piece(position, position + 1, "rest", text[position])
        end = min(run.end(), position + _LONGEST_NAME)
        self.firm = False
        foreign = FOREIGN_NAME.match(text, position)
        if foreign is not None and self.known is None:
            return Piece(position, foreign.end(), "rest", foreign[0])
        limit = next((i for i in range(position + 1, end) if self._stops(position, i)), end)
        generic = GENERIC.match(text, position, limit)
        if generic is None and limit < end and not self.firm and self.known is None:
            generic = GENERIC.match(text, position)
        if generic is not None:
            return Piece(position, generic.end(), "generic", generic[0], _level_of(generic))
        limit = next((i for i in range(position + 1, limit) if self._begins(position, i)), limit)
        kind = "sep" if limit - position == 1 and WHOLE_WORD.match(text, position) else "rest"
        return Piece(position, limit, kind, text[position:limit])

    def _division(self, inner: int) -> bool:
        """A division written in full begins at a place."""
        if self.full is None:
            text, entries = self.text, self.nation.entries
            self.full = {
                start: text[start : found.end()]
                for found in DIVISION_END.finditer(text)
                for start in range(max(0, found.start() - 10), found.start() - 1)
                if text[start : found.end()] in entries
            }
        name = self.full.get(inner)
        return name is not None and name == _admin_at(
            self.text, inner, self.nation, True, self.scope
        )

    def _stops(self, position: int, inner: int) -> bool:
        """A name cannot run over this place: a known name, a relation, 与 after a road."""
        text = self.text
        if self.known is not None and (found := self.known.at(text, inner)) and len(found[0]) > 2:
            return True
        if inner - position < 1:
            return False
        if self.known is None and self._division(inner):
            self.firm = True
            return True
        if inner - position < 2:
            return False
        joins = text[inner - 1] in ROAD_LAST and WHOLE_WORD.match(text, inner) is not None
        if (
            self.things
            and text[inner] in FACILITY_HEADS
            and FACILITY.match(text, inner) is not None
        ):
            return True
        return joins or (text[inner] in RELATION_HEADS and RELATION.match(text, inner) is not None)

    def _begins(self, position: int, inner: int) -> bool:
        """Something that is surely not part of a nameless run begins here."""
        text = self.text
        head = text[inner]
        may = not head.isalpha() or head.isascii() or head in "地负"
        may = may or (head in "甲乙丙丁" and text[inner + 1 : inner + 2].isdigit())
        may = may or (head in "夹顶首底" and text[inner + 1 : inner + 2] == "层")
        if may and token_at(text, inner) is not None:
            return True
        if inner - position < 2:
            return False
        name = _admin_at(text, inner, self.nation, True)
        return name is not None and name[-1] in "省市区县"


def _thing_at(text: str, position: int) -> Piece | None:
    """A lamp post, a manhole, a meeting room with its number."""
    head = text[position]
    if head in FACILITY_HEADS and (found := FACILITY.match(text, position)) is not None:
        return Piece(position, found.end(), "generic", found[0], "facility")
    if head in SPACE_HEADS and (found := SPACE.match(text, position)) is not None:
        return Piece(position, found.end(), "generic", found[0], "room")
    return None


def _numbered_at(text: str, position: int) -> Piece | None:
    """A numbered part, or a road whose name is a number."""
    if text[position] not in TOKEN_HEADS:
        return None
    token = token_at(text, position)
    if text[position].isdigit() or text[position] in "GSXY":
        generic = GENERIC.match(text, position)
        if (
            generic is not None
            and generic["numbered"]
            and (token is None or generic.end() >= token.end)
        ):
            return Piece(position, generic.end(), "generic", generic[0], "road")
    if token is None:
        return None
    return Piece(position, token.end, "token", text[position : token.end], "", token)


def _level_of(generic: re.Match[str]) -> str:
    kind = next(k for k in KINDS if generic[k] is not None)
    return LEVEL_OF.get(kind, kind)


LEVEL_OF = {"numbered": "road", "zone": "devzone"}
"""Level of the kinds of `address.last_words.GENERIC` that are no levels."""


_NAMED_WORD = frozenset("省市区县旗盟州镇乡道村社路街巷弄0123456789号)")
_DIRECTED_ROAD = re.compile(r"[东西南北中]{1,2}(?:大道|大街|路|街(?!道))")
_WORDS = (
    (
        "sep",
        LEAD,
        LEAD_HEADS,
    ),
    ("relation", RELATION, RELATION_HEADS),
)
"""Kind, pattern and the characters it can begin with."""
_LONGEST_NAME = 32
"""Characters of a run that are looked at for the name of one thing."""
ROAD_LAST = "路街道巷弄"
