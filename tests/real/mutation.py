"""Damage one file of a source the way deliveries, disks and attackers do: bytes, text, tags, JSON, tables, packed members."""

import contextlib
import gzip
import io
import json
import re
import sqlite3
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

NUMBERS = (
    *("NaN", "nan", "1e308", "-1e308", "1e999", "-1", "0", "-0.0", "Infinity", "-inf", "4294967295", "2147483648"),
    *("99999999999999999999", "1e-320", "0.5", "180.0000001", "91", "1,5", "", "0x10", "１２", "--3", "1e5e5", "-9999"),
)  # fmt: skip
WORDS = (
    *("", " ", "\0", "\ufffd", "../../etc/passwd", "null", "'; DROP TABLE entity; --", "a" * 5000, "𠮷野家🏯", "\u202e"),
    *("EPSG:0", "EPSG:999999", "http://192.0.2.1/x", "/vsicurl/http://192.0.2.1/a", "NaN", "-1", "\t\n", "{", "<a>", "=1+1"),
)  # fmt: skip
INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
FLOATS = (float("nan"), float("inf"), 1e308, -1e308, -1.0, 0.0, 5e-324)
LARGEST = 4_000_000
"""Bytes a mutant may grow to."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TAG = re.compile(r"<[^<>]{1,200}>")
_QUOTED = re.compile(r'"[^"\n]{0,200}"|\'[^\'\n]{0,200}\'')

Change = Callable[[bytes, Random], bytes]


def mutate(folder: Path, rng: Random) -> str:
    """Change one file (sometimes several) under ``folder`` in place; what was done, in a few words."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    said = []
    for _ in range(1 if rng.random() < 0.8 else 2):
        path = rng.choice(files)
        if rng.random() < 0.02 and len(files) > 1:
            path.unlink(missing_ok=True)
            return f"{path.name}: removed"
        content = path.read_bytes() if path.exists() else b""
        if not content:
            continue
        form, changed = _changed(content, rng)
        path.write_bytes(changed[:LARGEST])
        said.append(f"{path.name}: {form}")
    return "; ".join(said)


def _changed(content: bytes, rng: Random) -> tuple[str, bytes]:
    """The content changed, by the form it has, and what was done."""
    for form, is_one, change in _FORMS:
        if rng.random() < 0.7 and is_one(content):
            with contextlib.suppress(*_UNPACKABLE):
                return form, change(content, rng)
    change = text if _is_text(content) and rng.random() < 0.85 else binary
    return change.__name__, change(content, rng)


# ---------------------------------------------------------------- bytes


def binary(content: bytes, rng: Random) -> bytes:
    """One to four changes of bytes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(_BYTES)(content, rng)
    return content


def _place(content: bytes, rng: Random, size: int = 1) -> int:
    """Where to change: heads and tails hold what matters most."""
    last = max(0, len(content) - size)
    where = rng.random()
    if where < 0.45:
        return rng.randint(0, min(last, 256))
    return rng.randint(max(0, last - 512), last) if where < 0.6 else rng.randint(0, last)


def _put(content: bytes, at: int, what: bytes) -> bytes:
    return content[:at] + what + content[at + len(what) :]


def _flip(content: bytes, rng: Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice((1, 2, 8))):
        if out:
            out[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(out)


def _integer(content: bytes, rng: Random) -> bytes:
    kind = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    value = rng.choice(INTEGERS) & (256 ** struct.calcsize(kind) - 1)
    at = _place(content, rng, struct.calcsize(kind))
    return _put(content, at - at % rng.choice((1, 2, 4)), struct.pack(kind, value))


def _float(content: bytes, rng: Random) -> bytes:
    kind = rng.choice(("<d", ">d"))
    at = _place(content, rng, 8)
    return _put(content, at - at % 4, struct.pack(kind, rng.choice(FLOATS)))


def _truncate(content: bytes, rng: Random) -> bytes:
    return content[: rng.randint(0, len(content))]


def _cut(content: bytes, rng: Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.choice((1, 4, 16, 200)) :]


def _double(content: bytes, rng: Random) -> bytes:
    at, size = _place(content, rng), rng.choice((1, 8, 64, 1000))
    times = rng.choice((1, 1, 20, 400))
    return content[:at] + content[at : at + size] * times + content[at:]


def _splice(content: bytes, rng: Random) -> bytes:
    here, there, size = _place(content, rng), _place(content, rng), rng.choice((4, 32, 256))
    return _put(content, here, content[there : there + size])


def _fill(content: bytes, rng: Random) -> bytes:
    return _put(content, _place(content, rng), rng.choice((b"\0", b"\xff")) * rng.choice((2, 16, 300)))  # fmt: skip


def _rubbish(content: bytes, rng: Random) -> bytes:
    at = rng.choice((0, len(content), _place(content, rng)))
    return content[:at] + rng.randbytes(rng.choice((1, 8, 100))) + content[at:]


_BYTES: tuple[Change, ...] = (
    *(_flip, _flip, _integer, _integer, _integer, _float, _float, _truncate, _cut, _double),
    *(_splice, _fill, _rubbish),
)


# ---------------------------------------------------------------- text


def _is_text(content: bytes) -> bool:
    head = content[:2000]
    return b"\0" not in head and sum(b < 9 or 13 < b < 32 for b in head) * 50 < len(head)


def text(content: bytes, rng: Random) -> bytes:
    """One to four changes of numbers, words, lines, tags, or of the encoding."""
    words = content.decode("utf-8", "surrogateescape")
    stripped = words.lstrip("\ufeff \r\n")
    if stripped[:1] in "{[" and rng.random() < 0.45:
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(_tree(json.loads(stripped), rng), ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")  # fmt: skip
    for _ in range(rng.choice((1, 1, 2, 4))):
        words = rng.choice(_TEXTS)(words, rng)[:LARGEST]
    raw = words.encode("utf-8", "surrogateescape")
    return _recode(raw, rng) if rng.random() < 0.08 else raw


def _swap_match(pattern: re.Pattern[str], choices: tuple[str, ...], quote: str = "") -> Callable[[str, Random], str]:  # fmt: skip
    def change(words: str, rng: Random) -> str:
        found = list(pattern.finditer(words))
        for match in sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 3)))), key=lambda m: -m.start()):  # fmt: skip
            words = f"{words[: match.start()]}{quote}{rng.choice(choices)}{quote}{words[match.end() :]}"  # fmt: skip
        return words

    return change


def _lines(words: str, rng: Random) -> str:
    lines = words.splitlines(keepends=True)
    at, what = rng.randrange(len(lines) or 1), rng.randrange(5)
    if not lines or what == 0:
        return words + words[-200:]
    if what == 1:
        del lines[at]
    elif what == 2:
        times = rng.choice((1, 300))
        lines.insert(at, (lines[at] * times)[:LARGEST])
    elif what == 3:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
    return "".join(lines)


def _tags(words: str, rng: Random) -> str:
    found = list(_TAG.finditer(words))
    if not found:
        return _delimiter(words, rng)
    match, what = rng.choice(found), rng.randrange(5)
    tag = match.group()
    if what == 0:
        tag = ""
    elif what == 1:
        tag *= rng.choice((2, 50))
    elif what == 2:
        tag = rng.choice(found).group()
    elif what == 3:
        tag = re.sub(r"[\w:]+", "x", tag, count=1)
    else:
        close = words.find("</" + tag.strip("<>/ ").split(" ")[0], match.end())
        end = words.find(">", close) + 1 if close > 0 else match.end()
        part = words[match.start() : end]
        return words[: match.start()] + (part * 2 if rng.random() < 0.5 else "") + words[end:]
    return words[: match.start()] + tag + words[match.end() :]


def _delimiter(words: str, rng: Random) -> str:
    found = [i for i, c in enumerate(words) if c in ",;\t{}[]()#='\":/\n"]
    if not found:
        return words
    at = rng.choice(found)
    return words[:at] + rng.choice(("", words[at] * 2, ";", "\n", "(", "]", ",,,")) + words[at + 1 :]  # fmt: skip


def _nest(words: str, rng: Random) -> str:
    at, deep = rng.randint(0, len(words)), rng.choice((40, 3_000, 60_000))
    opening, closing = rng.choice((("[", "]"), ("(", ")"), ("<a>", "</a>"), ('{"a":', "}")))
    return words[:at] + opening * deep + "1" + closing * deep + words[at:]


def _end(words: str, rng: Random) -> str:
    return words[: rng.randint(0, len(words))]


def _insert(words: str, rng: Random) -> str:
    at = rng.randint(0, len(words))
    return words[:at] + rng.choice((*WORDS, *NUMBERS)) + words[at:]


_TEXTS: tuple[Callable[[str, Random], str], ...] = (
    *(_swap_match(_NUMBER, NUMBERS),) * 5,
    *(_swap_match(_QUOTED, WORDS, '"'),) * 2,
    _swap_match(re.compile(r"[^\W\d]\w*"), (*WORDS, "x", "名称")),
    *(_lines, _lines, _tags, _tags, _delimiter, _delimiter, _nest, _end, _insert),
)


def _recode(raw: bytes, rng: Random) -> bytes:
    words = raw.decode("utf-8", "replace")
    what = rng.choice(("gb18030", "utf-16", "utf-16-be", "utf-32", "utf-8-sig", "big5", "cr", "nul"))  # fmt: skip
    if what == "cr":
        return raw.replace(b"\n", b"\r")
    if what == "nul":
        return raw.replace(b" ", b"\0")
    return words.encode(what, "replace")


def _tree(value: Any, rng: Random) -> Any:
    """A JSON value with one node inside it exchanged, removed, repeated or wrapped."""
    if isinstance(value, dict) and value and rng.random() < 0.93:
        key = rng.choice(list(value))
        what = rng.random()
        if what < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if what < 0.14:
            return {(k if k != key else rng.choice(WORDS)): v for k, v in value.items()}
        return value | {key: _tree(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at, what = rng.randrange(len(value)), rng.random()
        if what < 0.07:
            return value[:at] + value[at + 1 :]
        if what < 0.14:
            return value + [value[at]] * rng.choice((1, 50))
        return [*value[:at], _tree(value[at], rng), *value[at + 1 :]]
    others = (None, [], {}, True, -1, 1e308, float("nan"), 2**70, [[]], {"a": [1]}, [value], str(value), rng.choice(WORDS), rng.choice(NUMBERS))  # fmt: skip
    return rng.choice(others)


# ---------------------------------------------------------------- packed


def _zip_member(content: bytes, rng: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        members = [(i.filename, packed.read(i)) for i in packed.infolist()]
    members = _one_changed(members, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as packed:  # fmt: skip
        for name, data in members:
            packed.writestr(name or "_", data)
    return out.getvalue()


def _tar_member(content: bytes, rng: Random) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        members = [(m.name, packed.extractfile(m).read()) for m in packed if m.isfile()]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, data in _one_changed(members, rng):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if rng.random() < 0.1:
                info.type, info.linkname = rng.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)), "/etc/passwd"  # fmt: skip
            packed.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _one_changed(members: list[tuple[str, bytes]], rng: Random) -> list[tuple[str, bytes]]:
    at = rng.randrange(len(members))
    name, data = members[at]
    what = rng.random()
    if what < 0.08:
        return members[:at] + members[at + 1 :]
    if what < 0.16:
        return [*members[:at], (rng.choice(("../" + name, "/" + name, name + "/", "a/../../" + name, "C:\\" + name, name[:-1], "x" * 300)), data), *members[at + 1 :]]  # fmt: skip
    return [*members[:at], (name, _changed(data, rng)[1] if data else b"x"), *members[at + 1 :]]


def _gzipped(content: bytes, rng: Random) -> bytes:
    return gzip.compress(_changed(gzip.decompress(content), rng)[1])


def _sqlite(content: bytes, rng: Random) -> bytes:
    """A row, a cell, a table or what the metadata say, changed by SQL."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        path = Path(file.name)
        path.write_bytes(content)
        con = sqlite3.connect(path)
        try:
            tables = [t for (t,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
            table = rng.choice(tables)
            columns = [row[1] for row in con.execute(f'PRAGMA table_info("{table}")')]
            column = rng.choice(columns)
            old = con.execute(f'SELECT "{column}" FROM "{table}" LIMIT 1').fetchone()  # noqa: S608 -- names of this very file
            blob = old[0] if old and isinstance(old[0], bytes) else None
            values = (None, -1, 0, 2**62, 1e308, float("inf"), b"\0\xff", *WORDS[:8], binary(blob, rng) if blob else "x")  # fmt: skip
            where = f'"{table}" SET "{column}" = ?'
            statements = (
                (f"UPDATE {where}", (rng.choice(values),)),
                (f"UPDATE {where} WHERE rowid = 1", (rng.choice(values),)),
                (f'DELETE FROM "{table}" WHERE rowid % 2 = 1', ()),  # noqa: S608 -- as above
                (f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO x', ()),
                (f'ALTER TABLE "{table}" RENAME TO "{rng.choice(("x", "名", "a b"))}"', ()),
                (f'DROP TABLE "{table}"', ()),
            )
            con.execute(*rng.choice((*statements[:2] * 3, *statements[2:])))
            con.commit()
        finally:
            con.close()
        return path.read_bytes()


def _pbf(content: bytes, rng: Random) -> bytes:
    """One blob of an OSM PBF changed inside its compression."""
    blobs, at = [], 0
    while at < len(content):
        size = struct.unpack_from(">I", content, at)[0]
        head, at = content[at + 4 : at + 4 + size], at + 4 + size
        length = int.from_bytes(head[-2:], "little") if head[-3] == 0x18 else head[-1]
        length = (length & 0x7F) | (length >> 1 & 0x3F80) if length > 0xFF else length
        blobs.append((head, content[at : at + length]))
        at += length
    number = rng.randrange(len(blobs))
    out = b""
    for i, (head, blob) in enumerate(blobs):
        packed = blob[blob.index(b"\x78") :]
        raw = zlib.decompress(packed)
        if i == number:
            raw = binary(raw, rng)
        data = zlib.compress(raw)
        body = b"\x10" + _varint(len(raw)) + b"\x1a" + _varint(len(data)) + data
        kind = b"OSMHeader" if b"OSMHeader" in head else b"OSMData"
        new = b"\x0a" + _varint(len(kind)) + kind + b"\x18" + _varint(len(body))
        out += struct.pack(">I", len(new)) + new + body
    return out


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


_UNPACKABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, sqlite3.Error, struct.error, OSError, EOFError),
    *(ValueError, IndexError, AttributeError, NotImplementedError, RuntimeError, OverflowError, KeyError),
)  # fmt: skip
_FORMS: tuple[tuple[str, Callable[[bytes], bool], Change], ...] = (
    ("zip member", lambda c: c.startswith(b"PK\x03\x04"), _zip_member),
    ("gzip content", lambda c: c.startswith(b"\x1f\x8b"), _gzipped),
    ("tar member", lambda c: c[257:262] == b"ustar", _tar_member),
    ("sqlite", lambda c: c.startswith(b"SQLite format 3\0"), _sqlite),
    ("osm blob", lambda c: c[4:16].find(b"OSMHeader") > 0, _pbf),
)
"""Packed forms: name, whether bytes are it, what changes them inside."""
