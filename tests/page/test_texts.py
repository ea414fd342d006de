"""Both languages are complete: every text that is asked for exists, in Chinese and in English."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "api" / "page"
ENTRY = re.compile(r'(\w+): \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\]')
USED = [
    re.compile(r'\bt\("(\w+)"'), re.compile(r'\bsection\("(\w+)"'), re.compile(r'data-i18n(?:-\w+)?="(\w+)"'),
    re.compile(r'group: "(\w+)"'), re.compile(r'\["(i[A-Z]\w+)", '), re.compile(r'\? "(i[A-Z]\w+)" : "i'), re.compile(r': "(i[A-Z]\w+)", numbers'),
]  # fmt: skip
CHINESE = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def texts() -> dict[str, tuple[str, str]]:
    source = (PAGE / "js" / "i18n.js").read_text("utf-8")
    found = {key: (zh, en) for key, zh, en in ENTRY.findall(source.split("};")[0])}
    assert len(found) > 90
    return found


def test_every_text_has_both_languages(texts: dict[str, tuple[str, str]]) -> None:
    for key, (zh, en) in texts.items():
        assert zh.strip(), key
        assert en.strip(), key
        assert set(re.findall(r"{\w+}", zh)) == set(re.findall(r"{\w+}", en)), key
        if key != "otherLanguage":  # each names the other one
            assert not CHINESE.search(en), key


def test_every_text_that_is_used_exists(texts: dict[str, tuple[str, str]]) -> None:
    used = set()
    for path in [*(PAGE / "js").glob("*.js"), PAGE / "index.html"]:
        text = path.read_text("utf-8")
        used |= {key for shape in USED for key in shape.findall(text)}
    assert {
        "layers",
        "iAlarms",
        "groupModel",
        "searchHint",
        "history",
    } <= used  # the search finds each way of asking
    states = {f"state_{name}" for name in ("active", "acknowledged", "returned", "closed")}
    assert used | states | {"normal", "warning", "alarm", "stale"} <= set(texts)


def test_no_chinese_stands_outside_the_table() -> None:
    """Words of the page come from the table; words of the data (stages, cities) come from the server."""
    data = ("结案", "作废", "年份")  # stages and attribute names the page asks about, never shows
    for path in (PAGE / "js").glob("*.js"):
        if path.name == "i18n.js":
            continue
        for line in path.read_text("utf-8").splitlines():
            code = re.sub(r"//.*|/\*.*?\*/", "", line)
            for word in (*data, '" 或 "'):
                code = code.replace(word, "")
            assert not CHINESE.search(code), f"{path.name}: {line.strip()[:100]}"
