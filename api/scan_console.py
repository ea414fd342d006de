"""What scan found, as a person reads it: a table of 100 columns, then the findings in plain words."""

import locale
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from api.scanning import ScanRow

__all__ = ["scan_report"]

_ZH = {
    "file": "文件",
    "layer": "图层",
    "class": "类别",
    "records": "记录数",
    "CRS": "坐标系",
    "sure": "把握",
    "text": "编码",
    "notes": "提示",
    "layers": "个图层",
    "records in": "条记录，来自",
    "files": "个文件",
    "unreadable": "读不了",
    "findings": "提示（按内容归并）",
    "more": "等",
    "files not recognised": "个文件未能识别",
    "written": "加载方案已写入",
    "next": "请核对 class_code、crs 与 fields，然后",
}
_KINDS_ZH = {
    "features": "要素",
    "model": "模型",
    "points": "点云",
    "raster": "栅格",
    "addresses": "地址",
    "streams": "测点",
    "observations": "观测",
    "cases": "案件",
}
_COLUMNS: tuple[tuple[str, int | None, int | None, Literal["left", "right"]], ...] = (
    ("file", 20, 27, "left"),
    ("layer", None, 14, "left"),
    ("class", None, 12, "left"),
    ("records", 9, None, "right"),
    ("CRS", None, 12, "left"),
    ("sure", 4, None, "right"),
    ("text", None, 9, "left"),
    ("notes", 5, None, "right"),
)
"""Heading, least and most width at a terminal, side."""
_MOST_PLACES = 3
_MOST_FINDINGS = 30
_UNSURE = 0.6


def _chinese() -> bool:
    """Whether the terminal's language is Chinese (LC_ALL, LC_MESSAGES, LANG, in that order)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.lower().startswith("zh")
    return (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese"))


def scan_report(
    rows: Sequence[ScanRow], plan: Path | None = None, *, whole: bool = False
) -> list[Table | Text]:
    """Lines to print: the table, a sum, and what is to be known, each sentence once with where it holds."""
    chinese = _chinese()
    left_out = [row for row in rows if row.kind == "skipped"]
    rows = [row for row in rows if row.kind != "skipped"]

    def say(word: str) -> str:
        return _ZH[word] if chinese else word

    table = Table(box=None, pad_edge=False, header_style="bold")
    for word, least, most, justify in _COLUMNS:
        limits: dict[str, Any] = {} if whole else {"min_width": least, "max_width": most}
        table.add_column(
            say(word),
            overflow="fold" if whole else "ellipsis",
            no_wrap=not whole,
            justify=justify,
            **limits,
        )
    shared = _shared_folder(rows)
    last, folder = "", "."
    for row in sorted(rows, key=lambda r: (str(Path(r.file).parent), r.file)):
        inside = os.path.relpath(Path(row.file).parent, shared) if shared else "."
        if inside != folder:
            table.add_row(Text(f"{inside}/", style="dim"))
            folder = inside
        name = Path(row.file).name
        table.add_row(*_cells(row, "" if row.file == last else name, say("unreadable"), chinese))
        last = row.file
    files = len({row.file for row in rows})
    known = sum(row.count or 0 for row in rows)
    total = Text(
        f"{len(rows)} {say('layers')}, {known:,} {say('records in')} {files} {say('files')}",
        style="bold",
    )
    out: list[Table | Text] = [table, total, *_findings(rows, shared, say("findings"), say("more"))]
    out += _left_out(left_out, say("files not recognised"))
    if plan is not None:
        check = say("next") if chinese else "check class_code, crs and fields, then"
        word = say("written") if chinese else "plan written to"
        out.append(Text(f"{word} {plan}: {check} twin load --plan {plan} --city DIR"))
    return out


def _left_out(rows: Sequence[ScanRow], title: str) -> list[Table | Text]:
    """What no loader takes, one line per reason: how many files, and the first of them."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        reasons[row.findings[0]].append(Path(row.file).name)
    lines: list[Table | Text] = [Text(f"\n{len(rows):,} {title}", style="bold")] if rows else []
    for reason, files in sorted(reasons.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(files[:_MOST_PLACES]) + (", …" if len(files) > _MOST_PLACES else "")
        lines.append(Text.assemble(f"{len(files):>4} × {reason}: ", (shown, "dim")))
    return lines


def _cells(row: ScanRow, name: str, unreadable: str, chinese: bool) -> list[str | Text]:
    kind = _KINDS_ZH.get(row.kind, row.kind) if chinese else row.kind
    if row.format == "unreadable":
        return [name, row.layer, Text(unreadable, style="red"), "–", "–", "–", "–", _noted(row)]
    placed = row.kind not in ("observations",)
    unsure = row.confidence < _UNSURE
    sure = Text(f"{row.confidence:.0%}", style="yellow" if unsure else "")
    return [
        name,
        "" if row.layer == Path(row.file).stem else row.layer,
        row.class_code or kind,
        "–" if row.count is None else f"{row.count:,}",
        (_short(row.crs) or "?") if placed else "–",
        sure if placed else "–",
        row.encoding or "–",
        _noted(row),
    ]


def _noted(row: ScanRow) -> str:
    return str(len(row.findings)) if row.findings else ""


def _short(crs: str | None) -> str | None:
    """A CRS as a short word: its code, else the name in its WKT."""
    if crs is None or len(crs) < 24:
        return crs
    parts = crs.split('"')
    return parts[1] if len(parts) > 2 else crs[:20]


def _shared_folder(rows: Sequence[ScanRow]) -> str | None:
    folders = {str(Path(row.file).parent) for row in rows}
    if not folders:
        return None
    try:
        return os.path.commonpath([str(Path(f).resolve()) for f in folders])
    except ValueError:
        return None


def _findings(
    rows: Sequence[ScanRow], shared: str | None, title: str, more: str
) -> list[Table | Text]:
    """Each finding once, with the layers it holds for; the usual word about the encoding only where it is none of UTF-8."""
    where: dict[str, dict[str, None]] = defaultdict(dict)
    example: dict[str, str] = {}
    for row in rows:
        base = os.path.relpath(row.file, shared) if shared else row.file
        name = base if row.layer == Path(row.file).stem else f"{base} · {row.layer}"
        for text in row.findings:
            if not text.startswith("text read as UTF-8"):
                plain = _shortened(text)
                kind = re.sub(r"-?\d[\d,.]*", "#", plain)
                where[kind].setdefault(name)
                example.setdefault(kind, plain)
    if not where:
        return []
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column(overflow="fold")
    ordered = sorted(where.items(), key=lambda item: (-len(item[1]), item[0]))
    for kind, places in ordered[:_MOST_FINDINGS]:
        names = list(places)
        shown = ", ".join(names[:_MOST_PLACES]) + (
            f" {more} …" if len(names) > _MOST_PLACES else ""
        )
        table.add_row(str(len(names)), Text.assemble(example[kind], "  ", (shown, "dim")))
    if len(ordered) > _MOST_FINDINGS:
        table.add_row("…", Text(f"{len(ordered) - _MOST_FINDINGS} {more} (--json)", style="dim"))
    return [Text(f"\n{title}", style="bold"), table]


def _shortened(text: str) -> str:
    """A finding without the body of a WKT, the path its row shows anyway, and the reader's advice to programmers."""
    text = re.sub(r'[A-Z]*CRS\["([^"]*)".*?(?=: |$)', r"\1", text, flags=re.S)
    text = re.sub(r"'?(?:/[^\s'/]+){2,}/([^\s'/]+)'?", r"\1", text)
    text = re.sub(r";? It might help to specify the correct driver.*$", "", text, flags=re.S)
    return text if len(text) <= 240 else f"{text[:239]}…"
