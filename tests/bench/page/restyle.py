"""A million features of 3D tiles get new colours by state, in Chromium: the page's painter over CesiumJS.

    python tests/bench/page/restyle.py [tiles] [features a tile]

100 tiles of 10,000 triangles, each a feature with an eid of its own, all in view; a million states. Told are milliseconds of: taking the
index (once), the first frame, in which each tile looks up its ids (once), and frames in which every state is another one, one in a hundred
is, and none is: drawing a million triangles without a graphics card is in all of them, so what restyling costs is the difference.
Floor of the same run: writing a million colours into a typed array.
"""

import functools
import http.server
import json
import shutil
import statistics
import struct
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

PAGE = Path(__file__).resolve().parents[3] / "api" / "page"
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]  # fmt: skip
HTML = """<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="scene" style="width:320px;height:200px"></div>
<script>window.CESIUM_BASE_URL = "/page/vendor/cesium/";</script><script src="/page/vendor/cesium/Cesium.js"></script>
<script type="module">
import { Painter } from "/page/js/painter.js";
const viewer = new Cesium.CesiumWidget("scene", { baseLayer: false, globe: false, skyBox: false, skyAtmosphere: false, useDefaultRenderLoop: false, msaaSamples: 1, creditContainer: document.createElement("div") });
const { scene } = viewer;
const buildings = scene.primitives.add(await Cesium.Cesium3DTileset.fromUrl("/tileset.json", { cacheBytes: 2e9, skipLevelOfDetail: false }));
viewer.camera.lookAt(buildings.boundingSphere.center, new Cesium.HeadingPitchRange(0, -1.2, 5 * buildings.boundingSphere.radius));
const tick = () => new Promise((done) => setTimeout(done, 0));
while (!buildings.tilesLoaded) { scene.render(); await tick(); }
const ids = await (await fetch("/eids.json")).json();
const states = { ids, state: new Uint8Array(ids.length).fill(1), begun: 1 };
const gl = scene.context._gl, pixel = new Uint8Array(4);
const timed = (work) => { const begun = performance.now(); work(); scene.render(); gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel); return performance.now() - begun; };
for (let i = 0; i < 3; i += 1) timed(() => {});
const painter = new Painter(viewer, { buildings });
const begun = performance.now(); painter.follow(states); const index = performance.now() - begun;
const first = timed(() => {});
let turn = 0;
const change = (step) => { turn += 1; for (let i = turn % step; i < ids.length; i += step) states.state[i] = states.state[i] === 4 ? 3 : 4; painter.follow(states); };
const rounds = 7, told = { none: [], some: [], all: [], floor: [] };
for (let i = 0; i < rounds; i += 1) { told.none.push(timed(() => {})); told.some.push(timed(() => change(100))); told.all.push(timed(() => change(1))); }
for (let i = 0; i < rounds; i += 1) { const colors = new Uint8Array(4 * ids.length), start = performance.now(); for (let k = 0; k < ids.length; k += 1) { colors[4 * k] = states.state[k]; colors[4 * k + 3] = 255; } told.floor.push(performance.now() - start); }
const seen = []; const visit = (tile) => { for (let i = 0; i < (tile.content?.featuresLength ?? 0); i += 1) seen.push(tile.content.getFeature(i).color.toCssHexString()); tile.children.forEach(visit); }; visit(buildings.root);
window.__result = { index, first, told, painted: seen.filter((color) => color === "#ff4d5e" || color === "#ffb627").length, features: seen.length };
</script>"""


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def glb(corner, n, eids):
    """Triangles of 8 m on a grid of 10 m from a corner (east, north), ECEF near 0°, 0° with y up; each a feature."""
    side = int(np.ceil(np.sqrt(n)))
    at = np.stack([np.arange(n) % side * 10.0 + corner[0], np.arange(n) // side * 10.0 + corner[1]], 1)  # fmt: skip
    places = np.zeros((n, 3, 3), np.float32)
    places[:, :, 0] = at[:, None, 0] + np.array([0, 8, 0])
    places[:, :, 2] = -(at[:, None, 1] + np.array([0, 0, 8]))
    ids = np.repeat(np.arange(n, dtype=np.float32), 3)
    text = "".join(eids).encode()
    parts = [places.tobytes(), ids.tobytes(), text, (36 * np.arange(n + 1, dtype=np.uint32)).tobytes()]  # fmt: skip
    body, views = b"", []
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(part)})
        body += part + b"\0" * (-len(part) % 8)
    low, high = places.reshape(-1, 3).min(0).tolist(), places.reshape(-1, 3).max(0).tolist()
    document = {
        "asset": {"version": "2.0"}, "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"], "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "buffers": [{"byteLength": len(body)}], "bufferViews": views, "materials": [{"doubleSided": True}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3 * n, "type": "VEC3", "min": low, "max": high}, {"bufferView": 1, "componentType": 5126, "count": 3 * n, "type": "SCALAR"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "_FEATURE_ID_0": 1}, "material": 0, "extensions": {"EXT_mesh_features": {"featureIds": [{"featureCount": n, "attribute": 0, "propertyTable": 0}]}}}]}],
        "extensions": {"EXT_structural_metadata": {"schema": {"id": "s", "classes": {"thing": {"properties": {"eid": {"type": "STRING"}}}}}, "propertyTables": [{"class": "thing", "count": n, "properties": {"eid": {"values": 2, "stringOffsets": 3}}}]}},
    }  # fmt: skip
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 8 + 4)
    head += b" " * (-(len(head) + 20) % 8)
    chunks = struct.pack("<II", len(head), 0x4E4F534A) + head + struct.pack("<II", len(body), 0x004E4942) + body  # fmt: skip
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks


def write(folder, tiles, n):
    rng = np.random.default_rng(1)
    side, step = int(np.ceil(np.sqrt(tiles))), np.ceil(np.sqrt(n)) * 10 + 20
    eids, children = [], []
    for nth in range(tiles):
        own = [str(uuid.UUID(bytes=rng.bytes(16))) for _ in range(n)]
        corner = nth % side * step, nth // side * step
        Path(folder, f"{nth}.glb").write_bytes(glb(corner, n, own))
        eids += own
        half = step / 2
        box = [corner[0] + half, corner[1] + half, 0, half, 0, 0, 0, half, 0, 0, 0, 5]
        children.append({"boundingVolume": {"box": box}, "geometricError": 0, "content": {"uri": f"{nth}.glb"}})  # fmt: skip
    whole = side * step / 2
    root = {"boundingVolume": {"box": [whole, whole, 0, whole, 0, 0, 0, whole, 0, 0, 0, 5]}, "geometricError": 1e6, "refine": "ADD", "children": children,
            "transform": [0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 6378137, 0, 0, 1]}  # fmt: skip
    Path(folder, "tileset.json").write_text(json.dumps({"asset": {"version": "1.1"}, "geometricError": 1e6, "root": root}))  # fmt: skip
    Path(folder, "eids.json").write_text(json.dumps(eids))
    Path(folder, "index.html").write_text(HTML)
    Path(folder, "page").symlink_to(PAGE)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def main(tiles=100, n=10_000):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, tiles, n)
        handler = functools.partial(Quiet, directory=folder)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)  # fmt: skip
                page = browser.new_page()
                page.set_default_timeout(900_000)
                page.on("pageerror", lambda error: say(error))
                page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
                page.wait_for_function("() => window.__result")
                result = page.evaluate("() => window.__result")
                browser.close()
            server.shutdown()
    median = {name: statistics.median(times) for name, times in result["told"].items()}
    assert result["painted"] == result["features"] == tiles * n, result
    say(f"{result['features']} features, {tiles} tiles; index {result['index']:.0f} ms, first frame with ids looked up {result['first']:.0f} ms")  # fmt: skip
    say(f"frame with nothing new {median['none']:.0f} ms, 1 % new {median['some']:.0f} ms, all new {median['all']:.0f} ms")  # fmt: skip
    say(f"restyling all: {median['all'] - median['none']:.0f} ms; floor, a million colours written: {median['floor']:.0f} ms ({(median['all'] - median['none']) / max(median['floor'], 0.1):.0f} x)")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
