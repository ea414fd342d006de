// What happens now: sensors coloured by state, alarms, cases; kept current by server-sent events.
import { get, make, post, query } from "./api.js";
import { lang, moment, onLanguage, t } from "./i18n.js";
import { isSilent } from "./steps.js";

const Cesium = window.Cesium;
export const COLORS = { normal: "#2fd38a", warning: "#ffb627", alarm: "#ff4d5e", stale: "#8c9bb0" };
const WORST = ["alarm", "warning", "normal", "stale"];
const CLOSED = new Set(["结案", "作废"]);
const MOST_CASES = 2000;
const discs = new Map();

/** A round badge: colour of the worst state, number of points in it. */
function disc(color, text) {
  const key = color + text;
  if (!discs.has(key)) {
    const size = text ? 68 : 30, canvas = make("canvas", { width: size, height: size }), pen = canvas.getContext("2d"), half = size / 2;
    if (text) { pen.beginPath(); pen.arc(half, half, half - 2, 0, 7); pen.fillStyle = `${color}55`; pen.fill(); }
    pen.beginPath(); pen.arc(half, half, text ? half - 10 : half - 4, 0, 7);
    pen.fillStyle = text ? "rgba(9,19,34,.88)" : color; pen.fill();
    pen.lineWidth = 4; pen.strokeStyle = text ? color : "#fff"; pen.stroke();
    if (text) { pen.fillStyle = "#fff"; pen.font = "600 23px 'Noto Sans CJK SC', system-ui, sans-serif"; pen.textAlign = "center"; pen.textBaseline = "middle"; pen.fillText(text, half, half + 1); }
    discs.set(key, canvas);
  }
  return discs.get(key);
}

function diamond(color) {
  const canvas = make("canvas", { width: 30, height: 30 }), pen = canvas.getContext("2d");
  pen.translate(15, 15); pen.rotate(Math.PI / 4); pen.fillStyle = color; pen.fillRect(-8, -8, 16, 16); pen.lineWidth = 3; pen.strokeStyle = "#fff"; pen.strokeRect(-8, -8, 16, 16);
  return canvas;
}

export class Live {
  constructor(app) {
    this.app = app;
    this.state = new Map();
    this.alarms = new Map();
    this.entities = new Map();
    this.listeners = [];
    this.sensors = this.#source("streams", (entities) => WORST.find((each) => entities.some((entity) => this.state.get(entity.stream)?.state === each)) ?? "stale");
    this.cases = this.#source("cases", null);
    this.cases.show = false;
    onLanguage(() => this.showAlarms());
  }

  #source(name, worst) {
    const source = new Cesium.CustomDataSource(name);
    Object.assign(source.clustering, { enabled: true, pixelRange: 46, minimumClusterSize: 3, clusterLabels: false, clusterPoints: false });
    source.clustering.clusterEvent.addEventListener((entities, cluster) => {
      cluster.label.show = false;
      Object.assign(cluster.billboard, { show: true, image: disc(worst ? COLORS[worst(entities)] : "#b07cff", String(entities.length)), scale: 0.5, disableDepthTestDistance: Number.POSITIVE_INFINITY });
      cluster.billboard.id = entities;
    });
    this.app.viewer.dataSources.add(source);
    return source;
  }

  async load() {
    const stages = Object.keys(this.app.indicators.numbers?.cases.by_stage ?? {}).filter((stage) => !CLOSED.has(stage));
    const [streams, alarms, cases] = await Promise.all([get("/streams"), get("/alarms"), stages.length ? get(query("/cases", { stage: stages.join(","), limit: MOST_CASES })) : { features: [] }]);
    if (cases.numberMatched > cases.features.length) this.app.toast(t("truncated", { n: cases.features.length }), "info");
    this.sensors.entities.suspendEvents();
    this.sensors.entities.removeAll();
    for (const { properties } of streams.features) {
      this.state.set(properties.id, properties);
      if (properties.lon === null || properties.lat === null) continue;
      const entity = this.sensors.entities.add({ position: Cesium.Cartesian3.fromDegrees(properties.lon, properties.lat, (properties.z ?? 0) + 2), billboard: { image: disc(COLORS[properties.state], ""), scale: 0.5, disableDepthTestDistance: Number.POSITIVE_INFINITY } });
      entity.stream = properties.id;
      this.entities.set(properties.id, entity);
    }
    this.sensors.entities.resumeEvents();
    this.entities = new Map([...this.entities].filter(([id]) => this.state.has(id)));
    this.alarms.clear();
    for (const alarm of alarms.alarms) if (alarm.state !== "closed" && !isSilent(alarm)) this.alarms.set(alarm.id, alarm);
    this.showAlarms();
    this.#trouble();
    this.cases.entities.removeAll();
    for (const { properties } of cases.features) this.#case(properties);
    this.app.viewer.scene.requestRender();
    return streams.asOf;
  }

  #case(properties) {
    this.cases.entities.removeById(properties.id);
    if (CLOSED.has(properties.stage) || typeof properties.lon !== "number") return;
    const entity = this.cases.entities.add({ id: properties.id, position: Cesium.Cartesian3.fromDegrees(properties.lon, properties.lat, (properties.z ?? 0) + 3), billboard: { image: diamond("#b07cff"), scale: 0.55, disableDepthTestDistance: Number.POSITIVE_INFINITY } });
    entity.case = properties;
  }

  async start() {
    const asOf = await this.load();
    this.connect(asOf);
  }

  connect(asOf) {
    const source = this.source = new EventSource(`/live?last_event_id=${asOf}`);
    const on = (name, handle) => source.addEventListener(name, (event) => { handle(JSON.parse(event.data)); this.app.viewer.scene.requestRender(); });
    on("state", ({ changes }) => changes.forEach((change) => this.#change(change)));
    on("alarm", (alarm) => this.#alarm(alarm));
    on("case", (given) => this.#case(given.properties ?? given.case ?? given));
    on("indicators", (numbers) => this.app.indicators.show(numbers));
    on("resync", () => this.load().catch((error) => this.app.toast(error.message, "warning")));
    source.onerror = () => {
      if (!this.lost) { this.lost = true; this.app.toast(t("liveLost"), "warning"); }
      // The browser tries again by itself unless the answer was a refusal (a proxy's 502, say): then it is ours to.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (source === this.source) this.connect(asOf); }, 3000);
    };
    source.onopen = () => { if (this.lost) this.#back(); };
  }

  /** What happened while nobody listened is asked for whole: a server that started anew may have no memory of events. */
  async #back() {
    this.lost = false;
    try {
      await this.load();
      this.app.indicators.show(await get("/indicators"));
      this.app.toast(t("liveBack"), "info");
    } catch (error) { this.app.toast(error.message, "warning"); }
  }

  #change(change) {
    const stream = this.state.get(change.id);
    if (!stream) return;
    const before = stream.state;
    Object.assign(stream, change);
    const entity = this.entities.get(change.id);
    if (entity && before !== stream.state) entity.billboard.image = disc(COLORS[stream.state], "");
    if (stream.eid && before !== stream.state) this.#trouble();
    for (const listener of this.listeners) listener(stream);
  }

  #alarm(alarm) {
    const isNew = !this.alarms.has(alarm.id) && alarm.state === "active";
    if (alarm.state === "closed" || isSilent(alarm)) this.alarms.delete(alarm.id); else this.alarms.set(alarm.id, { ...this.alarms.get(alarm.id), ...alarm });
    this.showAlarms();
    if (isNew) this.app.toast(alarm[`message_${lang()}`], alarm.level, t(alarm.level), () => this.visit(alarm));
  }

  /** Things whose sensors are beyond a threshold, painted in the scene: colours follow ids, no tile is made anew. */
  #trouble() {
    const found = { alarm: new Set(), warning: new Set() };
    for (const { eid, state } of this.state.values()) if (eid && found[state]) found[state].add(eid);
    for (const eid of found.alarm) found.warning.delete(eid);
    const said = JSON.stringify([[...found.alarm].sort(), [...found.warning].sort()]);
    if (said === this.said) return;
    this.said = said;
    this.troubled = found;
    this.app.repaint();
  }

  visit(alarm) {
    if (typeof alarm.lon === "number") this.app.flyTo({ lon: alarm.lon, lat: alarm.lat, z: alarm.z ?? 0, range: 260, pitch: -35 });
    this.app.panel.alarm(alarm.id);
  }

  /** A step with an alarm; null where the server refused it, whose sentence is shown. */
  async step(alarm, step, body) {
    try {
      const answer = await post(`/alarms/${alarm.id}/${step}`, { actor: t("actor"), ...body });
      if (step !== "case") this.#alarm(answer);
      return answer;
    } catch (error) { this.app.toast(error.message, "warning"); return null; }
  }

  showAlarms() {
    const list = document.getElementById("alarm-list");
    const rank = (alarm) => (alarm.state === "active" ? 0 : 2) + (alarm.level === "alarm" ? 0 : 1);
    const alarms = [...this.alarms.values()].sort((a, b) => rank(a) - rank(b) || b.raised_at.localeCompare(a.raised_at));
    const count = document.getElementById("alarm-count");
    count.textContent = alarms.length;
    count.classList.toggle("on", alarms.some((alarm) => alarm.state === "active"));
    list.replaceChildren(...alarms.slice(0, 60).map((alarm) => make("li", { class: `${alarm.level} ${alarm.state === "active" ? "" : "answered"}`, "data-alarm": alarm.id, onclick: () => this.visit(alarm) },
      make("button", { type: "button", class: "message", "aria-label": t("show") }, alarm[`message_${lang()}`]),
      make("footer", {}, `${t(`state_${alarm.state}`)} · ${moment(alarm.raised_at)}`, alarm.state === "active" ? make("button", { onclick: (event) => { event.stopPropagation(); this.step(alarm, "acknowledge"); } }, t("acknowledge")) : null))));
    if (!alarms.length) list.append(make("li", { class: "empty" }, t("noAlarms")));
  }
}
