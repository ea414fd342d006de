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
