// The globe: terrain, orthophoto, light, camera, and the tilesets of the city.
import { quality } from "./quality.js";
import { setHour } from "./sun.js";

const Cesium = window.Cesium;
export const MORNING = 10;

export async function createScene(city) {
  const provider = await imagery(city);
  const viewer = new Cesium.CesiumWidget("scene", {
    baseLayer: provider ? new Cesium.ImageryLayer(provider, { brightness: 1.08, contrast: 1.04, saturation: 1.1 }) : false,
    terrainProvider: city.terrain ? await Cesium.CesiumTerrainProvider.fromUrl(city.terrain.url, { requestVertexNormals: true }) : undefined,
    requestRenderMode: true, maximumRenderTimeChange: Infinity, msaaSamples: 1, skyBox: false, scene3DOnly: true, orderIndependentTranslucency: false,
    creditContainer: document.createElement("div"),
    contextOptions: { webgl: { alpha: true } },   // the sky is the gradient behind the canvas: it costs nothing
  });
  viewer.resolutionScale = sharpness();
  const { scene } = viewer;
  if (scene.sun) scene.sun.show = false;
  if (scene.moon) scene.moon.show = false;
  scene.globe.depthTestAgainstTerrain = true;
  scene.globe.tileCacheSize = 400;
  scene.globe.maximumScreenSpaceError = 3;
  scene.globe.showGroundAtmosphere = false;
  viewer.quality = quality(viewer);
  scene.screenSpaceCameraController.minimumZoomDistance = 4;
  setHour(viewer, city.home ?? { lon: 105, lat: 35 }, MORNING);
  return viewer;
}

/** Points drawn for each of the window, along a side: `?scale=0.5` draws a quarter of them, for machines without a graphics card. */
function sharpness() {
  const asked = Number(new URLSearchParams(window.location.search).get("scale") ?? 1);
  return Math.min(2, Math.max(0.25, asked || 1));
}

async function imagery(city) {
  if (!city.imagery) return null;
  const [west, south, east, north] = city.imagery.bounds ?? city.bounds;
  return new Cesium.UrlTemplateImageryProvider({
    url: city.imagery.url, minimumLevel: city.imagery.minzoom, maximumLevel: city.imagery.maxzoom,
    rectangle: Cesium.Rectangle.fromDegrees(west, south, east, north), hasAlphaChannel: true,
  });
}

const HIDDEN = new Set(["rooms", "pipes", "points"]);   // until asked for

export async function loadTilesets(viewer, city, names) {
  const loaded = {};
  const wanted = names.filter((name) => (name === "rooms" ? city.layers.some((each) => each.id === name && each.count > 0) : city.tilesets.some((each) => each.id === name)));
  await Promise.all(wanted.map(async (name) => {
    try {
      const tileset = await Cesium.Cesium3DTileset.fromUrl(`/tiles/${name}/tileset.json`, {
        maximumScreenSpaceError: 20, cacheBytes: 268435456, dynamicScreenSpaceError: true, show: !HIDDEN.has(name),
        ...(name === "points" ? { maximumScreenSpaceError: 8, pointCloudShading: { attenuation: true, maximumAttenuation: 6 } } : {}),
      });
      tileset.environmentMapManager.enabled = false;
      if (name === "rooms") tileset.colorBlendMode = Cesium.Cesium3DTileColorBlendMode.REPLACE;
      tileset.loadProgress.addEventListener(() => viewer.scene.requestRender());
      loaded[name] = viewer.scene.primitives.add(tileset);
    } catch (error) {
      if (name !== "rooms") throw error;   // a city without models has no rooms
    }
  }));
  return loaded;
}

/** The thing whose points were picked: its id is the folder of their tiles. */
export function cloudOf(picked) { return picked?.content?.url?.match(/\/points\/([0-9a-f-]{36})\//)?.[1]; }

/** Point the camera at a target from a distance (metres), heading and pitch (degrees). */
export function look(viewer, { lon, lat, z = 0, range = 400, heading = 0, pitch = -30, duration = 1.8 }) {
  const centre = Cesium.Cartesian3.fromDegrees(lon, lat, z);
  const offset = new Cesium.HeadingPitchRange(Cesium.Math.toRadians(heading), Cesium.Math.toRadians(pitch), range);
  return new Promise((resolve) => {
    viewer.camera.flyToBoundingSphere(new Cesium.BoundingSphere(centre, 1), { offset, duration, complete: resolve, cancel: resolve });
    viewer.scene.requestRender();
  });
}

/** The first view: the landmark bridge from low over the river where there is one, else the whole city. */
export function goHome(viewer, city, duration = 2) {
  const bridge = city.layers.find((layer) => layer.id === "bridges" && layer.count > 0)?.extent;
  if (!bridge) return look(viewer, { ...(city.home ?? { lon: 105, lat: 35, range: 5e6, pitch: -90 }), duration });
  const lon = (bridge.xmin + bridge.xmax) / 2 + 0.002, lat = (bridge.ymin + bridge.ymax) / 2 + 0.0008;
  return look(viewer, { lon, lat, z: 20, range: 980, heading: 52, pitch: -19, duration });
}

/** An X-ray: the ground thin and dim over the dark, pipes in their own bright colours whatever the light. */
export function setUnderground(viewer, tilesets, on) {
  const { globe } = viewer.scene;
  globe.translucency.enabled = on;
  globe.translucency.frontFaceAlpha = on ? 0.3 : 1;
  globe.translucency.backFaceAlpha = on ? 0.12 : 1;
  viewer.scene.screenSpaceCameraController.enableCollisionDetection = !on;
  document.getElementById("scene").classList.toggle("underground", on);
  if (tilesets.pipes) tilesets.pipes.customShader = new Cesium.CustomShader({ lightingModel: on ? Cesium.LightingModel.UNLIT : Cesium.LightingModel.PBR });
  viewer.scene.requestRender();
}

/** From far above there is nothing to see below the ground: come down to where the camera looks. */
export async function dive(viewer, range = 380) {
  const { camera } = viewer;
  const { longitude, latitude, height } = camera.positionCartographic;
  const ahead = height / Math.tan(Math.max(0.12, -camera.pitch));   // metres on the ground to the middle of the view
  if (Math.hypot(height, ahead) < range * 1.2) return;
  const north = (Math.cos(camera.heading) * ahead) / 6378137, east = (Math.sin(camera.heading) * ahead) / (6378137 * Math.cos(latitude));
  await look(viewer, { lon: Cesium.Math.toDegrees(longitude + east), lat: Cesium.Math.toDegrees(latitude + north), z: 8, range, heading: Cesium.Math.toDegrees(camera.heading), pitch: -42 });
}
