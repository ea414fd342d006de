"""The load plan of the sample: every layer with its class, key, names, CRS and fields."""

from pathlib import Path

from sample_data.district import CRS
from twin.plan import LayerPlan, Plan

__all__ = ["load_plan"]

_NAMED = "named by who delivered the sample"


def _features(
    path: str,
    class_code: str,
    fields: dict[str, str],
    *,
    layer: str = "",
    key: str = "编号",
    crs: str = CRS,
    scheme: str | None = None,
    class_field: str | None = None,
    z_reference: str = "ground",
    encoding: str | None = None,
) -> LayerPlan:
    return LayerPlan(
        path=path,
        layer=layer,
        class_code=class_code,
        key_field=key,
        name_field="名称",
        crs=crs,
        crs_evidence=_NAMED,
        fields=fields,
        key_scheme=scheme,
        class_field=class_field,
        z_reference=z_reference,
        encoding=encoding,
    )


def _land() -> list[LayerPlan]:
    unit = {"编码": "code", "面积": "area_m2"}
    return [
        LayerPlan("dem_1985.tif", kind="raster", crs=CRS, crs_evidence=_NAMED, z_reference="1985"),
        LayerPlan("正射影像.tif", kind="raster", crs=CRS, crs_evidence=_NAMED),
        _features("行政.gpkg", "subdistrict", unit, layer="subdistricts"),
        _features("行政.gpkg", "community", unit, layer="communities"),
        _features("行政.gpkg", "grid_unit", {"网格编码": "code", "面积": "area_m2"}, layer="grids"),
        _features("水系.geojson", "water", {"类型": "usage"}, crs="EPSG:4490"),
        _features("绿地.geojson", "green", {"类型": "usage"}, crs="EPSG:4490"),
        _features(
            "道路.gpkg", "road", {"道路等级": "road_class", "宽度": "width_m"}, layer="roads"
        ),
    ]


def _things() -> list[LayerPlan]:
    pipe = {"管径": "diameter_mm", "埋深": "depth_m", "材质": "material", "建成年份": "year_built"}
    building = {
        "高度": "height_m",
        "层数": "floors",
        "用途": "usage",
        "建成年份": "year_built",
        "地址": "address",
    }
    return [
        _features(
            "建筑物.shp",
            "building",
            building,
            key="楼栋编码",
            scheme="building.code",
            encoding="GBK",
        ),
        *(
            _features("管线.gpkg", f"pipe_{name}", pipe, layer=name)
            for name in ("gas", "water", "drainage", "heat")
        ),
        _features(
            "部件.gpkg", "component", {"标识码": "code"}, layer="components", class_field="类别代码"
        ),
        _features(
            "兴趣点_gcj02.csv",
            "poi",
            {"lng": "x", "lat": "y", "地址": "address", "类别": "usage"},
            crs="GCJ-02",
        ),
    ]


def _models() -> list[LayerPlan]:
    paths = (
        "bim/临江花园5号楼.ifc",
        "bim/临江国际中心.ifc",
        "bim/临江大桥.ifc",
        "街区_lod2.city.json",
    )
    models = [
        LayerPlan(p, kind="model", crs=CRS, crs_evidence=_NAMED, z_reference="1985") for p in paths
    ]
    return [
        *models,
        LayerPlan(
            "点云_街区.las",
            kind="points",
            class_code="point_cloud",
            crs=CRS,
            crs_evidence=_NAMED,
            z_reference="1985",
        ),
    ]


def _tables() -> list[LayerPlan]:
    address = {
        "省": "province",
        "市": "city",
        "区县": "county",
        "街道": "street",
        "社区": "community",
        "路": "road",
        "门牌号": "number",
        "小区": "compound",
        "楼栋": "building",
        "单元": "unit",
        "楼层": "floor",
        "户室": "room",
        "标准地址": "full",
        "经度": "x",
        "纬度": "y",
        "高程": "z",
        "楼栋编码": "building_key",
        "地址编码": "key",
    }
    stream = {
        "数据流编号": "key",
        "设备编号": "thing_key",
        "设备名称": "thing_name",
        "监测主题": "subject",
        "监测项": "property",
        "单位": "unit",
        "x": "x",
        "y": "y",
        "z": "z",
        "高程基准": "z_reference",
        "宿主类型": "host_scheme",
        "宿主编码": "host_value",
        "预警下限": "warn_low",
        "预警上限": "warn_high",
        "报警下限": "alarm_low",
        "报警上限": "alarm_high",
        "采样间隔": "interval_s",
    }
    reading = {
        "数据流编号": "stream_key",
        "监测时间": "phenomenon_time",
        "监测值": "result",
        "质量": "quality",
    }
    case = {
        "案件编号": "key",
        "案件类别": "kind",
        "类型代码": "code",
        "标题": "title",
        "问题描述": "description",
        "地址描述": "address_text",
        "x": "x",
        "y": "y",
        "上报时间": "reported_at",
        "结案时间": "closed_at",
        "案件状态": "stage",
        "问题来源": "source",
        "责任单位": "unit",
    }
    return [
        LayerPlan(
            "标准地址.csv",
            kind="addresses",
            key_field="地址编码",
            crs="EPSG:4490",
            crs_evidence=_NAMED,
            z_reference="1985",
            encoding="GBK",
            fields=address,
        ),
        LayerPlan(
            "传感器.csv",
            kind="streams",
            key_field="数据流编号",
            crs=CRS,
            crs_evidence=_NAMED,
            fields=stream,
        ),
        LayerPlan("历史读数.csv", kind="observations", fields=reading),
        LayerPlan(
            "案件.csv",
            kind="cases",
            key_field="案件编号",
            crs=CRS,
            crs_evidence=_NAMED,
            fields=case,
        ),
    ]


def load_plan() -> Plan:
    """Layers in loading order; paths are relative to the plan file."""
    return Plan([*_land(), *_things(), *_models(), *_tables()])


def write_plan(path: Path) -> None:
    """Write ``plan.toml``."""
    path.write_text(load_plan().to_toml(), encoding="utf-8")
