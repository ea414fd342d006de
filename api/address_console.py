"""Address answers as tables for a terminal: Chinese words beside the stable English ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from address import Element
from address.model import Suggestion
from api.console import plain_table

__all__ = [
    "LEVEL_NAMES", "STATUS", "answer_tables", "answers_table", "batch_tables", "comparison_table",
    "elements_table", "eval_table", "fault_tables", "node_tables", "suggestion_table",
]  # fmt: skip

STATUS: Final[Mapping[str, tuple[str, str]]] = {
    "exact": ("准确", "green"),
    "ambiguous": ("有多处", "yellow"),
    "partial": ("部分", "yellow"),
    "none": ("未找到", "red"),
}
"""Chinese word and colour of each status."""

LEVEL_NAMES: Final[Mapping[str, str]] = {
    "province": "省", "city": "市", "county": "县区", "devzone": "开发区", "street": "街道乡镇",
    "community": "社区村", "group": "村民小组", "village": "自然村", "road": "路街巷",
    "number": "门牌", "compound": "小区院落", "phase": "分区期", "building": "楼栋",
    "unit": "单元", "floor": "楼层", "room": "户室", "poi": "兴趣点", "relation": "方位",
    "distance": "距离", "facility": "设施", "km": "里程", "intersection": "路口",
    "tenant": "户内单位", "noise": "无关",
}  # fmt: skip
"""Chinese word of each level and free-text kind."""


def _status(status: str) -> Text:
    word, colour = STATUS[status]
    return Text(f"{word} {status}", style=colour)


def answers_table(answers: Iterable[Mapping[str, Any]]) -> Table:
    """One line for each answer: what was asked, what was found, where, and the first thing that is wrong."""
    table = plain_table(
        "输入 given", "状态 status", "标准地址 address", "经度 lon", "纬度 lat", "± m",
        "可信度 conf.", "说明 note",
    )  # fmt: skip
    for a in answers:
        place = a["location"] or {}
        table.add_row(
            Text(str(a["query"])),
            _status(a["status"]),
            Text(a["full"] or "–"),
            *(f"{place[k]:.6f}" if k in place else "–" for k in ("lon", "lat")),
            f"{place.get('error_m', 0):.0f}" if place else "–",
            f"{a['confidence']:.2f}",
            Text("；".join(a["notes"][:2])),
        )
    return table


def answer_tables(answer: Mapping[str, Any]) -> list[Table | Text]:
    """One answer in full: the standard address, its parts, what is wrong with it, what else fits."""
    word, colour = STATUS[answer["status"]]
    head = Text.assemble((f"{word} {answer['status']}", f"bold {colour}"), f"  {answer['query']}")
    facts = plain_table("", "")
    facts.show_header = False
    place = answer["location"]
    for name, value in (
        ("标准地址 address", answer["full"]),
        ("编码 code", answer["code"]),
        ("标识 id", answer["id"]),
        ("实体 eid", answer["eid"]),
        (
            "级别 level",
            answer["level"] and f"{LEVEL_NAMES.get(answer['level'], '')} {answer['level']}",
        ),
        ("可信度 confidence", f"{answer['confidence']:.3f}"),
        ("缺失 missing", answer["missing"]),
        ("位置 place", place and _place_text(place)),
    ):
        if value:
            facts.add_row(name, Text(str(value)))
    more: list[Table | Text] = []
    if answer["elements"]:
        more.append(elements_table(Element(**e) for e in answer["elements"]))
    if answer["faults"]:
        faults = plain_table("问题 fault", "", "扣分 penalty")
        for said, code in zip(answer["faults"], answer["fault_codes"], strict=True):
            faults.add_row(code["code"], Text(said), f"{code['penalty']:.3f}")
        more.append(faults)
    if answer["alternatives"]:
        others = plain_table("其他可能 alternatives", "标识 id", "相似 score")
        for other in answer["alternatives"]:
            others.add_row(Text(other["full"]), other["id"], f"{other['score']:.2f}")
        more.append(others)
    return [head, facts, *more]


def _place_text(place: Mapping[str, Any]) -> str:
    height = "" if place["z"] is None else f", {place['z']:.1f} m"
    return f"{place['lon']:.6f}, {place['lat']:.6f}{height} ± {place['error_m']:.0f} m ({place['method']})"


def elements_table(elements: Iterable[Element], standard: str | None = None) -> Table:
    """The parts of a text with their spans."""
    title = None if standard is None else f"{standard or '–'}"
    table = plain_table("要素 element", "", "原文 text", "取值 value", "位置 span", title=title)
    for e in elements:
        table.add_row(
            LEVEL_NAMES.get(e.level, ""), e.level, Text(e.text), Text(e.value), f"{e.start}–{e.end}"
        )
    return table


def suggestion_table(found: Sequence[Suggestion]) -> Table:
    """Completions, best first."""
    table = plain_table("联想 suggestion", "标准地址 address", "级别 level", "标识 id")
    for s in found:
        table.add_row(Text(s.text), Text(s.full), LEVEL_NAMES.get(s.level, s.level), s.node_id)
    return table


def comparison_table(a: str, b: str, said: Mapping[str, Any]) -> Table:
    """Two texts side by side."""
    words = {"exact": "同一地址", "partial": "部分相同", "none": "不同"}
    table = plain_table("", a, b, title=f"{words[said['label']]} {said['label']}")
    for level, (left, right) in said["elements"].items():
        same = "green" if left == right else "yellow" if not (left and right) else "red"
        table.add_row(
            f"{LEVEL_NAMES.get(level, '')} {level}",
            Text(left or "–", style=same),
            Text(right or "–", style=same),
        )
    return table


def eval_table(report: Mapping[str, Mapping[str, float]]) -> Table:
    """Rows, processor time and quantiles of each track."""
    table = plain_table("track", "rows", "CPU s", "p50 ms", "p99 ms", "rows/s")
    for track, r in report.items():
        rate = r["rows"] / r["seconds"] if r["seconds"] else 0.0
        table.add_row(
            track,
            f"{r['rows']:,.0f}",
            f"{r['seconds']:.3f}",
            f"{r['p50_ms']:.3f}" if "p50_ms" in r else "–",
            f"{r['p99_ms']:.3f}" if "p99_ms" in r else "–",
            f"{rate:,.0f}",
        )
    return table


def batch_tables(report: Mapping[str, Any]) -> list[Table | Text]:
    """What became of a file: how many of each status, how sure, what was wrong, where to look."""
    status = plain_table("状态 status", "行 rows", "%")
    for name, count in report["status"].items():
        share = 100 * count / report["rows"] if report["rows"] else 0.0
        status.add_row(_status(name), f"{count:,}", f"{share:.1f}")
    sure = plain_table("可信度 confidence", "行 rows", "")
    most = max((b["rows"] for b in report["confidence"]), default=0) or 1
    for b in report["confidence"]:
        bar = "█" * round(30 * b["rows"] / most)
        sure.add_row(f"{b['from']:.1f}–{b['to']:.1f}", f"{b['rows']:,}", bar)
    faults = plain_table("问题 fault", "行 rows", "例 e.g.")
    for f in report["faults"][:15]:
        faults.add_row(f["code"], f"{f['rows']:,}", Text(f["example"]))
    files = Text(
        f"{report['rows']:,} 行 rows, 列 column {report['column']!r}；"
        f"待复核 to review {report['review']:,} → {', '.join(report['files'])}"
    )
    return [status, sure, *([faults] if report["faults"] else []), files]


def node_tables(found: Mapping[str, Any]) -> list[Table | Text]:
    """One node: what is known of it, its codes, its history."""
    node = found["node"]
    facts = plain_table("", "")
    facts.show_header = False
    for name, key in (
        ("标准地址 address", "full"), ("状态 status", "status"), ("标识 id", "node_id"),
        ("级别 level", "level"), ("要素代码 element type", "element_type"), ("编码 code", "code"),
        ("坐标码 coordinate code", "coordinate_code"), ("别名 aliases", "aliases"),
        ("主地址 main", "main_id"), ("承接 replaced by", "replaced_by"), ("高程 z", "zmin"),
        ("起 since", "valid_from"), ("止 until", "valid_to"), ("来源 source", "source"),
    ):  # fmt: skip
        value = node[key]
        if value not in (None, []):
            facts.add_row(name, Text(", ".join(value) if isinstance(value, list) else str(value)))
    codes = plain_table("曾用编码 codes", "", "起 since", "止 until")
    for code in found["codes"]:
        codes.add_row(
            code["code"], code["scheme"], str(code["valid_from"]), str(code["valid_to"] or "–")
        )
    events = plain_table("时间 at", "事件 event", "", "")
    for e in found["events"]:
        change = f"{e['old_name'] or ''} → {e['new_name'] or ''}" if e["event"] == "rename" else ""
        events.add_row(
            str(e["at_time"]), e["event"], Text(change), Text(", ".join(e["into_ids"] or []))
        )
    return [facts, codes, *([events] if found["events"] else [])]


def fault_tables(report: Mapping[str, Any], limit: int, language: str) -> list[Table | Text]:
    """Kinds of faults with their counts, then examples of each."""
    head = f"{report['source']}: " + (f"{report['rows']:,} 行 rows, " if report["rows"] else "")
    out: list[Table | Text] = [Text(f"{head}{report['nodes']:,} 节点 nodes", style="bold")]
    out += [Text(finding, style="yellow") for finding in report["findings"]]
    counts = plain_table("问题 fault", "", "数量 count")
    for kind in report["kinds"]:
        colour = "green" if kind["count"] == 0 else "yellow"
        counts.add_row(kind["kind"], kind[language], Text(f"{kind['count']:,}", style=colour))
    out.append(counts)
    for kind in report["kinds"]:
        some = [fault for fault in report["faults"] if fault["kind"] == kind["kind"]][:limit]
        if some:
            table = plain_table(kind[language], "", "行 rows", title="")
            for fault in some:
                said = ", ".join(
                    f"{name}={_short(value)}" for name, value in fault["details"].items()
                )
                table.add_row(Text(fault["full"]), Text(said), _short(fault["row_numbers"]))
            out.append(table)
    return out


def _short(value: Any) -> str:  # noqa: ANN401 -- any plain value
    if isinstance(value, list):
        more = " …" if len(value) > 8 else ""
        return " ".join(str(v) for v in value[:8]) + more
    return str(value)
