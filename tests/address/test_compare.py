import pytest

from address.compare import compare


@pytest.mark.parametrize(
    ("a", "b", "label"),
    [
        ("柳桥路35号2栋", "柳桥路三十五号2幢", "exact"),
        ("柳桥路35号2栋", "刘桥路35号2栋", "exact"),  # one sound
        ("柳桥路35号2栋", "柳桥街35号2栋", "exact"),  # another last word
        ("青浦区长柳桥路35号", "长桥柳路35号", "exact"),  # swapped
        ("柳桥东路35号", "柳桥西路35号", "none"),  # a direction is no slip
        ("经三路35号", "经四路35号", "none"),
        ("柳桥路144至146号2幢", "柳桥路144号2幢", "exact"),  # within the range
        ("柳桥路144至146号", "柳桥路148号", "none"),
        ("南通市通州区柳桥路35号", "通州区柳桥路35号", "exact"),  # Beijing has one as well
        ("南通市通州区柳桥路35号", "北京市通州区柳桥路35号", "none"),
        ("柳桥路35号2栋", "柳桥路35号2栋501室", "partial"),  # one holds the other
        ("柳桥路35号2栋501室", "柳桥路35号3栋501室", "partial"),  # one yard
        ("柳桥村12号", "柳桥村21号", "none"),  # houses of one village
        ("徐汇区柳桥路35号", "静安区柳桥路35号", "none"),
        ("柳桥路35号", "", "none"),
        ("", "", "none"),
    ],
)
def test_pairs(a: str, b: str, label: str) -> None:
    assert compare(a, b).label == label
    assert compare(b, a).label == label


def test_what_agrees_and_differs_is_told() -> None:
    found = compare("柳桥路35号2栋501室", "柳桥路35号3栋501室")
    assert found.agree == ("road", "number", "room")
    assert found.differ == ("building",)
    assert found.score == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("a", "b", "label", "coarse"),
    [
        ("保利花园5号楼1单元17楼", "昌平区保利花园5号楼", "partial", "exact"),
        ("保利花园5号楼1单元17楼", "保利花园6号楼", "partial", "partial"),
        ("工业路233号苏宁广场", "工业路233号苏宁广场一楼圣罗兰专柜", "partial", "partial"),
        ("广州市鹤泰路", "白云区鹤泰路", "exact", "exact"),
        ("增城区永宁街", "增城区永宁街太新路", "partial", "partial"),
        ("中心路同方中心", "新原路120号西北80米同方中心", "exact", "exact"),
        ("中心路同方中心", "新原路120号同方中心", "partial", "partial"),
    ],
)
def test_how_deep_addresses_are_compared(a: str, b: str, label: str, coarse: str) -> None:
    for first, second in ((a, b), (b, a)):
        assert compare(first, second).label == label
        assert compare(first, second, "building").label == coarse
