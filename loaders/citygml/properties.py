"""What CityGML says of an object besides its shape: attributes, code lists, addresses, references, extensions."""

from pathlib import Path
from typing import Any

from lxml import etree

from loaders.citygml.reading import GML, XLINK_HREF, Element, local
from loaders.citymodel.images import local_file

__all__ = ["CodeLists", "address_of", "generic", "nested", "typed"]

MAX_CODELIST = 64 * 1024**2
MAX_NESTING = 24
_NUMERIC = frozenset({
    "measuredHeight", "storeysAboveGround", "storeysBelowGround", "averageHeight", "height",
    "trunkDiameter", "crownDiameter", "lod", "value",
})  # fmt: skip


class CodeLists:
    """Code lists that lie beside a source; each is read once, none is fetched.

    Parameters
    ----------
    source : Path
        The CityGML file; lists may lie up to five folders above it.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.missing: set[str] = set()
        self._lists: dict[str, dict[str, str]] = {}

    def text_of(self, space: str, code: str) -> str | None:
        """What a code means; None where its list is not here or does not have it."""
        if space not in self._lists:
            self._lists[space] = self._read(space)
        return self._lists[space].get(code)

    def _read(self, space: str) -> dict[str, str]:
        if len(self._lists) > 10_000 or not space.lower().endswith((".xml", ".gml")):
            return {}
        path = local_file(self.source, space, above=5)
        if path is None:
            if "://" not in space:
                self.missing.add(space)
            return {}
        if path.stat().st_size > MAX_CODELIST:
            return {}
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            root = etree.parse(str(path), parser).getroot()
        except (etree.XMLSyntaxError, OSError):
            return {}
        out: dict[str, str] = {}
        for entry in root.iter("{*}Definition"):
            code = (entry.findtext("{*}name") or entry.findtext("{*}identifier") or "").strip()
            text = (entry.findtext("{*}description") or "").strip()
            if code and text:
                out.setdefault(code, text)
        return out


def typed(text: str, kind: str = "") -> Any:  # noqa: ANN401 (JSON)
    """A value as number where its kind says so, else as text.

    Examples
    --------
    >>> typed("12.5", "double"), typed("3", "int"), typed("007"), typed("x", "int")
    (12.5, 3, '007', 'x')
    """
    try:
        if kind == "int":
            return int(text)
        if kind in ("double", "measure"):
            number = float(text)
            return number if abs(number) < 1e300 else text
    except ValueError:
        pass
    return text


_GENERIC = ("Attribute", "AttributeSet")


def generic(element: Element, out: dict[str, Any]) -> bool:
    """Take a generic attribute (2.0: ``stringAttribute`` …, 3.0: ``StringAttribute`` …); whether it was one."""
    kind = local(element)
    if not kind.endswith(_GENERIC):
        return False
    if kind == "genericAttribute":
        taken = [generic(child, out) for child in element]
        return any(taken)
    name = element.get("name") or _child_text(element, "name")
    if not name:
        return False
    if kind.lower().startswith("genericattributeset"):
        inner: dict[str, Any] = {}
        for child in element:
            generic(child, inner)
        out.setdefault(name, inner)
        return True
    value = next((child for child in element if local(child) == "value"), None)
    if value is not None and value.text is not None:
        found = typed(value.text.strip(), kind.lower().removesuffix("attribute"))
        out.setdefault(name, found)
        if value.keys() and value.get("uom"):
            out.setdefault(f"{name}_uom", value.get("uom"))
    return True


def _child_text(element: Element, name: str) -> str | None:
    """Text of the first child of this name; None where there is none."""
    return next((child.text or "" for child in element if local(child) == name), None)


def nested(element: Element, codes: CodeLists, depth: int = 0) -> Any:  # noqa: ANN401 (JSON)
    """What an element holds: text, or the elements below it by name, lists where a name repeats.

    A code whose list lies beside the source becomes its text; the code itself stays beside it under
    the name with ``_code``. Depth past ``MAX_NESTING`` is cut.
    """
    if not len(element):
        href = element.get(XLINK_HREF)
        text = (element.text or "").strip()
        if text and local(element) in _NUMERIC:
            return typed(text, "double")
        return text or href or None
    if depth > MAX_NESTING:
        return None
    out: dict[str, Any] = {}
    for child in element:
        value = nested(child, codes, depth + 1) if local(child) else None
        if value is not None and value != {}:
            _put(out, local(child), child, value, codes)
    if len(out) == 1:
        name, value = next(iter(out.items()))
        if name[:1].isupper() and isinstance(value, dict):  # a type below its property
            same = name.lower() == local(element).lower() or "type" in value
            return value if same else {"type": name, **value}
    return out


def _put(
    out: dict[str, Any],
    name: str,
    child: Element,
    value: Any,  # noqa: ANN401 (JSON)
    codes: CodeLists,
) -> None:
    """A value under its name, with the text of its code and its unit."""
    space, uom = child.get("codeSpace"), child.get("uom")
    if space and isinstance(value, str):
        text = codes.text_of(space, value)
        if text is not None:
            _add(out, f"{name}_code", value)
            value = text
    _add(out, name, typed(value, "measure") if uom and isinstance(value, str) else value)
    if uom and uom not in ("m", "#m"):
        out.setdefault(f"{name}_uom", uom)


def _add(out: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401 (JSON)
    if name not in out:
        out[name] = value
    elif isinstance(out[name], list):
        out[name].append(value)
    else:
        out[name] = [out[name], value]


_PLACES = (
    ("postcode", ("postalcode", "postcode")),
    ("number", ("thoroughfarenumber", "premisenumber", "buildingnumber")),
    ("building", ("premise", "buildingname")),
    ("street", ("thoroughfare",)),
    ("sublocality", ("dependentlocality", "sublocality")),
    ("locality", ("locality",)),
    ("region", ("administrativearea", "subadministrativearea")),
    ("country", ("country",)),
)


def address_of(element: Element) -> dict[str, Any] | None:
    """An xAL address (2.0 or 3.0) as ``full`` text and named parts; None where it says nothing.

    Examples
    --------
    >>> address_of(etree.fromstring(
    ...     "<Address><Country><CountryName>D</CountryName><Locality><LocalityName>Bonn</LocalityName>"
    ...     "<Thoroughfare><ThoroughfareNumber>3</ThoroughfareNumber><ThoroughfareName>Weg</ThoroughfareName>"
    ...     "</Thoroughfare></Locality></Country></Address>"))
    {'country': 'D', 'locality': 'Bonn', 'number': '3', 'street': 'Weg', 'full': 'D Bonn 3 Weg'}
    """
    out: dict[str, Any] = {}
    words: list[str] = []
    for leaf in element.iter():
        if len(leaf) or not local(leaf) or (leaf.tag.rpartition("}")[0].lstrip("{") in GML):
            continue
        text = (leaf.text or "").strip()
        if not text:
            continue
        words.append(text)
        path = [
            local(leaf).lower(),
            *(local(a).lower() for a in leaf.iterancestors() if a is not element),
        ]
        part = _part(path)
        if part is None:
            out.setdefault("lines", []).append(text)
        elif part in out:
            out[part] = f"{out[part]} {text}"
        else:
            out[part] = text
    if not words:
        return None
    out["full"] = " ".join(out.get("lines") or words)
    return out


def _part(path: list[str]) -> str | None:
    """Which part of an address a leaf is, by the names above it, the nearest first."""
    for depth, name in enumerate(path[:6]):
        if name in ("addressline", "freetextaddress"):
            return None
        for part, words in _PLACES:
            if name.startswith(words):
                number = part == "street" and (
                    path[0] in ("number", "identifier") or "number" in path[0]
                )
                return "number" if number and depth else part
    return None
