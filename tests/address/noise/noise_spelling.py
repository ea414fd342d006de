"""Numerals, widths, characters: how the same words can be spelled."""

import random
import re

from address.normalise import read_table

DIGITS = "零一二三四五六七八九"
BANKERS = "零壹贰叁肆伍陆柒捌玖"


def in_words(number: int, digits: str = DIGITS, units: str = "十百千") -> str:
    """三十二, 二百零三; bankers' digits on request."""
    if number < 10:
        return digits[number]
    out, text = "", str(number)
    zero = False
    for place, digit in enumerate(text):
        power = len(text) - place - 1
        if digit == "0":
            zero = True
            continue
        if zero and out:
            out += digits[0]
        zero = False
        out += digits[int(digit)] + (units[power - 1] if power else "")
    if digits == DIGITS and out.startswith("一十"):
        out = out[1:]
    return out


def by_digit(text: str, zero: str = "〇") -> str:
    return "".join((zero + DIGITS[1:])[int(c)] if c.isdigit() else c for c in text)


def numerals(words: str, rng: random.Random, how: str) -> str:
    """Arabic numbers of a part in Chinese."""

    def write(found: re.Match[str]) -> str:
        value = int(found[0])
        if found[0][0] == "0" or value > 9999:
            return found[0]
        if how == "place":
            return by_digit(found[0], rng.choice("〇零"))
        if how == "bank":
            return in_words(value, BANKERS, "拾佰仟")
        if how == "nian" and 20 < value < 40 and value != 30:
            return "廿卅"[value // 10 - 2] + DIGITS[value % 10]
        return in_words(value)

    return re.sub(r"\d+", write, words)


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def traditional(text: str) -> str:
    return text.translate(_TO_TRADITIONAL)


def radicals(text: str) -> str:
    return text.translate(_TO_RADICAL)


def zero_width(text: str, rng: random.Random) -> str:
    out = list(text)
    for _ in range(rng.randint(1, 3)):
        out.insert(rng.randint(0, len(out)), rng.choice("\u200b\u200d\ufeff\u2060"))
    return "".join(out)


_COMMON = set("东國区号楼乡镇县广门长园华龙丰开庄卫汇宁义岛号")
_TO_TRADITIONAL: dict[int, str] = {}
for _row in read_table("traditional.csv"):
    _TO_TRADITIONAL.setdefault(ord(_row["simplified"]), _row["traditional"])
_TO_RADICAL = {ord(row["ideograph"]): row["radical"] for row in read_table("radicals.csv")}
