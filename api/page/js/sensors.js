// Sensors and cases on the map: badges that gather where they lie close; beyond MOST_BADGES plain points, whose colour costs nothing.
import { make } from "./api.js";

const Cesium = window.Cesium;
export const COLORS = { normal: "#2fd38a", warning: "#ffb627", alarm: "#ff4d5e", stale: "#8c9bb0", nothing: "#8c9bb0" };
const CASE = "#b07cff";
const WORST = ["alarm", "warning", "normal", "stale", "nothing"];
const MOST_BADGES = 3000;
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

/** Entities that gather into badges; `colorOf(entities)` of a badge. */
function gathered(viewer, name, colorOf) {
  const source = new Cesium.CustomDataSource(name);
  Object.assign(source.clustering, { enabled: true, pixelRange: 46, minimumClusterSize: 3, clusterLabels: false, clusterPoints: false });
  source.clustering.clusterEvent.addEventListener((entities, cluster) => {
    cluster.label.show = false;
    Object.assign(cluster.billboard, { show: true, image: disc(colorOf(entities), String(entities.length)), scale: 0.5, disableDepthTestDistance: Number.POSITIVE_INFINITY });
    cluster.billboard.id = entities;
  });
  viewer.dataSources.add(source);
  return source;
}

const placed = ({ lon, lat, z }, above) => Cesium.Cartesian3.fromDegrees(lon, lat, (z ?? 0) + above);

export class Sensors {
  constructor(viewer, stateOf) {
    this.viewer = viewer;
    this.stateOf = stateOf;
    this.entities = new Map();
    this.source = gathered(viewer, "streams", (entities) => COLORS[WORST.find((each) => entities.some((entity) => stateOf(entity.stream) === each)) ?? "stale"]);
    this.points = viewer.scene.primitives.add(new Cesium.PointPrimitiveCollection());
    this.colors = Object.fromEntries(Object.entries(COLORS).map(([state, css]) => [state, Cesium.Color.fromCssColorString(css)]));
  }

  get show() { return this.source.show; }
  set show(on) { this.source.show = this.points.show = on; this.viewer.scene.requestRender(); }
  get count() { return this.entities.size; }

  load(streams) {
    const shown = streams.filter(({ lon, lat }) => typeof lon === "number" && typeof lat === "number");
    this.many = shown.length > MOST_BADGES;
    this.entities.clear();
    this.points.removeAll();
    this.source.entities.suspendEvents();
    this.source.entities.removeAll();
    for (const stream of shown) this.entities.set(stream.id, this.many ? this.#point(stream) : this.#badge(stream));
    this.source.entities.resumeEvents();
  }

  #point(stream) {
    return this.points.add({
      id: { stream: stream.id }, position: placed(stream, 2), color: this.colors[stream.state], pixelSize: 8, outlineWidth: 1.5, outlineColor: Cesium.Color.WHITE.withAlpha(0.85),
      scaleByDistance: new Cesium.NearFarScalar(200, 1.4, 6000, 0.5), disableDepthTestDistance: 3000,
    });
  }

  #badge(stream) {
    const entity = this.source.entities.add({ position: placed(stream, 2), billboard: { image: disc(COLORS[stream.state], ""), scale: 0.5, disableDepthTestDistance: Number.POSITIVE_INFINITY } });
    entity.stream = stream.id;
    return entity;
  }

  set(id, state) {
    const shown = this.entities.get(id);
    if (!shown) return;
    if (this.many) shown.color = this.colors[state]; else shown.billboard.image = disc(COLORS[state], "");
  }
}

export class Cases {
  constructor(viewer, isClosed) {
    this.isClosed = isClosed;
    this.source = gathered(viewer, "cases", () => CASE);
    this.source.show = false;
  }

  get show() { return this.source.show; }
  set show(on) { this.source.show = on; }
  get entities() { return this.source.entities; }
  get count() { return this.entities.values.length; }

  load(cases) {
    this.entities.suspendEvents();
    this.entities.removeAll();
    for (const each of cases) this.set(each);
    this.entities.resumeEvents();
  }

  set(given) {
    this.entities.removeById(given.id);
    if (this.isClosed(given) || typeof given.lon !== "number") return;
    const entity = this.entities.add({ id: given.id, position: placed(given, 3), billboard: { image: diamond(CASE), scale: 0.55, disableDepthTestDistance: Number.POSITIVE_INFINITY } });
    entity.case = given;
  }
}
