// Layer tree: switches for models, map features as ground lines with names, points near the ground, sensors and cases.
import { get, make, query } from "./api.js";
import { figure, onLanguage, t, title } from "./i18n.js";
import { Points } from "./points.js";

const Cesium = window.Cesium;
const FLAT = ["subdistricts", "communities", "grids", "roads", "water", "green"];
const COLLECTION = { points: "point_clouds" };   // of a tileset, where it is called otherwise
const MANY = ["components", "pois"];
const NAMED = { subdistricts: { size: 20, far: 14000 }, communities: { size: 15, far: 5000 }, grids: { size: 11, far: 1200 } };
const BRIGHT = { roads: "#ffe7a8", water: "#2f9be8", green: "#4fae4a" };
const WIDTH = { subdistricts: 5, communities: 3.5, grids: 2.5, roads: 2.5 };
const LIMIT = 5000;

const OWN = { models: "#7fb6d9", furniture: "#6fae5c" };   // drawn of several collections, or of a part of one

export class Layers {
  constructor(app) {
    this.app = app;
    this.overlays = new Map();
    this.rows = this.#rows();
    onLanguage(() => this.show());
    this.show();
  }

  #rows() {
    const { city, tilesets, viewer } = this.app;
    const layer = (id) => city.layers.find((each) => each.id === id);
    const detail = ["elements", "bridges", "building_parts"].reduce((sum, id) => sum + (layer(id)?.count ?? 0), 0);
    const rows = [];
    for (const [id, count] of [["buildings", layer("buildings")?.count], ["models", detail], ["pipes", layer("pipes")?.count], ["furniture", layer("components")?.count], ["points", layer("point_clouds")?.count]]) {
      if (!tilesets[id]) continue;
      rows.push({
        id, group: "groupModel", count, color: OWN[id] ?? layer(COLLECTION[id] ?? id)?.color, on: tilesets[id].show,
        name: () => (OWN[id] ? t(id) : title(layer(COLLECTION[id] ?? id)?.title)), set: (on) => { tilesets[id].show = on; },
      });
    }
    if (viewer.imageryLayers.length) {
      rows.push({ id: "imagery", group: "groupMap", color: "#6f9a5c", on: true, name: () => t("imagery"), set: (on) => { viewer.imageryLayers.get(0).show = on; } });
    }
    for (const id of FLAT) {
      const found = layer(id);
      if (found?.count) rows.push({ id, group: "groupMap", count: found.count, color: BRIGHT[id] ?? found.color, on: false, name: () => title(found.title), set: (on) => this.#overlay(id, found, on) });
    }
    for (const id of MANY) {
      const found = layer(id);
      if (!found?.count) continue;
      const points = new Points(this.app, found);
      const row = { id, group: "groupMap", count: found.count, color: found.color, on: false, note: "", points, name: () => title(found.title), set: (on) => points.set(on) };
      points.onnote = (note) => { row.note = note; const said = row.label?.querySelector("small"); if (said) said.textContent = note; };
      rows.push(row);
    }
    return rows;
  }

  add(row) { this.rows.push(row); this.show(); }

  show() {
    const list = document.getElementById("layer-list");
    list.replaceChildren();
    let group = null;
    for (const row of this.rows) {
      if (row.group !== group) { group = row.group; list.append(make("h3", {}, t(group))); }
      const box = make("input", { type: "checkbox", "data-layer": row.id, onchange: () => this.toggle(row.id, box.checked) });
      box.checked = row.on;
      row.label = make("label", { class: "layer", title: row.name() }, make("i", { style: `background:${row.color}` }), make("span", {}, row.name(), row.note === undefined ? null : make("small", {}, row.note)), make("em", {}, row.count === undefined ? "" : figure(row.count)), box);
      list.append(row.label);
    }
  }

  async toggle(id, on) {
    const row = this.rows.find((each) => each.id === id);
    if (!row) return;
    row.on = on;
    row.label.classList.add("busy");
    try {
      await row.set(on);
    } catch (error) {
      row.on = false;
      this.app.toast(error.message, "warning");
    }
    this.show();
    this.app.viewer.scene.requestRender();
  }

  async #overlay(id, layer, on) {
    let primitive = this.overlays.get(id);
    if (!primitive && on) {
      const content = await get(query(layer.items, { limit: Math.min(LIMIT, layer.count) }));
      if (content.numberReturned < content.numberMatched) this.app.toast(t("truncated", { n: content.numberReturned }), "info");
      primitive = outlines(content.features, BRIGHT[id] ?? layer.color, WIDTH[id] ?? 2);
      this.overlays.set(id, this.app.viewer.scene.groundPrimitives.add(primitive));
      if (NAMED[id]) primitive.names = this.app.viewer.scene.primitives.add(names(content.features, this.app.viewer.scene, NAMED[id]));
    }
    if (!primitive) return;
    primitive.show = on;
    if (primitive.names) primitive.names.show = on;
  }
}

function* lines({ type, coordinates }) {
  if (type === "LineString") yield coordinates;
  else if (type === "Polygon" || type === "MultiLineString") yield* coordinates;
  else if (type === "MultiPolygon") for (const polygon of coordinates) yield* polygon;
}

/** Names of areas over their middle, nearer ones only where there are many. */
function names(features, scene, { size, far }) {
  const labels = new Cesium.LabelCollection({ scene });
  for (const { id, geometry, properties } of features) {
    const ring = geometry?.type === "Polygon" ? geometry.coordinates[0] : geometry?.type === "MultiPolygon" ? geometry.coordinates[0][0] : null;
    if (!ring || !properties.name) continue;
    const [lon, lat] = middle(ring);
    labels.add({
      id: { eid: id }, text: properties.name, font: `600 ${size * 2}px "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif`, scale: 0.5,
      position: Cesium.Cartesian3.fromDegrees(lon, lat, (scene.globe.getHeight(Cesium.Cartographic.fromDegrees(lon, lat)) ?? 0) + 40),
      fillColor: Cesium.Color.WHITE, outlineColor: Cesium.Color.fromCssColorString("#0a1830"), outlineWidth: 8, style: Cesium.LabelStyle.FILL_AND_OUTLINE,
      horizontalOrigin: Cesium.HorizontalOrigin.CENTER, disableDepthTestDistance: Number.POSITIVE_INFINITY,
      distanceDisplayCondition: new Cesium.DistanceDisplayCondition(0, far),
    });
  }
  return labels;
}

/** Centre of gravity of a ring (the shoelace formula), degrees. */
function middle(ring) {
  const [ox, oy] = ring[0];
  let area = 0, x = 0, y = 0;
  for (let index = 1; index < ring.length; index += 1) {
    const [ax, ay, bx, by] = [ring[index - 1][0] - ox, ring[index - 1][1] - oy, ring[index][0] - ox, ring[index][1] - oy];
    const cross = ax * by - bx * ay;
    area += cross; x += (ax + bx) * cross; y += (ay + by) * cross;
  }
  return area ? [ox + x / (3 * area), oy + y / (3 * area)] : [ox, oy];
}

function outlines(features, color, width) {
  const instances = [];
  const attributes = { color: Cesium.ColorGeometryInstanceAttribute.fromColor(Cesium.Color.fromCssColorString(color)) };
  for (const feature of features) {
    if (!feature.geometry) continue;
    for (const line of lines(feature.geometry)) {
      const positions = Cesium.Cartesian3.fromDegreesArray(line.flatMap(([lon, lat]) => [lon, lat]));
      if (positions.length < 2) continue;
      instances.push(new Cesium.GeometryInstance({ id: { eid: feature.id }, geometry: new Cesium.GroundPolylineGeometry({ positions, width, granularity: 0 }), attributes }));
    }
  }
  return new Cesium.GroundPolylinePrimitive({ geometryInstances: instances, appearance: new Cesium.PolylineColorAppearance() });
}
