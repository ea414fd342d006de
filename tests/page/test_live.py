"""What happens now, on the page: readings, alarms and their answers, and a server that goes and comes back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
Ask = Callable[..., Any]


MARKED = "([eid, mark]) => window.__citytwin.app.painter.markOf(eid) === mark"
PAINTED = """(eid) => { const found = []; const app = window.__citytwin.app;
  const visit = (tile) => { const content = tile.content; for (let i = 0; i < (content?.featuresLength ?? 0); i += 1) {
      const feature = content.getFeature(i); if (feature.getProperty('eid') === eid) found.push(feature.color.toCssHexString()); }
    tile.children.forEach(visit); };
  for (const name of ['buildings', 'pipes', 'models', 'furniture']) if (app.tilesets[name]?.root) visit(app.tilesets[name].root);
  app.viewer.scene.requestRender(); return found.find((color) => color === '#ff4d5e') ?? found[0]; }"""
WAY = [
    ("register", "值班长"), ("dispatch", "派遣员"), ("handle", "责任单位"), ("report", "责任单位"), ("verify", "操作员"), ("close", "值班长"),
]  # fmt: skip


def calm(ask: Ask, count: int) -> list[dict[str, Any]]:
    """Streams with an upper alarm level that nothing is said of yet."""
    streams = [each["properties"] for each in ask("/streams")["features"]]
    found = [
        s
        for s in streams
        if s["alarm_high"] is not None and s["alarm_high"] > 0 and s["state"] == "stale"
    ]
    assert len(found) >= count
    return found[-count:]


def send(ask: Ask, stream: dict[str, Any], *values: float, step_s: float = 1.0) -> None:
    """Readings up to now, the last one now."""
    now = datetime.now(UTC)
    readings = [
        {
            "stream": stream["key"],
            "time": (now - timedelta(seconds=step_s * (len(values) - 1 - index))).isoformat(),
            "result": value,
        }
        for index, value in enumerate(values)
    ]
    assert ask("/observations", {"observations": readings})["stored"] == len(values)


def shown(page: Page, indicator: str) -> str:
    """A key number as it stands in the strip, without the small print."""
    return page.evaluate(
        "(name) => document.querySelector(`[data-indicator=${name}] b`).firstChild.textContent",
        indicator,
    )


def test_key_numbers_follow_the_stream(page: Page, ask: Ask) -> None:
    stream = calm(ask, 1)[0]
    before = ask("/indicators")["streams"]["by_state"]
    assert shown(page, "iNormal") == f"{before['normal']:,}"
    send(ask, stream, stream["alarm_high"] * 0.1)
    page.wait_for_function(
        "(was) => document.querySelector('[data-indicator=iNormal] b').firstChild.textContent !== was",
        arg=f"{before['normal']:,}", timeout=15_000,
    )  # fmt: skip
    now = ask("/indicators")["streams"]["by_state"]
    assert now["normal"] == before["normal"] + 1
    assert shown(page, "iNormal") == f"{now['normal']:,}"
    fresh = page.locator("[data-indicator=iFresh], [data-indicator=iOld]")
    assert (
        fresh.get_attribute("data-indicator") == "iFresh"
    )  # the past is called the past, now is now


def test_the_chart_shows_the_readings_of_the_api(page: Page, ask: Ask) -> None:
    stream = calm(ask, 1)[0]
    top = stream["alarm_high"]
    send(ask, stream, 0.2 * top, 0.5 * top, 0.3 * top, 0.6 * top, 0.4 * top, step_s=60)
    page.evaluate("(id) => window.__citytwin.app.panel.stream(id)", stream["id"])
    page.wait_for_function("() => document.querySelector('#panel canvas').ariaLabel")
    page.wait_for_timeout(700)  # a reading that comes in redraws it
    kept = ask(f"/streams/{stream['id']}/observations?limit=200")["observations"]
    newest = max(datetime.fromisoformat(each["time"]) for each in kept)
    values = [  # the day that ends with the newest reading
        each["result"]
        for each in kept
        if newest - datetime.fromisoformat(each["time"]) <= timedelta(days=1)
    ]
    assert values[-5:] == pytest.approx([0.2 * top, 0.5 * top, 0.3 * top, 0.6 * top, 0.4 * top])
    said = page.locator("#panel canvas").get_attribute("aria-label").replace(",", "")
    assert f"{len(values)} 个读数" in said
    assert float(said.split("最近")[1]) == pytest.approx(values[-1], abs=0.006)
    assert (
        page.locator("#panel .stream b")
        .inner_text()
        .startswith(f"{values[-1]:,.2f}".rstrip("0").rstrip("."))
    )
    drawn = page.evaluate(
        """() => { const canvas = document.querySelector('#panel canvas'); const {width, height} = canvas; const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
        const rows = []; let inked = 0;
        for (let x = 0; x < width; x += 1) for (let y = 0; y < height; y += 1) { const i = 4 * (y * width + x); if (data[i + 3] > 0) inked += 1;
          if (Math.abs(data[i] - 0x43) < 12 && Math.abs(data[i + 1] - 0xd6) < 12 && data[i + 2] > 240 && data[i + 3] > 240) rows.push([x, y]); }
        return {inked, width, height, last: rows.filter(([x]) => x > width * 0.9).map(([, y]) => y), line: rows.length, top: Math.min(...rows.map(([, y]) => y))}; }"""
    )
    assert drawn["inked"] > 2000
    assert drawn["line"] > 300  # a curve across the canvas
    assert drawn["top"] < min(drawn["last"])  # its height is not where it ends
    page.evaluate("() => window.__citytwin.app.clear()")


def test_acknowledging_reaches_the_server(page: Page, ask: Ask) -> None:
    stream = calm(ask, 1)[0]
    send(ask, stream, stream["alarm_high"] * 1.4 + 1)
    page.wait_for_function(
        "(id) => [...window.__citytwin.alarms.values()].some((each) => each.stream_id === id && each.level === 'alarm')",
        arg=stream["id"],
    )
    alarm = next(
        each
        for each in ask("/alarms")["alarms"]
        if each["stream_id"] == stream["id"] and each["level"] == "alarm"
    )
    assert alarm["state"] == "active"
    row = page.locator(f"#alarm-list li[data-alarm='{alarm['id']}']")
    assert stream["name"] in row.inner_text()
    row.locator("footer button").click()
    page.wait_for_function(
        "(id) => document.querySelector(`#alarm-list li[data-alarm='${id}']`)?.classList.contains('answered')",
        arg=alarm["id"],
    )
    after = ask(f"/alarms/{alarm['id']}")
    assert after["state"] == "acknowledged"
    assert after["acknowledged_at"] is not None
    assert after["events"][-1]["actor"] == "值班员"
    assert row.locator("footer button").count() == 0


def test_an_incident_from_the_reading_to_the_closed_case(page: Page, ask: Ask) -> None:
    """A reading beyond its threshold: alarm in the list, thing red, case opened and worked, alarm over and closed."""
    stream = next(
        each for each in calm(ask, 300) if each["eid"] and each["subject"] == "危房"
    )  # without an off-delay
    begun = datetime.now(UTC)
    send(ask, stream, stream["alarm_high"] * 1.5 + 1)
    page.wait_for_function(MARKED, arg=[stream["eid"], "alarm"])
    page.evaluate("(eid) => window.__citytwin.select(eid, { fly: true }).then(() => window.__citytwin.app.clear())", stream["eid"])  # fmt: skip
    page.wait_for_function(f"(eid) => ({PAINTED})(eid) === '#ff4d5e'", arg=stream["eid"], polling=250)  # fmt: skip
    alarm = next(
        each
        for each in ask("/alarms")["alarms"]
        if each["stream_id"] == stream["id"] and each["level"] == "alarm"
    )
    page.locator(f"#alarm-list li[data-alarm='{alarm['id']}'] .message").click()
    panel = page.locator(f"#panel[data-alarm='{alarm['id']}']")
    panel.locator("input").fill("现场核实")
    panel.locator("[data-step=case]").click()
    page.wait_for_function("() => document.querySelector('#panel [data-step=accept]')")
    page.locator("#panel .steps select").select_option("操作员")  # another may have been on duty
    page.locator("#panel [data-step=accept]").click()
    page.wait_for_function("() => document.querySelector('#panel [data-step=register]')")
    page.locator("#panel .steps select").select_option("值班长")
    assert page.locator("#panel [data-step=register]").is_visible()
    (case,) = [c["properties"] for c in ask("/cases?limit=1000")["features"] if c["properties"]["alarm_id"] == alarm["id"]]  # fmt: skip
    assert case["stage"] == "受理"

    page.evaluate("(id) => window.__citytwin.app.panel.alarm(id)", alarm["id"])
    panel.locator("[data-step=shelve-1]").click()
    page.wait_for_function("(id) => !window.__citytwin.alarms.has(id)", arg=alarm["id"])
    assert ask(f"/alarms/{alarm['id']}")["state"] == "shelved"
    panel.locator("[data-step=unshelve]").click()
    page.wait_for_function("(id) => window.__citytwin.alarms.has(id)", arg=alarm["id"])
    panel.locator("[data-step=acknowledge]").click()
    page.wait_for_function("(id) => window.__citytwin.alarms.get(id)?.state === 'acknowledged'", arg=alarm["id"])  # fmt: skip

    send(ask, stream, stream["alarm_high"] * 0.1)
    page.wait_for_function(
        MARKED, arg=[stream["eid"], "case"]
    )  # the reading is back, the case is open
    page.wait_for_function("(id) => !window.__citytwin.alarms.has(id)", arg=alarm["id"])
    page.evaluate("(id) => window.__citytwin.app.panel.case(id)", case["id"])
    for step, role in WAY:
        page.wait_for_function("(step) => document.querySelector(`#panel [data-step=${step}]`)", arg=step)  # fmt: skip
        page.locator("#panel .steps select").select_option(role)
        page.locator(f"#panel [data-step={step}]").click()
    page.wait_for_function(MARKED, arg=[stream["eid"], ""])
    assert ask(f"/cases/{case['id']}")["properties"]["stage"] == "结案"
    ended = datetime.now(UTC)

    told = [begun.timestamp() * 1000 - 1000, ended.timestamp() * 1000]
    page.evaluate("([from, to]) => window.__citytwin.app.replay.open(from, to, 1)", told)
    page.evaluate("() => window.__citytwin.app.replay.setPlaying(false)")
    page.wait_for_function(MARKED, arg=[stream["eid"], ""])
    assert "不是现在" in page.inner_text("#replay")
    raised = datetime.fromisoformat(alarm["raised_at"]).timestamp() * 1000
    page.evaluate("(at) => window.__citytwin.app.replay.seek(at)", raised + 300)
    page.wait_for_function(MARKED, arg=[stream["eid"], "alarm"])
    page.wait_for_function("(id) => window.__citytwin.alarms.get(id)?.state === 'active'", arg=alarm["id"])  # fmt: skip
    assert page.locator(f"#alarm-list li[data-alarm='{alarm['id']}'] footer button").count() == 0
    page.evaluate("() => window.__citytwin.app.replay.seek(window.__citytwin.app.replay.to)")
    page.wait_for_function(MARKED, arg=[stream["eid"], ""])
    page.wait_for_function("(id) => !window.__citytwin.alarms.has(id)", arg=alarm["id"])
    page.locator("#replay .now").click()
    page.wait_for_function("() => window.__citytwin.app.live.past === null && window.__citytwin.app.live.source")  # fmt: skip
    assert page.locator("#replay").is_hidden()
    page.evaluate("() => window.__citytwin.app.clear()")


def test_the_board_counts_what_the_server_counts(page: Page, ask: Ask) -> None:
    page.locator("#board-open").click()
    page.wait_for_function("() => document.querySelector('#board .columns section')")
    counts, late = ask("/cases/counts"), ask("/cases/counts?overdue=true")
    for stage, n in counts["by_stage"].items():
        if stage in ("结案", "作废"):
            continue
        column = page.locator(f"#board section[data-stage='{stage}']")
        assert column.locator("h3 em").inner_text().split(" ")[0] == f"{n:,}"
        red = column.locator("li.late").count()
        assert red == min(late["by_stage"].get(stage, 0), 60)
    page.locator("#board [data-filter=overdue]").check()
    page.wait_for_function("() => document.querySelectorAll('#board li[data-case]:not(.late)').length === 0")  # fmt: skip
    page.locator("#board [data-filter=overdue]").uncheck()
    first = page.locator("#board li.late").first
    case = first.get_attribute("data-case")
    first.locator("button").click()
    page.wait_for_function("() => document.querySelector('#panel [data-said=photo]')")
    assert page.locator("#board").is_hidden()
    assert ask(f"/cases/{case}")["properties"]["key"] in page.inner_text("#panel")
    page.evaluate("() => window.__citytwin.app.clear()")


def test_the_live_stream_comes_back_after_the_server(
    page: Page, ask: Ask, served: Any, expected: Callable[[str], None]
) -> None:
    expected("ERR_")  # the browser writes every failed connection into its console
    stream = calm(ask, 1)[0]
    served.stop()
    page.wait_for_function(
        "() => document.getElementById('toasts').textContent.includes('实时连接中断')",
        timeout=20_000,
    )
    served.start()
    page.wait_for_function(
        "() => document.getElementById('toasts').textContent.includes('实时连接已恢复')",
        timeout=60_000,
    )
    value = round(stream["alarm_high"] * 0.37, 2)
    send(ask, stream, value)
    page.wait_for_function(
        "([id, value]) => window.__citytwin.state.get(id).value === value",
        arg=[stream["id"], value], timeout=15_000,
    )  # fmt: skip
    latest = ask(f"/streams/{stream['id']}")["properties"]
    assert (latest["value"], latest["state"]) == (value, "normal")
    assert page.evaluate("(id) => window.__citytwin.state.get(id).state", stream["id"]) == "normal"


def test_no_complaint(complaints: list[str]) -> None:
    assert complaints == []
