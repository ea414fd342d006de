"""In which character set a table is written: what it declares, checked against its bytes.

Order: byte order mark → ``.cpg`` → language id (LDID) in the DBF header → byte statistics. A
declaration is
believed only if the bytes can be read with it and nothing speaks clearly for another; every
decision
comes with its reason, so that no text turns into mojibake in silence.
"""

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["EncodingVerdict", "decide", "decide_dbf", "decide_text"]

LDID = {
    0x01: "CP437",
    0x02: "CP850",
    0x03: "CP1252",
    0x13: "CP932",
    0x4D: "GB18030",
    0x4E: "CP949",
    0x4F: "CP950",
    0x58: "CP1252",
    0x59: "CP1252",
    0x64: "CP852",
    0x65: "CP866",
    0x66: "CP865",
    0x67: "CP861",
    0x6A: "CP737",
    0x6B: "CP857",
    0x78: "CP950",
    0x79: "CP949",
    0x7A: "GB18030",
    0x7B: "CP932",
    0x7C: "CP874",
    0x86: "CP737",
    0x87: "CP852",
    0x88: "CP857",
    0xC8: "CP1250",
    0xC9: "CP1251",
    0xCA: "CP1254",
    0xCB: "CP1253",
}
"""Language driver ids of DBF headers that name a character set (0x00 and 0x57 "ANSI" name none)."""

_SPELLINGS = {
    "UTF8": "UTF-8",
    "65001": "UTF-8",
    "CP65001": "UTF-8",
    "GBK": "GB18030",
    "GB2312": "GB18030",
    "936": "GB18030",
    "CP936": "GB18030",
    "EUC-CN": "GB18030",
    "OEM 936": "GB18030",
    "ANSI 936": "GB18030",
    "GB 18030": "GB18030",
    "GB18030": "GB18030",
    "54936": "GB18030",
    "BIG5": "CP950",
    "950": "CP950",
    "CP950": "CP950",
    "BIG-5": "CP950",
    "932": "CP932",
    "SJIS": "CP932",
    "SHIFT_JIS": "CP932",
    "SHIFT-JIS": "CP932",
    "949": "CP949",
    "EUC-KR": "CP949",
    "88591": "ISO-8859-1",
    "8859_1": "ISO-8859-1",
    "LATIN1": "ISO-8859-1",
    "KOI8R": "KOI8-R",
    "KOI8U": "KOI8-U",
    "SHIFTJIS": "CP932",
    "EUCJP": "EUC-JP",
    "LATIN2": "ISO-8859-2",
}
_FREQUENT = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度"
    "家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反"
    "路街道巷弄号楼栋幢室层区市县镇乡村城东西南北门桥河江湖海山园院校厂站场港广公司店居住宅商办建筑房屋名称编用途类型地址单位管理网格社区委会"
    "國區縣鎮號樓棟幢層東門橋灣園院廠場廣業樂臺灣為來時個們學會發動對經過產電實體點應開從與關數線內間樣義華龍鳳長陽陳黃劉張趙吳馬馮蘇"
)


@dataclass(frozen=True, slots=True)
class EncodingVerdict:
    """A character set with its reason; ``confidence`` from 0 to 1, findings for the report."""

    encoding: str
    why: str
    confidence: float
    findings: tuple[str, ...] = ()


def _canonical(name: str) -> str | None:
    spelled = name.strip().strip("\x00\ufeff").upper()
    spelled = _SPELLINGS.get(spelled, spelled)
    if spelled.isdigit():
        spelled = f"CP{spelled}"
    try:
        codecs.lookup(spelled)
    except LookupError:
        return None
    return spelled


def _reads(samples: Iterable[bytes], encoding: str) -> str | None:
    """All samples decoded strictly (a character cut at a field's end is forgiven), or None."""
    factory = codecs.getincrementaldecoder(encoding)
    texts = []
    for sample in samples:
        try:
            texts.append(factory("strict").decode(sample, False))
        except UnicodeDecodeError:
            return None
    return "\n".join(texts)


def _chinese_score(samples: Sequence[bytes], encoding: str) -> float:
    """How much the bytes look like Chinese in ``encoding``: 0 (not at all) to 1."""
    text = _reads(samples, encoding)
    if text is None:
        return 0.0
    wide = [c for c in text if ord(c) > 0x7F]
    if not wide:
        return 0.0
    common = 0.0
    for char in wide:
        raw = char.encode(encoding, "replace")
        if char in "（）、，。：；－·《》“”①②③④⑤ⅠⅡ" or char in _FREQUENT:
            common += 1
        elif len(raw) == 2:
            high, low = raw
            level_one = (
                0xB0 <= high <= 0xD7 and low >= 0xA1
                if encoding == "GB18030"
                else 0xA4 <= high <= 0xC6
            )
            common += 0.6 if level_one else 0.0
    return common / len(wide)


def decide(samples: Sequence[bytes], declared: Sequence[tuple[str, str]] = ()) -> EncodingVerdict:
    """Character set of some byte strings.

    Parameters
    ----------
    samples : sequence of bytes
        Texts as they stand in the source; pure ASCII ones carry no weight.
    declared : sequence of (name, where)
        What the source says about itself, strongest first, e.g. ``("GBK", ".cpg")``.

    Returns
    -------
    EncodingVerdict
        ``encoding`` is a name that both Python and GDAL know.

    Examples
    --------
    >>> decide(["临江大道".encode("gbk")]).encoding
    'GB18030'
    """
    telling = [s for s in samples if any(b > 0x7F for b in s)]
    known = [(enc, where) for name, where in declared if (enc := _canonical(name))]
    findings = tuple(
        f"{where} names the unknown character set {name!r}"
        for name, where in declared
        if not _canonical(name)
    )
    if not telling:
        encoding, where = known[0] if known else ("UTF-8", "nothing declared")
        return EncodingVerdict(encoding, f"all text seen is ASCII; {where}", 0.9, findings)
    utf8 = _reads(telling, "UTF-8") is not None
    gb, big5 = _chinese_score(telling, "GB18030"), _chinese_score(telling, "CP950")
    for encoding, where in known:
        if _reads(telling, encoding) is None:
            findings += (f"{where} says {encoding}, but the text cannot be read so",)
        elif encoding != "UTF-8" and utf8 and sum(len(s) for s in telling) >= 6:
            findings += (f"{where} says {encoding}, but the bytes are valid UTF-8",)
        elif encoding in ("CP1252", "ISO-8859-1", "CP437", "CP850") and max(gb, big5) > 0.75:
            findings += (f"{where} says {encoding}, but the text is Chinese",)
        else:
            return EncodingVerdict(encoding, f"{where} says so and the bytes agree", 0.98, findings)
    return _by_statistics(telling, utf8, gb, big5, findings)


def _by_statistics(
    telling: Sequence[bytes], utf8: bool, gb: float, big5: float, findings: tuple[str, ...]
) -> EncodingVerdict:
    if utf8:
        return EncodingVerdict(
            "UTF-8", f"{len(telling)} texts beyond ASCII are all valid UTF-8", 0.97, findings
        )
    for encoding in ("CP932", "EUC-JP"):
        text = _reads(telling, encoding)
        if text and _one_script(text, encoding):
            return EncodingVerdict(encoding, f"byte statistics: kana as {encoding}", 0.7, findings)
    if max(gb, big5) >= 0.45:
        encoding, best, other = ("GB18030", gb, big5) if gb >= big5 else ("CP950", big5, gb)
        why = f"byte statistics: {best:.0%} common characters as {encoding} against {other:.0%}"
        if best - other < 0.1:
            findings += (
                f"character set {encoding} is uncertain (GB18030 {gb:.0%}, Big5 {big5:.0%}); set it in the plan",
            )
        return EncodingVerdict(encoding, why, min(0.95, 0.5 + best - other), findings)
    for encoding in ("CP949", "GB18030"):
        text = _reads(telling, encoding)
        if text and _one_script(text, encoding):
            findings += (
                f"character set {encoding} was guessed; set it in the plan if names look wrong",
            )
            return EncodingVerdict(encoding, f"byte statistics: reads as {encoding}", 0.5, findings)
    findings += (
        "no character set fits for sure; read as CP1252. Set the encoding in the plan if names look wrong",
    )
    return EncodingVerdict(
        "CP1252" if _reads(telling, "CP1252") is not None else "ISO-8859-1",
        "nothing else fits",
        0.3,
        findings,
    )


def _one_script(text: str, encoding: str) -> bool:
    """Whether the wide characters are of the script the encoding is for, in runs and not between Latin letters."""
    kana = ((0x3040, 0x30FF),)
    ranges = {"CP949": ((0xAC00, 0xD7A3),), "GB18030": ((0x4E00, 0x9FFF),)}.get(encoding, kana)
    wide = [ord(c) for c in text if ord(c) > 0x7F]
    share = sum(any(a <= c <= b for a, b in ranges) for c in wide) / max(1, len(wide))
    lonely = sum(
        1
        for a, b, c in zip(" " + text, text, text[1:] + " ", strict=False)
        if ord(b) > 0x7F and a.isascii() and c.isascii() and (a.isalpha() or c.isalpha())
    )
    return share > (0.3 if ranges is kana else 0.8) and lonely < 0.2 * len(wide)


def decide_dbf(dbf: Path, cpg: Path | None) -> EncodingVerdict:
    """Character set of a DBF table, of its field names and text columns.

    Parameters
    ----------
    dbf : Path
        The table.
    cpg : Path or None
        Its code page file, if there is one.
    """
    declared = []
    if cpg is not None:
        declared.append((cpg.read_bytes()[:64].decode("ascii", "replace").strip(), ".cpg"))
    ldid, samples = _dbf_samples(dbf)
    if ldid in LDID:
        declared.append((LDID[ldid], f"language id {ldid:#04x} of the .dbf"))
    return decide(samples, declared)


def _dbf_samples(dbf: Path, most: int = 4000) -> tuple[int, list[bytes]]:
    """Language id, and the texts of field names and of up to ``most`` records spread over the file."""
    size = dbf.stat().st_size
    with dbf.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return 0, []
        count = int.from_bytes(head[4:8], "little")
        header, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        descriptors = file.read(max(0, header - 32))
        samples, spans, at = [], [], 1
        for i in range(0, len(descriptors) - 31, 32):
            descriptor = descriptors[i : i + 32]
            if descriptor[0] == 0x0D:
                break
            samples.append(descriptor[:11].split(b"\0")[0])
            if descriptor[11:12] == b"C":
                spans.append((at, at + descriptor[16] + 256 * descriptor[17]))
            at += descriptor[16] + (256 * descriptor[17] if descriptor[11:12] == b"C" else 0)
        count = min(count, (size - header) // record) if record > 0 else 0
        for row in np.unique(
            np.linspace(0, max(0, count - 1), min(count, most)).astype(np.int64)
        ).tolist():
            file.seek(header + row * record)
            data = file.read(record)
            samples += [field for a, b in spans if (field := data[a:b].strip(b" \0"))]
    return head[29], samples


def decide_text(path: Path, given: str | None = None, size: int = 1 << 20) -> EncodingVerdict:
    """Character set of a text file from its first MiB.

    Parameters
    ----------
    path : Path
        A CSV or JSON file.
    given : str, optional
        What the plan says; believed unless the bytes cannot be read so.
    """
    with path.open("rb") as file:
        head = file.read(size)
    for mark, encoding in (
        (codecs.BOM_UTF8, "UTF-8-SIG"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if head.startswith(mark):
            return EncodingVerdict(encoding, "byte order mark", 1.0)
    whole_lines = head if len(head) < size else head[: head.rfind(b"\n") + 1]
    return decide(whole_lines.split(b"\n"), [(given, "the plan")] if given else [])
