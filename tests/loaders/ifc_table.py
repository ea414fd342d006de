"""Products of IFC models that come through, beside the bare iterator; ``python tests/loaders/ifc_table.py FILES…`` prints it.

The bare iterator runs in a process of its own for at most ``BARE_LIMIT_S`` seconds: on some models it
crashes or needs minutes; what it had drawn until then is not known, and counts as 0.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from loaders.ifc import IfcLoader
from twin.plan import LayerPlan

BARE_LIMIT_S = 120
_BARE = """
import json, sys
from pathlib import Path
import ifcopenshell, ifcopenshell.geom
from loaders.ifc.opening import open_model
model, _ = open_model(Path(sys.argv[1]))
iterator = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model, 2)
no_things = ("IfcFeatureElementSubtraction", "IfcVirtualElement", "IfcAnnotation", "IfcGrid")
drawn = set()
if iterator.initialize():
    while True:
        shape = iterator.get()
        if len(shape.geometry.faces) and not any(model.by_id(shape.id).is_a(c) for c in no_things):
            drawn.add(shape.id)
        if not iterator.next():
            break
print(json.dumps([len(drawn), len(model.by_type("IfcSpace"))]))
"""


@dataclass(frozen=True)
class Row:
    """One model: products drawn bare and by the loader, boxes among them, spaces, rooms with outline, placement."""

    name: str
    bare: int | None
    meshed: int
    boxes: int
    spaces: int
    rooms: int
    crs: str | None
    placed: str
    seconds: float

    def line(self) -> str:
        """As a row of a Markdown table."""
        bare = "–" if self.bare is None else str(self.bare)
        return (
            f"| {self.name} | {bare} | {self.meshed} | {self.boxes} | {self.rooms}/{self.spaces} | "
            f"{self.crs or '–'} | {self.placed} | {self.seconds:.1f} |"
        )


def _bare(path: Path) -> tuple[int | None, int]:
    try:
        told = subprocess.run(
            [sys.executable, "-c", _BARE, str(path)],
            capture_output=True, check=True, timeout=BARE_LIMIT_S,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError):
        return None, 0
    drawn, spaces = json.loads(told.stdout.splitlines()[-1])
    return drawn, spaces


def compared(path: Path) -> Row:
    """Count one model both ways."""
    bare, spaces = _bare(path)
    started = time.perf_counter()
    layer = IfcLoader().scan(path)[0]
    meshed = boxes = rooms = 0
    for batch in IfcLoader().read(layer, LayerPlan(str(path), kind="model")):
        for row in batch.records.select(["class_code", "geometry", "mesh_id"]).to_pylist():
            meshed += row["mesh_id"] is not None
            boxes += (row["mesh_id"] or "").startswith("box-")
            rooms += row["class_code"] == "room" and row["geometry"] is not None
    placed = layer.crs_evidence.removeprefix("placed by ").partition(":")[0]
    return Row(
        path.stem[:40],
        bare,
        meshed,
        boxes,
        spaces,
        rooms,
        layer.crs,
        placed,
        time.perf_counter() - started,
    )


def tell(line: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    tell(
        "| model | bare | here | boxes | rooms | CRS | placed by | s |\n|---|---|---|---|---|---|---|---|"
    )
    for name in sys.argv[1:]:
        tell(compared(Path(name)).line())
