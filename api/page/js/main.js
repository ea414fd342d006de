// Opens the city: scene, layers, live data, search, panel; and window.__citytwin for scripts and tests.
import { get, make } from "./api.js";
import { Board } from "./board.js";
import { lang, onLanguage, setLanguage, t } from "./i18n.js";
import { Indicators } from "./indicators.js";
import { Layers } from "./layers.js";
import { Live } from "./live.js";
import { Painter } from "./painter.js";
import { Panel } from "./panel.js";
import { showLegend } from "./legend.js";
import { setDepth } from "./quality.js";
import { Replay } from "./replay.js";
import { RoomView } from "./room.js";
import { MORNING, cloudOf, createScene, dive, goHome, loadTilesets, look, setUnderground } from "./scene.js";
import { Search } from "./search.js";
import { setHour } from "./sun.js";

const Cesium = window.Cesium;

class App {
  underground = false;

  async open() {
    if (!Cesium) throw new Error(t("noCesium"));
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error(t("noWebgl"));
    this.city = await get("/city");
    this.#name();
    onLanguage(() => this.#name());
    this.viewer = await createScene(this.city);
    this.tilesets = await loadTilesets(this.viewer, this.city, ["buildings", "models", "pipes", "furniture", "points", "rooms"]);
    this.roomView = new RoomView(this.viewer, this.tilesets);
    this.painter = new Painter(this.viewer, this.tilesets);
    await goHome(this.viewer, this.city, 0);
    this.indicators = new Indicators(this);
    this.live = new Live(this);
    this.panel = new Panel(this);
    this.search = new Search(this);
    this.layers = new Layers(this);
    this.replay = new Replay(this);
    this.board = new Board(this);
    this.#buttons();
    new Cesium.ScreenSpaceEventHandler(this.viewer.canvas).setInputAction(({ position }) => this.pick(position), Cesium.ScreenSpaceEventType.LEFT_CLICK);
    this.indicators.show(await get("/indicators"));
    await this.live.start();
    for (const [id, color, source] of [["streams", "#2fd38a", this.live.sensors], ["cases", "#b07cff", this.live.cases]]) {
      this.layers.add({ id, group: "groupLive", color, count: source.count, on: source.show, name: () => t(id), set: (on) => { source.show = on; } });
    }
    document.getElementById("cover").classList.add("gone");
  }

  #name() {
    document.getElementById("city-name").textContent = this.city.name;
    document.title = `${this.city.name} · ${t("subtitle")}`;
  }

  #buttons() {
    document.getElementById("home").onclick = () => { this.clear(); goHome(this.viewer, this.city); };
    document.getElementById("underground").onclick = () => this.setUnderground(!this.underground);
    onLanguage(() => showLegend(this.city, this.underground));
    const depth = document.getElementById("depth");
    const deepen = (on) => { depth.setAttribute("aria-pressed", on); setDepth(this.viewer, this.tilesets, on); };
    depth.onclick = () => deepen(depth.getAttribute("aria-pressed") !== "true");
    if (!this.viewer.quality.software) deepen(true);
    const hour = document.getElementById("hour"), told = document.getElementById("hour-text");
    hour.oninput = () => {
      told.textContent = `${String(Math.floor(hour.value)).padStart(2, "0")}:${hour.value % 1 ? "30" : "00"}`;
      setHour(this.viewer, this.city.home ?? { lon: 105, lat: 35 }, Number(hour.value));
    };
    hour.value = MORNING; hour.oninput();
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !this.panel.root.hidden && !this.board.root.open && event.target.id !== "search-box") this.clear(); });
  }

  /** Look below the ground: pipes, a legend of their media, ghosts of what stands above. */
  async setUnderground(on) {
    this.underground = on;
    document.getElementById("underground").setAttribute("aria-pressed", on);
    this.layers.toggle("pipes", on);
    setUnderground(this.viewer, this.tilesets, on);
    showLegend(this.city, on);
    this.#paint();
    if (on) await dive(this.viewer);
  }

  async pick(position) {
    const found = this.viewer.scene.pick(position);
    const id = found?.id;
    if (Array.isArray(id)) { await this.#spread(id); return; }
    if (id?.stream !== undefined) { this.#mark(null, null); await this.panel.stream(id.stream); return; }
    if (id?.case) { this.#mark(null, null); await this.panel.case(id.case.id); return; }
    const eid = found instanceof Cesium.Cesium3DTileFeature ? found.getProperty("eid") : id?.eid ?? cloudOf(found);
    if (eid) await this.select(eid); else this.clear();
  }

  /** Come close to the points of a badge. */
  async #spread(entities) {
    const now = Cesium.JulianDate.now();
    const sphere = Cesium.BoundingSphere.fromPoints(entities.map((entity) => entity.position.getValue(now)));
    const place = Cesium.Cartographic.fromCartesian(sphere.center);
    await this.flyTo({ lon: Cesium.Math.toDegrees(place.longitude), lat: Cesium.Math.toDegrees(place.latitude), z: place.height, range: Math.max(180, sphere.radius * 2.2), pitch: -45 });
  }

  flyTo(target) {
    return look(this.viewer, { heading: Cesium.Math.toDegrees(this.viewer.camera.heading), ...target });
  }

  /** Show an entity: panel, glow, and if asked the camera at it (a room from within 25 m). */
  async select(eid, { fly = false, location = null } = {}) {
    try {
      const found = await this.panel.entity(eid);
      if (!found) return null;
      const isRoom = found.collection === "rooms";
      const building = isRoom ? await this.#above(found) : null;
      this.#mark(eid, isRoom ? found : null, building);
      const place = location ?? found.anchor;
      if (fly && typeof place?.lon === "number") await this.flyTo(isRoom ? facing(place, building) : framed(found, place));
      return found;
    } catch (error) { this.toast(error.message, "warning"); return null; }
  }

  /** The building a room is in; null where the base does not say. */
  async #above(room) {
    let above = room;
    for (let step = 0; step < 4 && above.parent && above.collection !== "buildings"; step += 1) above = await get(`/entities/${above.parent.eid}`);
    return above.collection === "buildings" ? above : null;
  }

  #mark(eid, room, building = null) {
    this.marked = { eid, room: room?.eid ?? null, storey: room?.attributes?.storey ?? null };
    if (room) this.roomView.show(room, building); else this.roomView.clear();
    this.#paint();
  }

  #paint() {
    const { eid = null, room = null, storey = null } = this.marked ?? {};
    this.painter.set({ underground: this.underground, room, storey });
    this.painter.mark(new Map([...(this.within ?? []), ...(eid ? [[eid, "chosen"]] : [])]));
  }

  /** Mark what an alarm can reach (eid → mark of the painter), or nothing. */
  setWithin(marks) { this.within = marks; this.#paint(); }

  clear() { this.panel.close(); this.within = null; this.#mark(null, null); }

  toast(text, kind = "info", head = null, onclick = null) {
    const box = make("button", { type: "button", class: `toast ${kind}`, onclick: () => { box.remove(); onclick?.(); } }, head ? make("b", {}, head) : null, text);
    const all = document.getElementById("toasts");
    all.prepend(box);
    while (all.childElementCount > 4) all.lastElementChild.remove();
    setTimeout(() => box.remove(), 9000);
  }
}

/** A view down into the opened storey from outside the nearest face of its building. */
function facing(place, building) {
  const view = { lon: place.lon, lat: place.lat, z: (place.z ?? 0) + 1.4, range: 26, pitch: -36, heading: 0 };
  if (building?.bbox?.length !== 6) return view;
  const [west, south, , east, north] = building.bbox;
  const across = Math.cos((place.lat * Math.PI) / 180);
  const faces = [[place.lat - south, 0], [(place.lon - west) * across, 90], [north - place.lat, 180], [(east - place.lon) * across, 270]];
  return { ...view, heading: faces.sort((a, b) => a[0] - b[0])[0][1] + 14 };
}

/** A camera target that shows the whole of an entity. */
function framed(found, place) {
  const height = found.height_m ?? 0, box = found.bbox ?? [], half = box.length / 2;
  const wide = half ? Math.hypot((box[half] - box[0]) * 96000, (box[half + 1] - box[1]) * 111000) : 0;
  return { lon: place.lon, lat: place.lat, z: (place.z ?? 10) + height / 2, range: Math.min(6000, Math.max(60, 2.2 * Math.max(wide, height))), pitch: -28 };
}

const app = new App();
setLanguage(lang());
document.getElementById("language").onclick = () => setLanguage(lang() === "zh" ? "en" : "zh");
const ready = app.open();
window.__citytwin = {
  get viewer() { return app.viewer; }, get state() { return app.live?.state; }, get alarms() { return app.live?.alarms; },
  ready, app, select: (eid, options) => app.select(eid, options), flyTo: (target) => app.flyTo(target),
};
ready.catch((error) => {
  document.getElementById("cover").classList.add("error");
  document.getElementById("cover-text").textContent = t("failed") + error.message;
  console.error(error);
});
