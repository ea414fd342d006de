// The panel: what is known about the thing, stream or case that was chosen.
import { byId, h } from "/page/js/dom.js";
import { attributeName, lang, stageName, subjectName, t, title } from "/page/js/i18n.js";
import { chart } from "/page/js/chart.js";
import { get } from "/page/js/api.js";
import { moment, number } from "/page/js/time.js";

const CHILDREN = 12;
const ALIASES = 8;
const READINGS = 288;
const CHARTS = 4;

const text = (value) => (typeof value === "number" ? number(value, 3) : Array.isArray(value) ? value.join("、")
  : value !== null && typeof value === "object" ? Object.entries(value).map(([key, inner]) => `${key} ${text(inner)}`).join(" · ") : String(value));
const rows = (pairs) => h("dl", {}, pairs.filter(([, value]) => value != null && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value instanceof Node ? value : text(value))]));
const section = (name, ...content) => (content.flat().some(Boolean) ? h("section", {}, h("h3", {}, t(name)), ...content) : null);

export class Panel {
  constructor(live, { onSelect, onClose }) {
    Object.assign(this, { live, onSelect, onClose, again: null, turn: 0 });
    live.on("streams", (ids) => this.refresh(ids));
  }

  open(head, label, ...content) {
    const panel = byId("panel");
    panel.replaceChildren(h("header", {}, h("div", {}, h("small", {}, label), h("h2", {}, head)),
      h("button.quiet", { title: t("close"), onclick: () => this.close() }, "✕")), h("div.body", {}, ...content.filter(Boolean)));
    panel.hidden = false;
  }

  close() {
    this.turn += 1;
    this.again = null;
    byId("panel").hidden = true;
    this.onClose();
  }

  entity(thing) {
    this.turn += 1;
    this.again = () => this.entity(thing);
    const { attributes, anchor, children, representations, datasets, aliases, history } = thing;
    const known = [["height_m", thing.height_m], ["floors", thing.floors]].filter(([key]) => attributes[key] == null);
    const reference = (other) => h("a", { href: "#", onclick: (event) => { event.preventDefault(); this.onSelect(other.eid); } }, other.name || other.class_code);
    this.open(thing.name || title(thing.class) || thing.class_code, title(thing.class),
      section("attributes", rows([...known, ...Object.entries(attributes)].map(([key, value]) => [attributeName(key), value]))),
      section("place", rows([
        [t("address"), anchor?.address], [t("grid"), anchor?.grid && `${anchor.grid.name ?? ""} ${anchor.grid.code}`],
        [t("ground"), anchor?.ground_z != null ? `${number(anchor.ground_z)} m` : null],
        [t("coordinates"), anchor && `${anchor.lon.toFixed(6)}, ${anchor.lat.toFixed(6)}`],
        [t("parent"), thing.parent && reference(thing.parent)],
      ])),
      thing.streams.length > 0 && section("streams", thing.streams.slice(0, CHARTS).map(({ id, stream_id: other }) => this.stream(id ?? other))),
      thing.cases.length > 0 && section("cases", thing.cases.slice(0, CHILDREN).map((record) => h("p.line", {}, `${record.title ?? record.key} · ${stageName(record.stage)}`))),
      children.length > 0 && section("children", h("p.chips", {}, children.slice(0, CHILDREN).map(reference), children.length > CHILDREN && h("span", {}, t("more", { n: children.length - CHILDREN })))),
      section("sources", datasets.map((set) => h("p.line", {}, [set.name ?? set.source, set.loaded_at && moment(set.loaded_at)].filter(Boolean).join(" · "))),
        h("p.chips", {}, representations.map(({ role, lod }) => h("span", {}, lod == null ? role : `${role} LoD${lod}`)))),
      section("codes", rows([["eid", thing.eid], ...aliases.slice(0, ALIASES).map(({ scheme, value }) => [scheme, value])])),
      section("history", history.map((state) => h("p.line", {}, `${t("since")} ${moment(state.known_from)}`))));
  }

  oneStream(id) {
    this.turn += 1;
    this.again = () => this.oneStream(id);
    const stream = this.live.streams.get(id);
    const owner = stream.eid && h("a", { href: "#", onclick: (event) => { event.preventDefault(); this.onSelect(stream.eid); } }, stream.eid.slice(0, 13));
    this.open(stream.name ?? stream.key, subjectName(stream.subject ?? ""), section("streams", this.stream(id)),
      section("place", rows([[t("grid"), stream.grid_code], [t("coordinates"), `${stream.lon.toFixed(6)}, ${stream.lat.toFixed(6)}`],
        [t("height"), stream.z != null ? `${number(stream.z)} m` : null], [t("parent"), owner], ["key", stream.key]])));
  }

  oneCase(record) {
    this.turn += 1;
    this.again = () => this.oneCase(record);
    this.open(record.title ?? record.key, `${t("cases")} · ${record.key}`, section("attributes", rows([
      [t("stage"), stageName(record.stage)], [t("reported"), moment(record.reported_at)], [t("unit"), record.unit], [t("description"), record.description]])),
    section("place", rows([[t("address"), record.address_text], [t("grid"), record.grid_code]])));
  }

  /** Newest value and a chart of a stream; the chart comes when it is read. */
  stream(id) {
    const stream = this.live.streams.get(id);
    if (!stream) return null;
    const place = h("div.chart-place");
    const node = h("div.stream", { data: { stream: id } }, h("p.value", {}, h("span", {}, stream.property ?? stream.key), h("b", {})), place);
    this.value(node, stream);
    const turn = this.turn;
    get(`/streams/${id}/observations`, { limit: READINGS, lang: lang() })
      .then(({ observations }) => { if (turn === this.turn) place.replaceChildren(chart(stream, observations)); })
      .catch((error) => place.replaceChildren(h("p.none", {}, t("failed", { why: error.message }))));
    return node;
  }

  value(node, stream) {
    const shown = node.querySelector("b");
    shown.className = stream.state;
    shown.textContent = `${number(stream.value)} ${stream.unit ?? ""} · ${t(stream.state)}`;
  }

  refresh(ids) {
    const changed = new Set(ids.map(String));
    for (const node of byId("panel").querySelectorAll(".stream")) {
      if (changed.has(node.dataset.stream)) this.value(node, this.live.streams.get(Number(node.dataset.stream)));
    }
  }

  write() { if (!byId("panel").hidden) this.again?.(); }
}
