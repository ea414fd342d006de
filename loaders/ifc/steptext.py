r"""Text in STEP files: what authoring tools write against the rules, put right before parsing.

ISO 10303-21 wants everything beyond ASCII as ``\X2\…\X0\``. Tools write raw GBK or UTF-8 bytes
(which the parser
drops without a word), or multi-byte text byte by byte as ``\S\`` and ``\X\`` escapes (which come
out as mojibake).
"""

import re

from loaders.encoding import decide

__all__ = ["repaired_text"]

_STRING = re.compile(rb"""'((?:\\S\\''(?!\s*[,)])|\\S\\[ -~]|[^']|'')*+)'""")
"""A string; an apostrophe after ``\\S\\`` belongs to it, doubled (as the standard wants) or not (as tools write)."""
_ESCAPED = re.compile(rb"\\S\\(''(?!$)|[ -~])|\\X\\([0-9A-Fa-f]{2})|\\\\")
_TWO_HEADERS = re.compile(rb"HEADER;(?:\s|/\*.*?\*/)*HEADER;", re.S)
_MULTIBYTE = ("GB18030", "CP950", "CP932", "CP949", "EUC_JP", "UTF-8")
SAMPLES = 5_000


def _directive(text: str) -> str:
    r"""Characters beyond ASCII as ``\X2\`` or ``\X4\``."""

    def written(found: re.Match[str]) -> str:
        run = found.group()
        if all(ord(c) <= 0xFFFF for c in run):
            return f"\\X2\\{run.encode('utf-16-be').hex().upper()}\\X0\\"
        return f"\\X4\\{run.encode('utf-32-be').hex().upper()}\\X0\\"

    return re.sub(r"[^\x00-\x7f]+", written, text)


def _bytes_of(string: bytes) -> bytes:
    r"""Bytes that the ``\S\`` and ``\X\`` escapes of one string stand for."""

    def byte(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return bytes([found[1][0] | 0x80])
        return bytes.fromhex(found[2].decode()) if found[2] else b"\\"

    return _ESCAPED.sub(byte, string)


def _raw_bytes(data: bytes) -> tuple[bytes, list[str]]:
    """Raw bytes beyond ASCII as directives."""
    samples = []
    for found in _STRING.finditer(data):
        if not found[1].isascii():
            samples.append(found[1])
            if len(samples) >= SAMPLES:
                break
    verdict = decide(samples)
    text = _directive(data.decode(verdict.encoding, "replace"))
    finding = f"text holds raw bytes beyond ASCII; read as {verdict.encoding}: {verdict.why}"
    return text.encode("ascii"), [finding, *verdict.findings]


def _escaped_bytes(data: bytes) -> tuple[bytes, list[str]]:
    """Multi-byte text that was escaped byte by byte, as directives; plain Latin text stays."""
    samples = []
    for found in _STRING.finditer(data):
        if b"\\S\\" in found[1] or b"\\X\\" in found[1]:
            samples.append(_bytes_of(found[1]))
            if len(samples) >= SAMPLES:
                break
    if all(sample.isascii() for sample in samples):
        return data, []
    verdict = decide(samples)
    if verdict.encoding not in _MULTIBYTE or verdict.confidence < 0.6:
        return data, []

    def rewritten(found: re.Match[bytes]) -> bytes:
        string = found[1]
        if b"\\X2\\" in string or not (b"\\S\\" in string or b"\\X\\" in string):
            return found.group()
        text = _bytes_of(string).decode(verdict.encoding, "replace")
        return b"'" + _directive(text.replace("\\", "\\\\")).encode("ascii") + b"'"

    finding = f"text was escaped byte by byte; read as {verdict.encoding}: {verdict.why}"
    return _STRING.sub(rewritten, data), [finding]


def repaired_text(data: bytes) -> tuple[bytes, list[str]]:
    """A STEP file the parser reads without losing text, and what was done for it.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    (bytes, list of str)
        The same object where nothing had to be done.
    """
    findings: list[str] = []
    head = data[:65_536]
    if _TWO_HEADERS.search(head):
        data = _TWO_HEADERS.sub(b"HEADER;", data, count=1)
        findings.append("the header section begins twice; the first beginning was dropped")
    if not data.isascii():
        data, more = _raw_bytes(data)
        findings += more
    if b"\\S\\" in data or b"\\X\\" in data:
        data, more = _escaped_bytes(data)
        findings += more
    return data, findings
