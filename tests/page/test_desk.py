"""A case at the desk: told twice and merged, photographed, given to another unit, urged, given more time. All by clicking."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
Ask = Callable[..., Any]


def picture(lon: float, lat: float) -> bytes:
    """A JPEG that was taken there."""
    image, out = Image.new("RGB", (64, 48), (90, 120, 60)), io.BytesIO()
    exif = image.getexif()
    degrees = [(int(v), int(v % 1 * 60), round(v * 60 % 1 * 60, 4)) for v in (lat, lon)]
    exif[0x8825] = {1: "N", 2: degrees[0], 3: "E", 4: degrees[1]}
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture(scope="module")
def place(ask: Ask) -> tuple[float, float]:
    """Degrees of a stream of the sample city."""
    return next(
        (each["properties"]["lon"], each["properties"]["lat"])
        for each in ask("/streams")["features"]
        if each["properties"]["lon"] is not None
    )


@pytest.fixture(scope="module")
def pair(ask: Ask, place: tuple[float, float]) -> list[dict[str, Any]]:
    """Two reports of the same, two metres apart."""
    lon, lat = place
    return [
        ask("/cases", {"title": title, "code": "06010", "lon": lon, "lat": lat + north, "actor": "热线"})["properties"]
        for title, north in (("路边暴露垃圾", 0.0), ("路边有暴露垃圾", 0.00002))
    ]  # fmt: skip


def opened(page: Page, case: dict[str, Any]) -> None:
    page.evaluate("(id) => window.__citytwin.app.panel.case(id)", case["id"])
    page.wait_for_function("(key) => document.getElementById('panel').innerText.includes(key)", arg=case["key"])  # fmt: skip


def take(page: Page, step: str, role: str, **said: str) -> None:
    """Choose a duty, say what the step needs, click it."""
    page.wait_for_function("(step) => document.querySelector(`#panel [data-step=${step}]`)", arg=step)  # fmt: skip
    page.locator("#panel .steps select").select_option(role)
    for name, text in said.items():
        page.locator(f"#panel .steps [data-said={name}]").fill(text)
    page.locator(f"#panel [data-step={step}]").click()


def reached(page: Page, ask: Ask, case: dict[str, Any], event: str) -> dict[str, Any]:
    """The case once a step of it is on record, and the panel shows what is possible then."""
    for _ in range(100):
        found = ask(f"/cases/{case['id']}")["properties"]
        if found["events"][-1]["event"] == event:
            break
        page.wait_for_timeout(100)
    assert found["events"][-1]["event"] == event
    steps = sorted(each["action"] for each in found["actions"])
    page.wait_for_function(
        "(steps) => [...document.querySelectorAll('#panel .steps [data-step]')].map((each) => each.dataset.step).sort().join() === steps",
        arg=",".join(steps),
    )
    return found


def test_what_was_told_twice_is_shown_with_why_and_merged(page: Page, ask: Ask, pair: list[dict[str, Any]]) -> None:  # fmt: skip
    first, second = pair
    opened(page, second)
    page.wait_for_function("(key) => document.querySelector(`#panel .duplicates [data-into='${key}']`)", arg=first["key"])  # fmt: skip
    row = page.locator("#panel .duplicates li").filter(has_text=first["title"]).first
    assert "相距 2 米" in row.locator("small").inner_text()
    page.locator("#panel .steps select").select_option("操作员")
    row.locator(".merge").click()
    assert page.locator("#panel .steps [data-said=into]").input_value() == first["key"]
    page.locator("#panel [data-step=merge]").click()
    gone = reached(page, ask, second, "merge")
    assert (gone["stage"], gone["merged_into"]) == ("作废", first["id"])
    assert ask(f"/cases/{first['id']}")["properties"]["events"][-1]["event"] == "merged"


def test_a_photo_says_whether_it_was_taken_there(page: Page, ask: Ask, pair: list[dict[str, Any]], place: tuple[float, float]) -> None:  # fmt: skip
    opened(page, pair[0])
    lon, lat = place
    for nth, (east, verdict) in enumerate(((0.00005, "agrees"), (0.1, "far"))):
        photo = {"name": f"{nth}.jpg", "mimeType": "image/jpeg", "buffer": picture(lon + east, lat)}
        page.locator("#panel [data-said=photo]").set_input_files([photo])
        page.wait_for_function("(verdict) => document.querySelector(`#panel .photos figcaption .${verdict}`)", arg=verdict)  # fmt: skip
    kept = ask(f"/cases/{pair[0]['id']}/photos")["photos"]
    assert sorted(each["verdict"] for each in kept) == ["agrees", "far"]
    page.wait_for_function("() => [...document.querySelectorAll('#panel .photos img')].filter((each) => each.naturalWidth === 64).length === 2")  # fmt: skip
    said = page.locator("#panel .photos").inner_text()
    assert "位置相符，相距 5 m" in said
    assert "位置不符" in said


def test_a_case_is_given_away_urged_and_given_more_time(
    page: Page, ask: Ask, pair: list[dict[str, Any]]
) -> None:
    case = pair[0]
    opened(page, case)
    for step, role in (("accept", "操作员"), ("register", "值班长"), ("dispatch", "派遣员")):
        take(page, step, role)
        reached(page, ask, case, step)
    take(page, "assign", "派遣员")
    page.wait_for_function("() => document.getElementById('toasts').textContent.includes('写明原因')")  # fmt: skip
    take(page, "assign", "派遣员", note="不在辖区内", unit="区园林中心")
    assert reached(page, ask, case, "assign")["unit"] == "区园林中心"
    page.wait_for_function("() => document.getElementById('panel').innerText.includes('区园林中心')")  # fmt: skip
    take(page, "handle", "责任单位")
    reached(page, ask, case, "handle")
    until = datetime.now(UTC) + timedelta(days=2)
    take(page, "urge", "值班长", until=f"{until:%Y-%m-%dT%H:%M}", note="今晚前完成")
    urged = reached(page, ask, case, "urge")["urged"]
    assert (urged["note"], urged["actor"]) == ("今晚前完成", "值班员")
    page.wait_for_function("() => document.getElementById('panel').innerText.includes('今晚前完成')")  # fmt: skip
    before = ask(f"/cases/{case['id']}")["properties"]["clock"]["due"]
    take(page, "extend", "责任单位", note="雨天停工")
    page.wait_for_function("() => document.getElementById('toasts').textContent.includes('小时数')")
    take(page, "extend", "责任单位", note="雨天停工", hours="16")
    asked = reached(page, ask, case, "extend")
    assert (asked["extension"]["state"], asked["extension"]["hours"]) == ("asked", 16)
    page.wait_for_function("() => document.getElementById('panel').innerText.includes('待批')")
    take(page, "grant", "值班长")
    granted = reached(page, ask, case, "grant")
    assert granted["extension"]["state"] == "granted"
    assert datetime.fromisoformat(granted["clock"]["due"]) > datetime.fromisoformat(before)
    page.wait_for_function("() => document.getElementById('panel').innerText.includes('已批准')")
    take(page, "unurge", "值班长")
    assert reached(page, ask, case, "unurge")["urged"] is None
    take(page, "suspend", "值班长", note="等材料")
    assert reached(page, ask, case, "suspend")["stage"] == "挂账"
    page.evaluate("() => window.__citytwin.app.clear()")


def test_no_complaint(complaints: list[str]) -> None:
    assert complaints == []
