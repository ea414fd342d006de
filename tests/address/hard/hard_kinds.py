"""The 57 kinds of hard addresses, the shape of a case, and small towns made of one-line chains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from address.index import AddressIndex
from twin.schema import ADDRESS_NODES

KINDS = {
    1: "中文数字", 2: "逐位与按位", 3: "全角", 4: "繁体", 5: "部首与零宽", 6: "缺省市县",
    7: "简称", 8: "无通名", 9: "开发区", 10: "路口", 11: "方位", 12: "兴趣点与地址",
    13: "仅兴趣点", 14: "重复", 15: "后置上级", 16: "同音与形近", 17: "脱字与换字",
    18: "村组宅", 19: "兵团农场", 20: "楼栋写法", 21: "连写", 22: "两数歧义", 23: "层与室",
    24: "地下与特殊层", 25: "室号写法", 26: "单元写法", 27: "附号", 28: "甲乙号", 29: "号段",
    30: "支弄支路", 31: "数字路名", 32: "数字小区", 33: "里程桩", 34: "两县同名路",
    35: "地名路", 36: "一字之差区县", 37: "更名撤并", 38: "无区县城市", 39: "上级矛盾",
    40: "旧乡镇", 41: "罗马字", 42: "中英混写", 43: "联系人", 44: "倒序", 45: "分隔符",
    46: "误识数字", 47: "户内单位", 48: "设施", 49: "无号空间", 50: "热线句子", 51: "不存在",
    52: "不完整", 53: "非地址", 54: "并楼换牌", 55: "港澳台", 56: "民族长名", 57: "一处多址",
}  # fmt: skip
"""Number → name of each kind (§4 of docs/address-language.md)."""


@dataclass(frozen=True)
class FieldCase:
    """A text with the fields it must yield; an empty mapping means "no address"."""

    kind: int
    text: str
    expect: Mapping[str, object]
    context: Mapping[str, str] | None = None


@dataclass(frozen=True)
class MatchCase:
    """A text with the answer of a small town: status, end of the standard string, missing level."""

    kind: int
    text: str
    status: str
    tail: str = ""
    missing: str | None = None


def named(cases: list[Any]) -> list[Any]:
    """Cases as pytest parameters, ids by kind number, name and running number."""
    seen: dict[int, int] = {}
    out = []
    for case in cases:
        seen[case.kind] = seen.get(case.kind, 0) + 1
        out.append(pytest.param(case, id=f"{case.kind:02d}-{KINDS[case.kind]}-{seen[case.kind]}"))
    return out


_LEVELS = {
    "P": "province", "C": "city", "D": "county", "S": "street", "m": "community", "g": "group",
    "v": "village", "r": "road", "n": "number", "c": "compound", "p": "phase", "b": "building",
    "u": "unit", "f": "floor", "s": "room", "o": "poi",
}  # fmt: skip


def nodes_of(chains: list[str], top: str) -> pa.Table:
    """Address tree of chains such as ``S江北街道 r人民路 n88号 bA座``; ids are standard strings."""
    rows: dict[str, tuple[str | None, str, str]] = {}
    for chain in chains:
        full, parent = "", None
        for part in f"{top} {chain}".split():
            level, name = _LEVELS[part[0]], part[1:]
            full += name
            rows.setdefault(full, (parent, level, name))
            parent = full
    ids = sorted(rows)
    data = {
        "node_id": ids,
        "parent_id": [rows[i][0] for i in ids],
        "level": [rows[i][1] for i in ids],
        "name": [rows[i][2] for i in ids],
        "full": ids,
        "status": ["active"] * len(ids),
    }
    return pa.table(
        {
            field.name: pa.array(data.get(field.name, [None] * len(ids)), field.type)
            for field in ADDRESS_NODES
        }
    )


def town_of(*chains: str, top: str = "P湖北省 C云梦泽市 D临江示范区") -> AddressIndex:
    """Index over a small town."""
    return AddressIndex.from_nodes(nodes_of(list(chains), top))


def check_fields(case: FieldCase) -> None:
    from address.fields import fields_of

    found = fields_of(case.text, case.context or {})
    if not case.expect:
        assert found == {}, case.text
        return
    got = {name: found.get(name) for name in case.expect}
    assert got == dict(case.expect), (case.text, found)


def check_match(index: AddressIndex, case: MatchCase) -> None:
    found = index.match(case.text)
    got = (found.status, (found.full or "").endswith(case.tail), found.missing)
    assert got == (case.status, True, case.missing), (case.text, found.full, found.faults)
    if case.status == "none":
        assert found.full is None
