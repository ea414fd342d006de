// Four viewers no one here wrote, each drawing one tileset (or vector layer) from the same eye onto the same plain ground.
// An eye is {position, direction, up} in ECEF metres and fov, the vertical angle in degrees.
import { load } from "@loaders.gl/core";
import { Tiles3DLoader } from "@loaders.gl/3d-tiles";
import { Tileset3D } from "@loaders.gl/tiles";
import { Ellipsoid } from "@math.gl/geospatial";
import { TilesRenderer } from "3d-tiles-renderer";
import { ImplicitTilingPlugin } from "3d-tiles-renderer/core/plugins";
import { GLTFExtensionsPlugin } from "3d-tiles-renderer/three/plugins";
import * as THREE from "three";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";

export const WIDTH = 640, HEIGHT = 360, GROUND = "#ff00ff", ERROR = 16, REPLACE = 1;   // Cesium3DTileRefine, which CesiumJS keeps to itself
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(done, what, seconds = 150) {
  const end = performance.now() + 1000 * seconds;
  for (let calm = 0; calm < 3;) {   // three looks in a row, as one thing that arrives may ask for the next
    calm = (await done()) ? calm + 1 : 0;
    if (performance.now() > end) throw new Error(`${what} did not end`);
    await pause(30);
  }
}

function stage() {
  const renderer = new THREE.WebGLRenderer({ preserveDrawingBuffer: true, antialias: false });
  renderer.setSize(WIDTH, HEIGHT);
  renderer.setClearColor(GROUND);
  const scene = new THREE.Scene();
  scene.add(new THREE.AmbientLight(0xffffff, 1.5));
  return { renderer, scene };
}

function camera(eye) {
  const made = new THREE.PerspectiveCamera(eye.fov, WIDTH / HEIGHT, 1, 1e6);
  made.position.set(...eye.position);
  made.up.set(...eye.up);
  made.lookAt(...eye.position.map((v, i) => v + 1000 * eye.direction[i]));
  made.updateMatrixWorld();
  return made;
}

function told(renderer, more) {
  const picture = renderer.domElement.toDataURL();
  renderer.dispose();
  renderer.forceContextLoss();
  return { picture, ...more };
}

/** 3DTilesRendererJS; `pixels` are asked for their eid, by a ray and the feature id below it. */
export async function tilesRenderer(url, eye, pixels = []) {
  const { renderer, scene } = stage(), view = camera(eye), tiles = new TilesRenderer(url), failed = [];
  tiles.errorTarget = ERROR;
  tiles.registerPlugin(new ImplicitTilingPlugin());
  tiles.registerPlugin(new GLTFExtensionsPlugin({ metadata: true, meshoptDecoder: MeshoptDecoder }));
  tiles.addEventListener("load-error", (event) => failed.push(`${event.url} ${event.error}`));
  tiles.setCamera(view);
  tiles.setResolutionFromRenderer(view, renderer);
  scene.add(tiles.group);
  let models = 0;
  tiles.addEventListener("load-model", () => { models += 1; });
  await until(() => { tiles.update(); const { downloading, parsing, queued = 0 } = tiles.stats; return models && !(downloading + parsing + queued); }, "3DTilesRendererJS");
  scene.updateMatrixWorld(true);
  renderer.render(scene, view);
  const eids = await Promise.all(pixels.map((pixel) => below(tiles.group, view, pixel)));
  return told(renderer, { failed, models, eids });
}

async function below(group, view, [x, y]) {
  const ray = new THREE.Raycaster();
  ray.setFromCamera(new THREE.Vector2((2 * x) / WIDTH - 1, 1 - (2 * y) / HEIGHT), view);
  const [hit] = ray.intersectObject(group, true);
  const { meshFeatures, structuralMetadata } = hit?.object.userData ?? {};
  if (!meshFeatures) return null;
  const corner = THREE.Triangle.getBarycoord(hit.object.worldToLocal(hit.point.clone()), ...["a", "b", "c"].map((each) => new THREE.Vector3().fromBufferAttribute(hit.object.geometry.attributes.position, hit.face[each])), new THREE.Vector3());
  const { features } = await meshFeatures.getFeaturesAsync(hit.faceIndex, corner).then((ids) => ({ features: ids }));
  const tables = meshFeatures.getFeatureInfo().map((each) => each.propertyTable);
  return structuralMetadata.getPropertyTableData(tables, features)[0]?.eid ?? null;
}

/** What the traversal of loaders.gl asks a viewport for; its common space is ECEF here. */
class Eye {
  constructor(options) { Object.assign(this, options); }

  static of({ position, direction, up, fov }) {
    const [longitude, latitude] = Ellipsoid.WGS84.cartesianToCartographic(position, []);
    const inverse = Ellipsoid.WGS84.eastNorthUpToFixedFrame(position).invert();
    return new Eye({
      id: "eye", width: WIDTH, height: HEIGHT, zoom: 15, bearing: 0, longitude, latitude, fov, position, direction, up,
      center: position, cameraPosition: position, distanceScales: { metersPerUnit: [1, 1, 1], unitsPerMeter: [1, 1, 1] },
      cameraDirection: inverse.transformAsVector(direction), cameraUp: inverse.transformAsVector(up),
    });
  }

  unprojectPosition(at) { return Ellipsoid.WGS84.cartesianToCartographic(at, []); }

  getFrustumPlanes() {
    const view = camera(this), frustum = new THREE.Frustum().setFromProjectionMatrix(new THREE.Matrix4().multiplyMatrices(view.projectionMatrix, view.matrixWorldInverse));
    const names = ["right", "left", "bottom", "top", "far", "near"];   // three looks inwards, loaders.gl outwards
    return Object.fromEntries(frustum.planes.map(({ normal, constant }, i) => [names[i], { normal: new Outwards(-normal.x, -normal.y, -normal.z), distance: constant }]));
  }
}

class Outwards extends Array {
  dot(other) { return this.reduce((sum, v, i) => sum + v * other[i], 0); }
}

/** loaders.gl: it finds, loads and decodes the tiles; three.js puts the triangles it gives on the screen. */
export async function loadersGl(url, eye) {
  const { renderer, scene } = stage(), view = camera(eye), failed = [];
  const options = { core: { worker: false }, worker: false, "3d-tiles": { loadGLTF: true }, gltf: { loadImages: false } };
  const tileset = new Tileset3D(await load(url, Tiles3DLoader, options), {
    loadOptions: options, maximumScreenSpaceError: ERROR, debounceTime: 0, throttleRequests: false,
    onTileError: (tile, message) => failed.push(`${tile.contentUrl} ${message}`),
  });
  const seen = Eye.of(eye);
  await until(async () => { await tileset.selectTiles(seen); return tileset.isLoaded() && tileset.selectedTiles.length > 0; }, "loaders.gl");
  for (const tile of tileset.selectedTiles) if (tile.content?.gltf) draw(scene, tile.content);
  scene.updateMatrixWorld(true);
  renderer.render(scene, view);
  return told(renderer, { failed, models: tileset.selectedTiles.filter((tile) => tile.content?.gltf).length });
}

function draw(scene, { gltf, cartesianModelMatrix }) {
  const root = new THREE.Group();
  root.matrixAutoUpdate = false;
  root.matrix.fromArray(cartesianModelMatrix);
  scene.add(root);
  for (const node of (gltf.scene ?? gltf.scenes[0]).nodes) add(root, node);
}

function add(parent, node) {
  const group = new THREE.Group();
  if (node.matrix) group.applyMatrix4(new THREE.Matrix4().fromArray(node.matrix));
  group.position.add(new THREE.Vector3(...(node.translation ?? [0, 0, 0])));
  if (node.rotation) group.quaternion.set(...node.rotation);
  if (node.scale) group.scale.set(...node.scale);
  parent.add(group);
  for (const { attributes, indices, material } of node.mesh?.primitives ?? []) {
    const geometry = new THREE.BufferGeometry(), { value, components, normalized, count } = attributes.POSITION;
    const step = value.length / count || components;
    geometry.setAttribute("position", new THREE.InterleavedBufferAttribute(new THREE.InterleavedBuffer(value, step), 3, 0, Boolean(normalized)));
    geometry.setIndex(new THREE.BufferAttribute(indices.value, 1));
    const color = material?.pbrMetallicRoughness?.baseColorFactor?.slice(0, 3) ?? [0.6, 0.6, 0.6];
    group.add(new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ color: new THREE.Color(...color) })));
  }
  for (const child of node.children ?? []) add(group, child);
}

/** CesiumJS, from the page's own copy; `pixels` are picked. */
export async function cesium(url, eye, pixels = []) {
  const { Cesium } = window;
  const { widget, tileset } = await cesiumStage(url);
  look(widget, eye);
  await until(() => { widget.scene.render(); return tileset.tilesLoaded; }, "CesiumJS");
  const eids = pixels.map(([x, y]) => widget.scene.pick(new Cesium.Cartesian2(x, y))?.getProperty?.("eid") ?? null);
  widget.scene.render();
  const picture = widget.canvas.toDataURL(), failed = tileset.failures;
  widget.destroy();
  return { picture, failed, eids };
}

/** From each eye first with a large error allowed, then a small one: both pictures, one of every state between, and what was drawn together with its own stand-in. */
export async function refining(url, eyes, [coarse, fine]) {
  const { widget, tileset } = await cesiumStage(url), told = [];
  for (const eye of eyes) {
    look(widget, eye);
    tileset.maximumScreenSpaceError = coarse;
    await until(() => { widget.scene.render(); return tileset.tilesLoaded; }, "CesiumJS");
    const states = new Map([[state(tileset), widget.canvas.toDataURL()]]), twice = new Set();
    tileset.maximumScreenSpaceError = fine;
    await until(() => {
      widget.scene.render();
      for (const pair of together(tileset)) twice.add(pair);
      const now = state(tileset);
      if (!states.has(now)) states.set(now, widget.canvas.toDataURL());
      return tileset.tilesLoaded;
    }, "CesiumJS");
    told.push({ pictures: [...states.values()], twice: [...twice] });
  }
  const { failures } = tileset;
  widget.destroy();
  return { told, failed: failures };
}

const state = (tileset) => tileset._selectedTiles.map(({ content }) => content.url).sort().join();

function together({ _selectedTiles: selected }) {
  const shown = new Set(selected), pairs = [];
  for (const tile of selected) for (let { parent } = tile; parent; { parent } = parent) if (parent.refine === REPLACE && parent.hasRenderableContent && shown.has(parent)) pairs.push(`${parent.content.url} ${tile.content.url}`);
  return pairs;
}

export async function cesiumStage(url) {
  const { Cesium } = window;
  const place = document.createElement("div");
  place.style.cssText = `width:${WIDTH}px;height:${HEIGHT}px`;
  document.body.replaceChildren(place);
  const widget = new Cesium.CesiumWidget(place, {
    baseLayer: false, globe: false, skyBox: false, skyAtmosphere: false, msaaSamples: 1, scene3DOnly: true, useDefaultRenderLoop: false, creditContainer: document.createElement("div"),
    contextOptions: { webgl: { preserveDrawingBuffer: true } },
  });
  widget.resize();
  widget.scene.backgroundColor = Cesium.Color.fromCssColorString(GROUND);
  if (widget.scene.sun) widget.scene.sun.show = false;
  if (widget.scene.moon) widget.scene.moon.show = false;
  const tileset = await Cesium.Cesium3DTileset.fromUrl(url, { maximumScreenSpaceError: ERROR, foveatedScreenSpaceError: false });
  tileset.environmentMapManager.enabled = false;
  tileset.failures = [];
  tileset.tileFailed.addEventListener(({ url: path, message }) => tileset.failures.push(`${path} ${message}`));
  widget.scene.primitives.add(tileset);
  return { widget, tileset };
}

export function look(widget, { position, direction, up, fov }) {
  const { Cesium } = window, { frustum } = widget.camera, aspect = WIDTH / HEIGHT;
  frustum.fov = 2 * Math.atan(Math.tan((fov * Math.PI) / 360) * aspect);   // CesiumJS means the wider side
  widget.camera.setView({ destination: Cesium.Cartesian3.fromArray(position), orientation: { direction: Cesium.Cartesian3.fromArray(direction), up: Cesium.Cartesian3.fromArray(up) } });
}

/** MapLibre GL JS over a vector layer by its TileJSON: the picture, and the eid of everything it draws. */
export async function maplibre(url, layer, [lon, lat], zoom) {
  const { maplibregl } = window;
  const place = document.createElement("div");
  place.style.cssText = `width:${WIDTH}px;height:${HEIGHT}px`;
  document.body.replaceChildren(place);
  const failed = [];
  const map = new maplibregl.Map({
    container: place, center: [lon, lat], zoom, fadeDuration: 0, canvasContextAttributes: { preserveDrawingBuffer: true, antialias: false },
    style: {
      version: 8, sources: { it: { type: "vector", url } },
      layers: [{ id: "ground", type: "background", paint: { "background-color": GROUND } }, { id: "it", type: "fill", source: "it", "source-layer": layer, paint: { "fill-color": "#336699", "fill-antialias": false } }],
    },
  });
  map.on("error", (event) => failed.push(String(event.error)));
  await new Promise((done) => map.once("idle", done));
  const found = [...new Set(map.queryRenderedFeatures({ layers: ["it"] }).map((each) => each.properties.eid ?? each.id))];
  const bounds = map.getBounds().toArray().flat(), picture = map.getCanvas().toDataURL();
  map.remove();
  return { picture, failed, found, bounds };
}
