"""The plan as a TOML file: written with the reasons of every guess, read with errors that name the line."""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tomli_w

from twin.errors import PlanError
from twin.plan import KINDS, MODES, Z_REFERENCES, LayerPlan, Plan
from twin.units import conversion, named_unit

__all__ = ["read_plan", "write_plan"]

_HEAD = """\
# What goes into the base, layer by layer, in loading order. Correct what is wrong and load it:
#   twin load --plan THIS_FILE --city DIR --dry-run      (tells the balance, writes nothing)
# Paths are relative to this file, or to the folder of --root; * stands for anything (2026-*/建筑.shp).
# fields: source field = canonical attribute;  or  height_m = { field = "HEIGHT", unit = "ft" }
# mode: replace = what is missing has ended, append = only add, update = add and change what is given
"""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": KINDS,
    "mode": MODES,
    "z_reference": Z_REFERENCES,
    "date_order": ("dmy", "mdy"),
}
_ALSO = {
    "class": "class_code",
    "key": "key_field",
    "id": "key_field",
    "id_field": "key_field",
    "name": "name_field",
    "timezone": "time_zone",
    "tz": "time_zone",
    "sheet": "layer",
    "heights": "z_reference",
    "file": "path",
}
"""Keys people write instead; named in the error, never taken silently."""


def write_plan(plan: Plan) -> str:
    """Text of a plan file; keys that are unset are left out, ``notes`` stand as comments above their keys."""
    parts = [_HEAD]
    if plan.edition:
        parts.append(tomli_w.dumps({"edition": plan.edition}))
    for layer in plan.layers:
        row = {k: v for k, v in asdict(layer).items() if v not in (None, "", {}, (), False)}
        row.pop("notes", None)
        row.pop("crs_candidates", None)
        row = {k: list(v) if isinstance(v, tuple) else v for k, v in row.items()}
        body = re.sub(r"(?m)^\[(.+)\]$", r"[layer.\1]", tomli_w.dumps(row))
        parts.append(_with_notes(f"[[layer]]\n{body}", _all_notes(layer)))
    return "\n".join(parts)


def _all_notes(layer: LayerPlan) -> Mapping[str, str]:
    """The notes, with the candidates of a system that is not certain as settings to choose from."""
    if not layer.crs_candidates:
        return layer.notes
    told = ["No system is certain enough to load by. Check, and make one of these the crs:"]
    for crs, why in layer.crs_candidates:
        setting = tomli_w.dumps({"crs": crs}).strip()
        told.append(f"{setting}    # {' '.join(why.split())[:300]}")
    return {**layer.notes, "crs": "\n".join(told)}


def _with_notes(text: str, notes: Mapping[str, str]) -> str:
    """The TOML of one layer with each note above its key (or its table); notes of unset keys stand first."""
    left = dict(notes)
    out: list[str] = []
    inside: str | None = None
    for line in text.splitlines():
        if found := re.match(r"\[layer\.(\w+)", line):
            inside = found[1]
            key: str | None = inside
        else:
            found = re.match(r'("?)([^"=]+)\1 *=', line)
            key = found[2].strip() if found else None
            if inside is not None and key is not None:
                key = f"{inside}.{key}"
        if key in left:
            out += _comment(left.pop(key))
        out.append(line)
    head = [line for note in left.values() for line in _comment(note)]
    return "\n".join([out[0], *head, *out[1:]]) + "\n"


def _comment(note: str) -> list[str]:
    return [f"# {line.strip()}" for line in note.splitlines() if line.strip()]


def read_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises
    ------
    PlanError
        If the file is no TOML, or names a key or a value that no plan has.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise PlanError(
            f"{path}: not a plan file: {err}. Expected [[layer]] tables as `twin scan --plan` writes them."
        ) from err
    for key in document.keys() - {"layer", "edition"}:
        raise PlanError(
            f"{path}, line {_line(text, None, key)}: {key!r} is no part of a plan; "
            "expected [[layer]] tables and edition"
        )
    rows = document.get("layer", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PlanError(f"{path}: not a plan file: expected [[layer]] tables, one per layer")
    edition = document.get("edition")
    return Plan(
        [_layer(_Where(path, text, i, row), row) for i, row in enumerate(rows)],
        None if edition is None else str(edition),
    )


class _Where:
    """Names the entry and the line a complaint is about."""

    def __init__(self, path: Path, text: str, index: int, row: Mapping[str, Any]) -> None:
        self.path, self.text, self.index = path, text, index
        name = row.get("path", "no path")
        self.entry = f"layer {index + 1} ({name}" + (
            f", {row['layer']})" if row.get("layer") else ")"
        )

    def refuse(self, key: str, what: str) -> Never:
        raise PlanError(
            f"{self.path}, line {_line(self.text, self.index, key)}, {self.entry}: {what}"
        )


def _line(text: str, index: int | None, key: str) -> int:
    """Number of the line on which a key stands, of the layer's head where it is not found."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*layer\s*\]\]", line)]
    if index is None or index >= len(starts):
        first, last = 0, len(lines)
    else:
        first = starts[index]
        last = starts[index + 1] if index + 1 < len(starts) else len(lines)
    word = re.compile(rf"(?<![\w]){re.escape(key)}(?![\w])")
    for i in range(first, last):
        if word.search(lines[i].split("#")[0]):
            return i + 1
    return first + 1


def _nearest(given: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(names)}"


def _layer(where: _Where, row: Mapping[str, Any]) -> LayerPlan:
    known = [f.name for f in fields(LayerPlan) if f.name != "notes"]
    out: dict[str, Any] = {}
    for key, value in row.items():
        if key not in known:
            hint = f"did you mean {_ALSO[key]!r}?" if key in _ALSO else _nearest(key, known)
            where.refuse(key, f"{key!r} is no key of a layer; {hint}")
        read: Callable[[_Where, str, Any], Any] = _READ.get(key, _text)
        out[key] = read(where, key, value)
    if not out.get("path"):
        where.refuse("layer", "it has no path; give the file it is about")
    if "fields" in out:
        out["fields"], more = out["fields"]
        out["units"] = {**more, **out.get("units", {})}
        if not out["units"]:
            del out["units"]
    return LayerPlan(**out)


_PLACEMENT = ("crs", "easting", "northing", "lon", "lat", "height", "rotation_deg", "scale")


def _placement(where: _Where, key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 -- any TOML value
    """Where a model stands: a table of numbers, and the crs they are in."""
    if not isinstance(value, dict):
        where.refuse(key, f"{key} = {value!r}: expected {{ crs = …, easting = …, northing = … }}")
    for name, said in value.items():
        if name not in _PLACEMENT:
            where.refuse(name, f"{name!r} is no part of a placement; {_nearest(name, _PLACEMENT)}")
        number = isinstance(said, int | float) and not isinstance(said, bool)
        if number == (name == "crs") or not (number or isinstance(said, str)):
            kind = "a text in quotes" if name == "crs" else "a number"
            where.refuse(name, f"placement.{name} = {said!r}: expected {kind}")
    return dict(value)


def _text(where: _Where, key: str, value: Any) -> str:  # noqa: ANN401 -- any TOML value
    if not isinstance(value, str):
        where.refuse(key, f"{key} = {value!r}: expected a text in quotes")
    if key in _CHOICES and value not in _CHOICES[key]:
        where.refuse(key, f"{key} = {value!r}: {_nearest(value, _CHOICES[key])}")
    if key == "time_zone":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            where.refuse(
                key, f"time_zone = {value!r} is no zone of the tz database (e.g. 'Asia/Shanghai')"
            )
    if key == "z_unit":
        _unit(where, key, value)
    return value


def _unit(where: _Where, key: str, value: Any) -> str:  # noqa: ANN401 -- any TOML value
    known = isinstance(value, str) and all(
        named_unit(unit) is not None for unit in conversion(value) if unit is not None
    )
    if not known:
        where.refuse(
            key,
            f"{value!r} is no known unit; write a UCUM code such as m, [ft_i], Cel, ug/m3, or two as in 'degF -> Cel'",
        )
    return str(value)


def _flag(where: _Where, key: str, value: Any) -> bool:  # noqa: ANN401 -- any TOML value
    if not isinstance(value, bool):
        where.refuse(key, f"{key} = {value!r}: expected true or false")
    return value


def _texts(where: _Where, key: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- any TOML value
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        where.refuse(key, f"{key}: expected a list of texts")
    return tuple(value)


def _numbers(where: _Where, key: str, value: Any) -> tuple[float, ...]:  # noqa: ANN401 -- any TOML value
    plain = isinstance(value, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in value
    )
    if not plain:
        where.refuse(key, f"{key}: expected a list of numbers")
    return tuple(float(v) for v in value)


def _fields(
    where: _Where,
    key: str,
    value: Any,  # noqa: ANN401 -- any TOML value
) -> tuple[dict[str, str], dict[str, str]]:
    """Source field → canonical name, and the units given with them, in either way of writing."""
    if not isinstance(value, dict):
        where.refuse(key, "fields: expected a table, source field = canonical attribute")
    mapped: dict[str, str] = {}
    given: dict[str, str] = {}
    for name, target in value.items():
        source, canonical = name, target
        if isinstance(target, dict):
            unknown = target.keys() - {"field", "to", "unit"}
            if unknown or not ({"field", "to"} & target.keys()):
                where.refuse(
                    name,
                    f"fields.{name}: expected {{ field = …, unit = … }} or {{ to = …, unit = … }}",
                )
            source, canonical = target.get("field", name), target.get("to", name)
            if "unit" in target:
                given[str(source)] = _unit(where, name, target["unit"])
        if not isinstance(source, str) or not isinstance(canonical, str):
            where.refuse(name, f"fields.{name}: expected the name of a field in quotes")
        mapped[source] = canonical
    return mapped, given


def _units(where: _Where, key: str, value: Any) -> dict[str, str]:  # noqa: ANN401 -- any TOML value
    if not isinstance(value, dict):
        where.refuse(key, "units: expected a table, source field = unit")
    return {name: _unit(where, name, unit) for name, unit in value.items()}


def _values(where: _Where, key: str, value: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401 -- any TOML value
    plain = isinstance(value, dict) and all(
        isinstance(t, dict) and all(isinstance(v, str) for v in t.values()) for t in value.values()
    )
    if not plain:
        where.refuse(key, "values: expected tables such as values.stage = { Closed = '结案' }")
    return dict(value)


_READ: Mapping[str, Callable[[_Where, str, Any], Any]] = {
    "placement": _placement,
    "fields": _fields,
    "units": _units,
    "values": _values,
    "skip": _flag,
    "variables": _texts,
    "missing": _numbers,
}
