"""A small gazetteer of a town that does not exist, with the traps a real one has."""

from typing import Any

import pyarrow as pa

from twin.schema import ADDRESSES

TOP = {"province": "湖北省", "city": "云梦泽市", "county": "临江示范区"}


def table(rows: list[dict[str, Any]]) -> pa.Table:
    kinds = {field.name: field.type for field in ADDRESSES} | {
        "lon": pa.float64(),
        "lat": pa.float64(),
    }
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()}
    )


def town_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def add(lon: float | None = None, lat: float | None = None, **parts: Any) -> None:
        rows.append({**TOP, **parts, "key": f"k{len(rows)}", "lon": lon, "lat": lat})

    garden = {
        "street": "江北街道",
        "community": "临江社区",
        "road": "临江大道",
        "number": "35号",
        "compound": "临江花园",
    }
    for building in (3, 5, 7):
        for unit in (1, 2):
            for floor in range(1, 14):
                for room in range(1, 5):
                    add(
                        114.08 + building * 1e-3 + room * 1e-5,
                        30.40,
                        **garden,
                        building=f"{building}号楼",
                        unit=f"{unit}单元",
                        room=f"{floor}{room:02d}室",
                        building_key=f"B{building}",
                        z=10.0 + floor * 3.0,
                    )
    for number in range(1, 60, 2):
        add(114.10 + number * 1e-4, 30.42, street="江北街道", road="古墩路", number=f"{number}号")
    for number in range(2, 40, 2):
        add(114.10 + number * 1e-4, 30.4205, street="江北街道", road="古墩路", number=f"{number}号")
    add(
        114.12,
        30.43,
        street="江南街道",
        road="人民路",
        number="88号",
        compound="江南大厦",
        building="A座",
        room="1501室",
    )
    add(
        114.12,
        30.43,
        street="江南街道",
        road="人民路",
        number="88号",
        compound="江南大厦",
        building="A座",
        floor="地下1层",
    )
    add(114.15, 30.44, street="江北街道", road="人民路", number="12号")
    for house in ("1号", "2号"):
        for room in ("101室", "102室", "201室"):
            add(
                114.13,
                30.45,
                street="江南街道",
                road="柳巷路",
                number="366弄",
                building=house,
                room=room,
            )
    add(114.13, 30.46, street="江南街道", road="解放东路", number="7号之2")
    add(114.13, 30.461, street="江南街道", road="解放西路", number="9号")
    add(114.14, 30.47, street="江南街道", community="石桥村", number="27号")
    add(114.16, 30.47, street="江南街道", road="人民路", number="100号", poi="市民中心")
    add(114.17, 30.48, street="江北街道", road="三门路", number="甲12号")
    add(
        114.171,
        30.48,
        street="江北街道",
        road="学院路",
        number="5号",
        compound="明湖中学",
        building="实验楼",
    )
    return rows
