// The layer tree: what there is, how much, in which colour, on or off.
import { items } from "/page/js/api.js";
import { byId, h } from "/page/js/dom.js";
import { DrapeProvider } from "/page/js/drape.js";
import { onLanguage, t, title } from "/page/js/i18n.js";
import { NearPoints } from "/page/js/near.js";
import { number } from "/page/js/time.js";

const FLAT = ["subdistricts", "communities", "grids", "roads", "water", "green"];
const MANY = ["components", "pois"];
const MODEL_PARTS = new Set(["building_parts", "elements", "bridges", "tunnels"]);
const VIVID = { roads: "#ffe9a8", water: "#3ea6ff", green: "#5fd068", grids: "#3fe0c5", communities: "#b48bff", subdistricts: "#7f93ff" };
const PAGE_SIZE = 1000;

export class Layers {
  constructor(viewer, city, { tilesets, sensors, cases, live, orthophoto }) {
    Object.assign(this, { viewer, city, tilesets, drapes: new Map(), notes: new Map() });
    const layer = (id) => city.layers.find((entry) => entry.id === id);
    const entry = (id, name, color, count, target, classes = []) => ({ id, name, color, count, target, classes });
    const tiles = (id) => ({ get show() { return tilesets.shown(id); }, set show(on) { tilesets.show(id, on); } });
    const models = city.layers.filter(({ id }) => MODEL_PARTS.has(id)).reduce((sum, { count }) => sum + count, 0);
    this.groups = [
      ["group_3d", [
        layer("buildings") && entry("buildings", () => title(layer("buildings").title), "#d9d4c7", () => layer("buildings").count, tiles("buildings")),
        tilesets.byId.has("models") && entry("models", () => t("models"), "#8fb8de", () => models, tiles("models")),
        layer("pipes") && entry("pipes", () => title(layer("pipes").title), layer("pipes").color, () => layer("pipes").count, tiles("pipes"), layer("pipes").classes),
        orthophoto && entry("imagery", () => t("terrain"), "#8aa37b", () => null, orthophoto),
      ]],
      ["group_flat", FLAT.map(layer).filter(Boolean).map((found) => entry(found.id, () => title(found.title), VIVID[found.id], () => found.count, this.drape(found)))],
      ["group_live", [
        entry("sensors", () => t("sensors"), "#37d39a", () => live.streams.size, sensors),
        entry("cases", () => t("cases"), "#ffd166", () => cases.records.size, cases),
        ...MANY.map(layer).filter(Boolean).map((found) => entry(found.id, () => title(found.title), found.color, () => found.count,
          new NearPoints(viewer, found, (key, values) => this.note(found.id, key, values)))),
      ]],
    ].map(([name, entries]) => [name, entries.filter(Boolean)]);
    onLanguage(() => this.draw());
    live.on("streams", () => this.counts());
    live.on("case", () => this.counts());
  }

  /** A ground layer that is read when first shown. */
  drape(found) {
    const owner = this;
    let shown = false;
    return {
      get show() { return shown; },
      set show(on) { shown = on; owner.setDrape(found, () => shown); },
    };
  }

  async setDrape(found, wanted) {
    try {
      if (!this.drapes.has(found.id) && wanted()) this.drapes.set(found.id, this.readDrape(found));
      const drape = await this.drapes.get(found.id);
      if (drape) drape.layer.show = wanted();
      this.viewer.scene.requestRender();
    } catch (error) {
      this.drapes.delete(found.id);
      this.note(found.id, "failed", { why: error.message });
    }
  }

  async readDrape(found) {
    const features = [];
    for (let offset = 0; offset < found.count; offset += PAGE_SIZE) {
      features.push(...(await items(found.id, { limit: PAGE_SIZE, offset })).features);
    }
    const provider = new DrapeProvider(found.id, VIVID[found.id], features, this.city.bounds);
    return { provider, layer: this.viewer.scene.imageryLayers.addImageryProvider(provider) };
  }

  /** The area shown on the ground at a place, the last layer switched on first. */
  async areaAt(lon, lat) {
    for (const drape of [...this.drapes.values()].reverse()) {
      const { provider, layer } = await drape;
      const eid = layer.show && provider.at(lon, lat);
      if (eid) return eid;
    }
    return null;
  }

  note(id, key, values) {
    this.notes.set(id, key && (() => t(key, values)));
    const node = document.querySelector(`[data-layer="${id}"] em`);
    if (node) node.textContent = key ? t(key, values) : "";
  }

  set(id, on) {
    const found = this.groups.flatMap(([, entries]) => entries).find((entry) => entry.id === id);
    if (found) found.target.show = on;
    this.draw();
  }

  counts() {
    for (const [, entries] of this.groups) for (const { id, count } of entries) {
      const node = document.querySelector(`[data-layer="${id}"] .count`);
      if (node) node.textContent = count() == null ? "" : number(count());
    }
  }

  draw() {
    byId("tree").replaceChildren(...this.groups.flatMap(([name, entries]) => [h("h3", {}, t(name)), ...entries.map((entry) => this.row(entry))]));
  }

  row({ id, name, color, count, target, classes }) {
    const box = h("input", { type: "checkbox", checked: target.show, onchange: () => { target.show = box.checked; } });
    const legend = classes.length > 1 && h("div.legend", {}, classes.map((entry) => h("span", {}, h("i", { style: `background:${entry.color}` }), title(entry.title))));
    return h("label.layer", { data: { layer: id } }, box, h("i", { style: `background:${color}` }), h("span", {}, name()),
      h("span.count", {}, count() == null ? "" : number(count())), h("em", {}, this.notes.get(id)?.() ?? ""), legend);
  }
}
