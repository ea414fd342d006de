// Opens the page: scene, layers, live state, and what a click or a search leads to.
/* global Cesium */
import * as api from "/page/js/api.js";
import { Alarms } from "/page/js/alarms.js";
import { Cases } from "/page/js/cases.js";
import { byId } from "/page/js/dom.js";
import { lang, onLanguage, setLanguage, t, write } from "/page/js/i18n.js";
import { Indicators } from "/page/js/indicators.js";
import { Layers } from "/page/js/layers.js";
import { Live } from "/page/js/live.js";
import { Panel } from "/page/js/panel.js";
import { RoomView } from "/page/js/room.js";
import { addGround, around, createViewer, flyToBox, goHome, homeView, setLight, setUnderground } from "/page/js/scene.js";
import { Search } from "/page/js/search.js";
import { Sensors } from "/page/js/sensors.js";
import { Tilesets } from "/page/js/tilesets.js";

const state = { selected: null, underground: false, flat: false, city: null, live: null };
const page = { viewer: null, state, ready: null, select: null, flyTo: null };
window.__citytwin = page;

async function open() {
  const viewer = page.viewer = createViewer("scene");
  const city = state.city = await api.city();
  byId("city-name").textContent = document.title = city.name;
  const live = state.live = new Live();
  const tilesets = state.tilesets = new Tilesets(viewer);
  const home = homeView(city);
  if (city.bounds) setLight(viewer, home.lon, home.lat);
  if (home) goHome(viewer, home, 0);
  const room = new RoomView(viewer);
  const sensors = new Sensors(viewer, live);
  const cases = new Cases(viewer, live);
  const alarms = new Alarms(viewer, live, (alarm) => flyToPoint(alarm).then(() => panel.oneStream(alarm.stream_id)));
  const complain = (error) => alarms.say(t("failed", { why: error.message }));
  const unchoose = () => { state.selected = null; room.clear(); tilesets.choose(null); };
  const panel = new Panel(live, { onSelect: (eid) => select(eid).catch(complain), onClose: unchoose });
  const flyToPoint = ({ lon, lat, z }, range = 420) => (lon == null ? Promise.resolve()
    : around(viewer, Cesium.Cartesian3.fromDegrees(lon, lat, z ?? 12), Cesium.Math.toDegrees(viewer.camera.heading), -35, range));

  async function select(eid, { fly = true } = {}) {
    const thing = await api.entity(eid);
    state.selected = eid;
    room.clear();
    tilesets.choose(eid, { room: thing.collection === "rooms" });
    panel.entity(thing);
    if (thing.collection === "rooms" && thing.bbox?.length === 6) await room.show(thing);
    else if (fly && thing.bbox) await flyToBox(viewer, thing.bbox);
    return thing;
  }

  async function toCandidate(candidate) {
    if (candidate.kind === "datastream" && live.streams.has(Number(candidate.id))) panel.oneStream(Number(candidate.id));
    else if (candidate.kind === "case") panel.oneCase((await api.get(`/cases/${candidate.id}`)));
    else if (candidate.eid) return void await select(candidate.eid);
    if (candidate.location) await flyToPoint(candidate.location, 220);
  }

  Object.assign(page, { select, flyTo: flyToPoint });
  const search = new Search(toCandidate, complain);
  page.search = (text) => search.go(text);
  new Indicators(live, city.counts);
  live.on("status", (status) => showStatus(status));
  onLanguage(() => { panel.write(); showStatus(live.status); labelTools(); });
  const orthophoto = await addGround(viewer, city);
  await tilesets.load(city, (id, error) => complain(new Error(`${id}: ${error.message}`)));
  const layers = state.layers = new Layers(viewer, city, { tilesets, sensors, cases, live, orthophoto: orthophoto && visible(viewer, orthophoto) });
  wireTools(viewer, home, tilesets, layers);
  wireClicks(viewer, { select, panel, live, cases, layers, complain });
  write();
  await Promise.all([live.start(), cases.load().catch(complain)]);
  layers.draw();
  await settled(viewer, tilesets);
  byId("loading").classList.add("gone");
}

const visible = (viewer, layer) => ({ get show() { return layer.show; }, set show(on) { layer.show = on; viewer.scene.requestRender(); } });

/** Until ground and tiles of the view are there, as the renderer says. */
const settled = (viewer, tilesets) => new Promise((resolve) => {
  const started = performance.now();
  const remove = viewer.scene.postRender.addEventListener(() => {
    if (performance.now() - started > 1000 && tilesets.settled && viewer.scene.globe.tilesLoaded) { remove(); resolve(); }
  });
  const poke = setInterval(() => viewer.scene.requestRender(), 400);
  setTimeout(() => { remove(); resolve(); }, 45000);
  viewer.scene.requestRender();
  Promise.resolve().then(() => setTimeout(() => clearInterval(poke), 45000));
});

function showStatus(status) {
  byId("link").className = `link ${status}`;
  byId("link").lastElementChild.textContent = t(status);
}

function labelTools() {
  byId("home").textContent = t("home");
  byId("tilt").textContent = t(state.flat ? "tilted" : "flat");
  byId("underground").textContent = t("underground");
  byId("lang").textContent = lang() === "zh" ? "EN" : "中文";
}

function wireTools(viewer, home, tilesets, layers) {
  byId("lang").onclick = () => setLanguage(lang() === "zh" ? "en" : "zh");
  byId("home").onclick = () => { state.flat = false; labelTools(); goHome(viewer, home); };
  byId("tilt").onclick = () => {
    state.flat = !state.flat;
    labelTools();
    const { scene, camera } = viewer;
    const middle = camera.pickEllipsoid(new Cesium.Cartesian2(scene.canvas.clientWidth / 2, scene.canvas.clientHeight / 2)) ?? Cesium.Cartesian3.fromDegrees(home.lon, home.lat);
    around(viewer, middle, state.flat ? 0 : home.heading, state.flat ? -89.9 : home.pitch, Math.max(600, Cesium.Cartesian3.distance(middle, camera.positionWC)));
  };
  byId("underground").onclick = () => {
    state.underground = !state.underground;
    byId("underground").classList.toggle("on", state.underground);
    setUnderground(viewer, state.underground);
    tilesets.setUnderground(state.underground);
    layers.set("pipes", state.underground);
  };
}

function wireClicks(viewer, { select, panel, live, cases, layers, complain }) {
  const { scene } = viewer;
  const handler = new Cesium.ScreenSpaceEventHandler(scene.canvas);
  handler.setInputAction(async ({ position }) => {
    try {
      const picked = scene.pick(position);
      const eid = picked?.getProperty?.("eid") ?? picked?.id?.eid;
      if (eid) return void await select(eid, { fly: false });
      if (picked?.id?.stream) return panel.oneStream(picked.id.stream);
      if (picked?.id?.case) return panel.oneCase(cases.records.get(picked.id.case));
      if (picked?.id?.streams) return void await around(viewer, picked.id.position, Cesium.Math.toDegrees(viewer.camera.heading), -40, Math.max(200, viewer.camera.positionCartographic.height * 0.5));
      const ground = scene.globe.pick(viewer.camera.getPickRay(position), scene);
      const place = ground && Cesium.Cartographic.fromCartesian(ground);
      const area = place && await layers.areaAt(Cesium.Math.toDegrees(place.longitude), Cesium.Math.toDegrees(place.latitude));
      if (area) await select(area, { fly: false });
    } catch (error) { complain(error); }
    return undefined;
  }, Cesium.ScreenSpaceEventType.LEFT_CLICK);
}

write();
page.ready = open();
page.ready.catch((error) => {
  const told = byId("loading").querySelector("p");
  delete told.dataset.text;
  told.textContent = document.createElement("canvas").getContext("webgl2") ? t("failed", { why: error.message }) : t("noWebgl");
});
