// Layer tree: switches for models, map features as ground lines, sensors and cases.
import { get, make, query } from "./api.js";
import { figure, onLanguage, t, title } from "./i18n.js";

const Cesium = window.Cesium;
const FLAT = ["subdistricts", "communities", "grids", "roads", "water", "green"];
const BRIGHT = { roads: "#ffe7a8", water: "#2f9be8", green: "#4fae4a" };
const WIDTH = { subdistricts: 5, communities: 3.5, grids: 2.5, roads: 2.5 };
const LIMIT = 5000;

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
    for (const [id, count] of [["buildings", layer("buildings")?.count], ["models", detail], ["pipes", layer("pipes")?.count]]) {
      if (!tilesets[id]) continue;
      rows.push({
        id, group: "groupModel", count, color: id === "models" ? "#7fb6d9" : layer(id)?.color, on: tilesets[id].show,
        name: () => (id === "models" ? t("models") : title(layer(id)?.title)), set: (on) => { tilesets[id].show = on; },
      });
    }
    if (viewer.imageryLayers.length) {
      rows.push({ id: "imagery", group: "groupMap", color: "#6f9a5c", on: true, name: () => t("imagery"), set: (on) => { viewer.imageryLayers.get(0).show = on; } });
    }
    for (const id of FLAT) {
      const found = layer(id);
      if (found?.count) rows.push({ id, group: "groupMap", count: found.count, color: BRIGHT[id] ?? found.color, on: false, name: () => title(found.title), set: (on) => this.#overlay(id, found, on) });
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
      row.label = make("label", { class: "layer", title: row.name() }, make("i", { style: `background:${row.color}` }), make("span", {}, row.name()), make("em", {}, row.count === undefined ? "" : figure(row.count)), box);
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
    }
    if (primitive) primitive.show = on;
  }
}

function* lines({ type, coordinates }) {
  if (type === "LineString") yield coordinates;
  else if (type === "Polygon" || type === "MultiLineString") yield* coordinates;
  else if (type === "MultiPolygon") for (const polygon of coordinates) yield* polygon;
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
