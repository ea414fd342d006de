"""The tables of docs/address.md, made from the code and its data: ``python tests/address/doc_tables.py`` writes them anew."""

import ast
import re
from pathlib import Path

from address.codes import widths
from address.elements import element_types
from address.faults import FAULT_KINDS
from address.model import FAULT_TEXTS, FAULT_TEXTS_EN
from address.normalise import read_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "address.md"


def penalties() -> dict[str, set[str]]:
    """Kind of fault → penalties written in the code; ``varies`` where they are computed."""
    found: dict[str, set[str]] = {kind: set() for kind in FAULT_TEXTS}
    words: set[str] = set()
    for path in sorted((ROOT / "address").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if path.name != "model.py":
            words |= {
                n.value
                for n in ast.walk(tree)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
        for call in ast.walk(tree):
            if not (
                isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Fault" and call.args
            ):
                continue
            code = call.args[0]
            text = code.value if isinstance(code, ast.Constant) else ast.unparse(code).strip("f'\"")
            kind = str(text).rpartition(".")[2].strip("'\"")
            value = call.args[4] if len(call.args) > 4 else None
            if isinstance(value, ast.Name):
                value = ast.Constant(named.get(value.id))
            known = isinstance(value, ast.Constant) and isinstance(value.value, float | int)
            for one in [kind] if kind in found else []:
                found[one].add(f"{value.value:g}" if known else "varies")
    for kind, penalty in found.items():
        if not penalty and kind in words:  # its code is put together where it is given
            penalty.add("varies")
    return found


def tables() -> dict[str, str]:
    elements = ["| level | ends in | GA/T 2000.32 | 中文 | English |", "|---|---|---|---|---|"]
    elements += [
        f"| `{r['level']}` | {r['ending'] or '–'} | {r['type'] or 'not seen'} | {r['zh']} | {r['en']} |"
        for r in element_types()
    ]
    parts = ["| part | characters | 中文 | English | value |", "|---|---|---|---|---|"]
    parts += [
        f"| `{r['part']}` | {widths()[r['part']]} | {r['zh']} | {r['en']} | {r['value']} |"
        for r in read_table("code_parts.csv")
    ]
    faults = ["| `LEVEL.…` | penalty | 中文 | English |", "|---|---|---|---|"]
    faults += [
        f"| `{kind}` | {', '.join(sorted(found)) or '–'} | {FAULT_TEXTS[kind]} | {FAULT_TEXTS_EN[kind]} |"
        for kind, found in penalties().items()
    ]
    gazetteer = ["| kind | 中文 | English |", "|---|---|---|"]
    gazetteer += [f"| `{kind}` | {zh} | {en} |" for kind, (zh, en) in FAULT_KINDS.items()]
    return {
        "elements": "\n".join(elements), "code": "\n".join(parts), "faults": "\n".join(faults),
        "gazetteer": "\n".join(gazetteer),
    }  # fmt: skip


def written(text: str) -> str:
    """The page with its tables made anew."""
    for name, table in tables().items():
        pattern = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, t=table: m[1] + t + "\n" + m[2], text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
