"""Units: spellings, conversions against numbers from the definitions, units in column names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.units import convert, named_unit, si_unit, ucum, unit_in_name


@pytest.mark.parametrize(
    ("figure", "given_unit", "wanted", "want"),
    [
        (1.0, "ft", "m", 0.3048),
        (1.0, "英尺", "mm", 304.8),
        (1.0, "us-ft", "m", 1200 / 3937),
        (32.0, "°F", "℃", 0.0),
        (-40.0, "deg F", "degC", -40.0),
        (0.0, "K", "Cel", -273.15),
        (1.0, "亩", "m²", 2000 / 3),
        (36.0, "km/h", "m/s", 10.0),
        (3600.0, "m³/h", "m3/s", 1.0),
        (1.0, "cfs", "L/s", 28.316846592),
        (35.0, "µg/m³", "mg/m3", 0.035),
        (1.0, "公顷", "m2", 10_000.0),
        (760.0, "mmHg", "hPa", 1013.25),
    ],
)
def test_conversions_agree_with_the_definitions(
    figure: float, given_unit: str, wanted: str, want: float
) -> None:
    assert convert(np.array([figure]), given_unit, wanted)[0] == pytest.approx(
        want, rel=1e-6, abs=1e-9
    )


def test_upper_and_lower_case_count_where_they_change_the_meaning() -> None:
    assert named_unit("mW").factor == 1e-3  # type: ignore[union-attr]
    assert named_unit("MW").factor == 1e6  # type: ignore[union-attr]
    assert ucum("MM") == "mm"


def test_what_measures_something_else_is_refused_and_unknown_units_stay() -> None:
    with pytest.raises(ValueError, match="measures length"):
        convert(np.array([1.0]), "ft", "s")
    with pytest.raises(ValueError, match="no unit"):
        convert(np.array([1.0]), "furlong", "m")
    assert ucum("furlong") == "furlong"
    assert si_unit("[ft_i]") == "m"
    assert si_unit("Cel") == "K"


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("建筑高度（英尺）", ("建筑高度", "英尺")),
        ("SHAPE_Area", ("SHAPE_Area", None)),
        ("X_m", ("X", "m")),
        ("流量(m³/h)", ("流量", "m³/h")),
        ("地址(详细)", ("地址(详细)", None)),
        ("level", ("level", None)),
    ],
)
def test_units_are_read_out_of_column_names(name: str, want: tuple[str, str | None]) -> None:
    assert unit_in_name(name) == want


@given(
    st.floats(-1e6, 1e6),
    st.sampled_from([("ft", "m"), ("degF", "K"), ("mmHg", "kPa"), ("亩", "ha")]),
)
def test_there_and_back_is_the_same(figure: float, pair: tuple[str, str]) -> None:
    there = convert(np.array([figure]), *pair)
    assert convert(there, pair[1], pair[0])[0] == pytest.approx(figure, rel=1e-9, abs=1e-6)
