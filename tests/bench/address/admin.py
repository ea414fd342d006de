"""Province, city and county out of generated addresses, beside cpca, JioNLP and addressparser.

Rows are made from the tables in address/data (every town of the country, seeded): full names, short
names without suffix, no province, county and town only, roads named after places, former names. A
peer that is not installed is named as absent. CPU time of one thread.

    python tests/bench/address/admin.py [ROWS]
"""

import importlib
import random
import sys
import time
from collections.abc import Callable

from address.divisions import path_of
from address.fields import county_of
from address.lexicon import divisions, former_divisions, short_admin, towns_of

Path3 = tuple[str, str, str]
Kind = list[tuple[str, set[Path3]]]
MUNICIPALITIES = ("11", "12", "31", "50")


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def short(name: str) -> str:
    """Name without its suffix, as people write it."""
    forms = short_admin(name) if name else ()
    return min(forms, key=len) if forms else name


def drawn(rows: int, seed: int) -> list[tuple[str, Path3, str]]:
    """County code, path and town of random towns; counties whose path has three names."""
    rng = random.Random(seed)
    pool = [
        (code, path_of(code), town.name)
        for code, towns in sorted(towns_of().items())
        if code in divisions()
        for town in towns
    ]
    return rng.sample(pool, rows)


def same_names() -> dict[str, int]:
    count: dict[str, int] = {}
    for division in divisions().values():
        count[division.name] = count.get(division.name, 0) + 1
    return count


def kinds(rows: int) -> dict[str, Kind]:
    """Texts of each kind with the paths that are right."""
    out: dict[str, Kind] = {
        k: [] for k in ("full", "short", "no province", "county and town", "trap", "renamed")
    }
    rng = random.Random(5)
    roads = [short(d.name) for d in divisions().values() if len(short(d.name)) == 2]
    count = same_names()
    for number, (code, path, town) in enumerate(drawn(rows, 11)):
        province, city, county = path
        tail = f"{town}解放路{rng.randint(1, 300)}号"
        middle = "" if city == province else "" if city == county else city
        own = "" if county == city and not middle and code[:2] in MUNICIPALITIES else county
        out["full"].append((province + middle + own + tail, {path}))
        out["short"].append((short(province) + short(middle) + short(own) + tail, {path}))
        out["no province"].append(
            ((middle or (province if code[:2] in MUNICIPALITIES else "")) + own + tail, {path})
        )
        if count[county] == 1:
            out["county and town"].append((own + tail, {path}))
        trap = rng.choice(roads) + rng.choice(["路", "东路", "西路", "中路", "街", "大道"])
        out["trap"].append((province + middle + own + trap + f"{number % 97}号", {path}))
    for name, province_code, codes in former_divisions():
        paths = {path_of(c) for c in codes}
        province = (
            divisions()[province_code + "0000"].name
            if province_code + "0000" in divisions()
            else ""
        )
        same_city = {p[1] for p in paths}
        city = next(iter(same_city)) if len(same_city) == 1 else ""
        text = province + ("" if city in (province, name) or not city else city) + name
        if all(c[:2] == province_code for c in codes) and not all(c.endswith("00") for c in codes):
            out["renamed"].append((text + "人民路1号", paths))
    return out


def ours(text: str) -> Path3:
    code = county_of(text)
    return path_of(code) if code else ("", "", "")


def peers() -> dict[str, Callable[[str], Path3]]:
    """Readers of the peers that are installed."""
    found: dict[str, Callable[[str], Path3]] = {}
    try:
        cpca = importlib.import_module("cpca")

        def by_cpca(text: str) -> Path3:
            row = cpca.transform([text]).iloc[0]
            return (row["省"] or "", row["市"] or "", row["区"] or "")

        found["cpca"] = by_cpca
    except ImportError as missing:
        say("cpca: absent,", missing)
    try:
        jionlp = importlib.import_module("jionlp")

        def by_jionlp(text: str) -> Path3:
            row = jionlp.parse_location(text, change2new=True)
            return (row["province"] or "", row["city"] or "", row["county"] or "")

        found["JioNLP"] = by_jionlp
    except ImportError as missing:
        say("JioNLP: absent,", missing)
    try:
        parser = importlib.import_module("addressparser")

        def by_parser(text: str) -> Path3:
            row = parser.transform([text], cut=False).iloc[0]
            return (row["省"] or "", row["市"] or "", row["区"] or "")

        found["addressparser"] = by_parser
    except ImportError as missing:
        say("addressparser: absent,", missing)
    return found


def agrees(got: Path3, right: set[Path3]) -> bool:
    """All three names; a municipality may be named 市辖区, a county without a city may repeat it."""
    province, city, county = got
    for path in right:
        same_city = city == path[1] or (city in ("市辖区", "", "县") and path[0] == path[1])
        loose = path[1] == path[2] and (city in (path[2], "") or "直辖" in city)
        if (
            province == path[0]
            and (same_city or loose)
            and (county == path[2] or (loose and not county))
        ):
            return True
    return False


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    table = kinds(rows)
    readers: dict[str, Callable[[str], Path3]] = {"citytwin": ours, **peers()}
    say(f"{'':14}" + "".join(f"{k:>18}" for k in table) + f"{'rows/s':>10}")
    for name, reader in readers.items():
        reader("上海市静安区南京西路1号")
        line, total = "", 0
        most = rows if name == "citytwin" else min(rows, 400)
        begun = time.process_time()
        for kind in table.values():
            part = kind[:most]
            right = 0
            for text, paths in part:
                try:
                    right += agrees(reader(text), paths)
                except (KeyError, IndexError, ValueError, AttributeError):
                    right += 0  # a peer that stumbles has no answer
            total += len(part)
            line += f"{100 * right / len(part):>17.2f}%"
        spent = time.process_time() - begun
        say(f"{name:14}{line}{total / spent:>10.0f}")


if __name__ == "__main__":
    main()
