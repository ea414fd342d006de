"""Generate the sample city: ``python -m sample_data.make OUT``.

Everything is seeded; a rerun writes the same bytes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.broken import spoil
from sample_data.cases import build_cases
from sample_data.city import City, build_city, lonlat
from sample_data.components import Components, build_components
from sample_data.district import LAS_BLOCK
from sample_data.gazetteer import PARTS, build_addresses
from sample_data.land import Patch
from sample_data.networks import Pipes, build_pipes
from sample_data.plan import write_plan
from sample_data.pois import build_pois
from sample_data.rasters import write_dem, write_orthophoto
from sample_data.sensors import build_sensors, history
from sample_data.signals import SIGNALS
from sample_data.writing import write_csv, write_geojson, write_geopackage, write_shapefile

__all__ = ["generate", "main"]

Progress = Callable[[str, float], None]
_GRADES = {"expressway": "快速路", "arterial": "主干路", "secondary": "次干路", "local": "支路"}


def _text(values: list[Any]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


def _write_buildings(out: Path, city: City) -> int:
    b = city.buildings
    columns = {
        "楼栋编码": b.code,
        "名称": b.name,
        "高度": b.height,
        "层数": b.floors,
        "用途": b.usage,
        "建成年份": b.year,
        "地址": city.building_addresses(),
    }
    columns, geometry = spoil("建筑物.shp", "", "楼栋编码", columns, b.geometry)
    assert geometry is not None
    write_shapefile(out / "建筑物.shp", geometry, columns, "Polygon")
    return len(geometry)


def _write_layer(
    path: Path, layer: str, kind: str, columns: dict[str, Any], geometry: NDArray[np.object_]
) -> int:
    spoiled, shapes = spoil(path.name, layer, "编号", columns, geometry)
    assert shapes is not None
    write_geopackage(path, layer, shapes, spoiled, kind)
    return len(shapes)


def _write_roads(out: Path, city: City) -> int:
    r = city.roads
    columns = {
        "编号": r.key,
        "名称": r.name,
        "道路等级": _text([_GRADES[g] for g in r.grade]),
        "宽度": r.width,
        "桥梁": r.bridge.astype(np.int32),
    }
    return _write_layer(out / "道路.gpkg", "roads", "LineString", columns, r.geometry)


def _geographic(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(
        shapely.transform(geometry, lambda xy: np.column_stack(lonlat(xy[:, 0], xy[:, 1])))
    )


def _write_patches(out: Path, file: str, patches: list[Patch]) -> int:
    columns = {
        "编号": _text([p.key for p in patches]),
        "名称": _text([p.name for p in patches]),
        "类型": _text([p.kind for p in patches]),
    }
    spoiled, geometry = spoil(file, "", "编号", columns, _text([p.geometry for p in patches]))
    assert geometry is not None
    write_geojson(out / file, _geographic(geometry), spoiled)
    return len(geometry)


def _write_pipes(out: Path, pipes: list[Pipes]) -> dict[str, int]:
    counts = {}
    for p in pipes:
        columns = {
            "编号": p.key,
            "名称": p.name,
            "管径": p.diameter,
            "埋深": p.depth,
            "材质": p.material,
            "建成年份": p.year,
            "起点": p.node_from,
            "终点": p.node_to,
        }
        counts[f"管线.gpkg:{p.layer}"] = _write_layer(
            out / "管线.gpkg", p.layer, "LineString", columns, p.geometry
        )
    return counts


def _write_components(out: Path, parts: Components) -> int:
    columns = {
        "编号": _text([f"BJ{i + 1:06d}" for i in range(parts.code.size)]),
        "标识码": parts.identifier,
        "类别代码": parts.code,
        "名称": parts.name,
        "主管部门": parts.department,
        "权属单位": parts.owner,
        "状态": parts.state,
        "初始时间": parts.since,
        "所在单元网格": parts.grid_code,
    }
    return _write_layer(
        out / "部件.gpkg",
        "components",
        "Point",
        columns,
        np.asarray(shapely.points(parts.x, parts.y)),
    )


def _write_admin(out: Path, city: City) -> dict[str, int]:
    a, path, counts = city.admin, out / "行政.gpkg", {}
    for layer, code, name, shapes in (
        ("subdistricts", a.street_code, a.street_name, a.street),
        ("communities", a.community_code, a.community_name, a.community),
    ):
        columns = {
            "编号": code,
            "编码": code,
            "名称": name,
            "面积": np.round(shapely.area(shapes), 1),
        }
        counts[f"行政.gpkg:{layer}"] = _write_layer(path, layer, "Polygon", columns, shapes)
    name = a.community_name[a.grid_community] + _text([f"第{int(c[-3:])}网格" for c in a.grid_code])
    columns = {
        "编号": _text([f"GR{i + 1:06d}" for i in range(a.grid.size)]),
        "网格编码": a.grid_code,
        "名称": name,
        "面积": np.round(shapely.area(a.grid), 1),
    }
    counts["行政.gpkg:grids"] = _write_layer(path, "grids", "Polygon", columns, a.grid)
    return counts


def _write_table(
    out: Path, file: str, key: str, columns: dict[str, Any], encoding: str = "utf-8-sig"
) -> int:
    spoiled, _ = spoil(file, "", key, columns)
    write_csv(out / file, spoiled, encoding)
    return len(spoiled[key])


def _write_addresses(out: Path, city: City) -> int:
    a = build_addresses(city)
    titles = (
        "省",
        "市",
        "区县",
        "街道",
        "社区",
        "路",
        "门牌号",
        "小区",
        "楼栋",
        "单元",
        "楼层",
        "户室",
    )
    columns: dict[str, Any] = {"地址编码": a.code}
    columns |= {title: a.parts[part] for title, part in zip(titles, PARTS, strict=True)}
    columns |= {
        "标准地址": a.full,
        "经度": a.lon,
        "纬度": a.lat,
        "高程": a.z,
        "楼栋编码": a.building_code,
    }
    return _write_table(out, "标准地址.csv", "地址编码", columns, "gb18030")


def _write_live(out: Path, city: City, parts: Components, pipes: list[Pipes]) -> dict[str, int]:
    s = build_sensors(city, parts, pipes)
    sig = [SIGNALS[i] for i in s.signal]

    def limit(name: str) -> NDArray[np.float64]:
        return np.array([np.nan if getattr(g, name) is None else getattr(g, name) for g in sig])

    columns = {
        "数据流编号": s.key,
        "设备编号": s.device,
        "设备名称": s.name,
        "监测主题": _text([g.subject for g in sig]),
        "监测项": _text([g.name for g in sig]),
        "单位": _text([g.unit for g in sig]),
        "x": s.x,
        "y": s.y,
        "z": s.z,
        "高程基准": s.z_reference,
        "宿主类型": s.host_scheme,
        "宿主编码": s.host,
        "预警下限": limit("warn_low"),
        "预警上限": limit("warn_high"),
        "报警下限": limit("alarm_low"),
        "报警上限": limit("alarm_high"),
        "采样间隔": np.array([g.interval for g in sig]),
    }
    count = _write_table(out, "传感器.csv", "数据流编号", columns)
    key, time, value = history(s)
    readings = {
        "数据流编号": key,
        "监测时间": time,
        "监测值": value,
        "质量": np.full(key.size, "good", dtype=object),
    }
    return {
        "传感器.csv": count,
        "历史读数.csv": _write_table(out, "历史读数.csv", "数据流编号", readings),
    }


def _write_pois_and_cases(out: Path, city: City, parts: Components) -> dict[str, int]:
    p = build_pois(city)
    pois = {
        "编号": p.key,
        "名称": p.name,
        "类别": p.category,
        "地址": p.address,
        "lng": p.lng,
        "lat": p.lat,
    }
    c = build_cases(city, parts, p)
    cases = {
        "案件编号": c.key,
        "案件类别": c.kind,
        "类型代码": c.code,
        "标题": c.title,
        "问题描述": c.description,
        "地址描述": c.address,
        "x": c.x,
        "y": c.y,
        "上报时间": c.reported,
        "结案时间": c.closed,
        "案件状态": c.stage,
        "问题来源": c.source,
        "责任单位": c.unit,
    }
    return {
        "兴趣点_gcj02.csv": _write_table(out, "兴趣点_gcj02.csv", "编号", pois),
        "案件.csv": _write_table(out, "案件.csv", "案件编号", cases),
    }


def _cloud_buildings(city: City) -> list[tuple[NDArray[np.float64], float]]:
    """Ring and height of the buildings near the point cloud's block."""
    b = city.buildings
    near = np.flatnonzero(shapely.intersects(b.geometry, shapely.box(*LAS_BLOCK)))
    return [
        (shapely.get_coordinates(shapely.get_exterior_ring(b.geometry[i])), float(b.height[i]))
        for i in near
    ]


def _write_models(out: Path, city: City, tell: Progress) -> dict[str, int]:
    """IFC, CityJSON and LAS; their writers are heavy and imported here."""
    from sample_data import bim_bridge, bim_office, bim_tower, cityjson_block, point_cloud

    (out / "bim").mkdir(exist_ok=True)
    for share, (writer, name) in enumerate(
        ((bim_tower, "临江花园5号楼"), (bim_office, "临江国际中心"), (bim_bridge, "临江大桥"))
    ):
        tell(f"bim/{name}.ifc", 0.6 + 0.1 * share)
        writer.write(out / "bim" / f"{name}.ifc")
    tell("街区_lod2.city.json", 0.9)
    cityjson_block.write(out / "街区_lod2.city.json")
    tell("点云_街区.las", 0.95)
    point_cloud.write(out / "点云_街区.las", _cloud_buildings(city))
    return {"bim": 3, "街区_lod2.city.json": len(city.old_block), "点云_街区.las": 1}


def generate(out: Path, progress: Progress | None = None) -> dict[str, int]:
    """Write every file of the sample city.

    Parameters
    ----------
    out : Path
        Folder, made if missing; files of an earlier run are replaced.
    progress : callable, optional
        Called with what is being written and the share done (0 … 1).

    Returns
    -------
    dict of str → int
        Records per file (or file and layer), the broken ones included.
    """
    tell = progress or (lambda _what, _share: None)
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.gpkg"), *out.glob("建筑物.*"), *out.glob("*.geojson")]:
        old.unlink()
    tell("plan of the district", 0.0)
    city = build_city()
    parts, pipes = build_components(city), build_pipes(city)
    tell("vector layers", 0.1)
    counts = {
        "建筑物.shp": _write_buildings(out, city),
        "道路.gpkg:roads": _write_roads(out, city),
        "水系.geojson": _write_patches(out, "水系.geojson", city.water),
        "绿地.geojson": _write_patches(out, "绿地.geojson", city.green),
    }
    counts |= _write_pipes(out, pipes) | _write_admin(out, city)
    counts["部件.gpkg:components"] = _write_components(out, parts)
    tell("tables", 0.25)
    counts |= _write_pois_and_cases(out, city, parts) | _write_live(out, city, parts, pipes)
    counts["标准地址.csv"] = _write_addresses(out, city)
    tell("dem_1985.tif", 0.35)
    counts["dem_1985.tif"] = write_dem(out / "dem_1985.tif")
    tell("正射影像.tif", 0.4)
    counts["正射影像.tif"] = write_orthophoto(out / "正射影像.tif", city, parts)
    counts |= _write_models(out, city, tell)
    write_plan(out / "plan.toml")
    tell("done", 1.0)
    return counts


def main() -> None:
    """Command line: ``python -m sample_data.make OUT``."""
    parser = argparse.ArgumentParser(description="Generate the sample city 临江示范区.")
    parser.add_argument("out", type=Path, help="folder to write into")
    generate(parser.parse_args().out)


if __name__ == "__main__":
    main()
