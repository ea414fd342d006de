// The panel on the right: all the server says of one entity, stream, case or address.
import { get, make, post } from "./api.js";
import { chart, ruleText, rulesOf } from "./chart.js";
import { figure, has, lang, moment, onLanguage, t, title, unit } from "./i18n.js";
import { duplicates, limits, photos } from "./casefile.js";
import { reachOf } from "./reach.js";
import { alarmSteps, caseSteps } from "./steps.js";

const UNITS = { height_m: "m", depth_m: "m", width_m: "m", elevation_m: "m", diameter_mm: "mm", area_m2: "m²" };
const HIDDEN = new Set(["unit_key", "building_key", "predefined_type", "height_m", "floors"]);

export class Panel {
  constructor(app) {
    this.app = app;
    this.root = document.getElementById("panel");
    onLanguage(() => { if (!this.root.hidden) this.redraw?.(); });
    app.live.listeners.push((changed) => this.#update(changed));
  }

  /** What the server says, or null where something else was asked for meanwhile: the last one is shown. */
  async #ask(path) {
    const turn = this.turn = (this.turn ?? 0) + 1;
    const found = await get(path);
    return turn === this.turn ? found : null;
  }

  #instead() { this.turn = (this.turn ?? 0) + 1; }

  close() { this.#instead(); this.root.hidden = true; this.redraw = null; delete this.root.dataset.eid; }

  #open(head, sub, parts) {
    this.root.replaceChildren(
      make("header", {}, make("b", {}, head), make("small", {}, sub), make("button", { class: "close", "aria-label": t("close"), onclick: () => this.app.clear() }, "×")), ...parts.filter(Boolean));
    delete this.root.dataset.alarm;
    this.root.scrollTop = 0;
    this.root.hidden = false;
  }

  async entity(eid) {
    const found = await this.#ask(`/entities/${eid}`);
    if (!found) return null;
    this.redraw = () => this.#entity(found);
    this.redraw();
    this.root.dataset.eid = eid;
    return found;
  }

  #entity(found) {
    const { anchor } = found;
    const state = has(found.lifecycle) ? t(found.lifecycle) : found.lifecycle;
    this.#open(found.name || title(found.class), [title(found.class), state].filter(Boolean).join(" · "), [
      ...section("attributes", pairs([["height_m", found.height_m], ["floors", found.floors], ...flat(found.attributes)])),
      ...section("place", anchor && pairs([
        ["address", anchor.address], ["grid", anchor.grid && `${anchor.grid.name ?? ""} ${anchor.grid.code}`], ["ground", metres(anchor.ground_z)], ["elevation", metres(anchor.z)],
        ["position", typeof anchor.lon === "number" ? `${anchor.lon.toFixed(6)}, ${anchor.lat.toFixed(6)}` : null]])),
      ...this.#streams(found.streams),
      ...section("cases", list(found.cases?.map((each) => link(() => this.case(each.id), `${each.title ?? each.key} · ${each.stage}`)))),
      ...section("related", list(found.parent ? [this.#link(found.parent)] : [])),
      ...section("contains", list(found.children?.slice(0, 30).map((child) => this.#link(child)), found.children?.length)),
      ...section("aliases", list(found.aliases?.slice(0, 6).map((alias) => `${alias.scheme}　${alias.value}`))),
      ...section("sources", list(found.datasets?.map((each) => `${each.source_key} · ${each.format} · ${each.crs_used ?? ""}`))),
      ...section("history", list(found.history?.map((each) => `${moment(each.known_from)}　${each.source ?? ""}`))),
    ]);
    this.#charts();
  }

  #link(other) {
    return link(() => this.app.select(other.eid, { fly: true }), other.name || other.class_code);
  }

  #streams(streams) {
    if (!streams?.length) return [];
    return [make("h3", {}, t("sensors")), ...streams.slice(0, 8).map((stream) => this.#stream(this.app.live.state.get(stream.id) ?? stream))];
  }

  #stream(stream) {
    return make("div", { class: "stream", "data-stream": stream.id }, make("i", { class: `dot ${stream.state}` }), `${stream.property} `, make("b", {}, reading(stream)), make("span", {}, ` · ${t(stream.state)}`), make("canvas", {}));
  }

  #charts() {
    for (const box of this.root.querySelectorAll(".stream")) this.#chart(box);
  }

  #chart(box) {
    if (!box.isConnected) return;
    chart(box.querySelector("canvas"), box.dataset.stream, this.app.live.past).catch((error) => this.app.toast(error.message, "warning"));
  }

  /** What can be done now; in a replay only that it cannot. */
  #acts(form) { return this.app.live.past === null ? form() : make("p", { class: "note" }, t("pastActions")); }

  async stream(id) {
    const asked = await this.#ask(`/streams/${id}`);
    if (!asked) return;
    const { time } = asked.properties, stream = Object.assign(this.app.live.state.get(id) ?? asked.properties, this.app.live.past === null ? { time } : {});
    const rules = await rulesOf(stream.key).catch(() => []);
    delete this.root.dataset.eid;
    this.redraw = () => {
      this.#open(stream.name, `${t("subject")} · ${stream.subject}`, [
        this.#stream(stream),
        ...section("attributes", pairs([["code", stream.key], ["updated", moment(stream.time)], ["grid", stream.grid_code]])),
        ...section("watchRules", list(rules.map((rule) => ruleText(rule, stream.unit)))),
        ...section("related", list(stream.eid ? [link(() => this.app.select(stream.eid), t("watched"))] : [])),
      ]);
      this.#charts();
    };
    this.redraw();
  }

  /** An alarm: what is wrong, since when, every step of its life, and what can be done. */
  async alarm(id) {
    const found = await this.#ask(`/alarms/${id}`);
    if (!found) return;
    delete this.root.dataset.eid;
    const stream = this.app.live.state.get(found.stream_id);
    const act = async (step, body) => { if (await this.app.live.step(found, step, body)) await this.alarm(id); };
    const openCase = async (note) => { const made = await this.app.live.step(found, "case", { note }); if (made) await this.case(made.id); };
    const told = (value) => (typeof value === "number" ? `${figure(value)} ${unit(found.unit)}` : null);
    this.redraw = () => {
      this.#open(found[`message_${lang()}`], [t(found.level), t(`state_${found.state}`)].join(" · "), [
        this.#acts(() => alarmSteps(found, act, openCase)),
        ...section("attributes", pairs([["kind", found.kind && t(`kind_${found.kind}`)], ["value", told(found.value)], ["threshold", told(found.threshold)], ["since", moment(found.raised_at)], ["until", found.shelved_until && moment(found.shelved_until)], ["grid", found.grid_code]])),
        ...(stream ? [make("h3", {}, t("sensor")), this.#stream(stream)] : []),
        ...(typeof found.lon === "number" ? [reachOf(found, this.app)] : []),
        ...section("related", list([link(() => this.stream(found.stream_id), found.name ?? found.key), ...(found.eid ? [link(() => this.app.select(found.eid), t("watched"))] : [])])),
        ...section("history", list(found.events?.map((each) => [moment(each.at ?? each.at_time), has(`event_${each.event}`) ? t(`event_${each.event}`) : each.event, each.actor, each.note].filter(Boolean).join("　")))),
      ]);
      this.root.dataset.alarm = id;
      this.#charts();
    };
    this.redraw();
  }

  async case(id) {
    const found = await this.#ask(`/cases/${id}`);
    if (!found) return;
    delete this.root.dataset.eid;
    const given = found.properties ?? found;
    const complain = (text) => this.app.toast(text, "warning");
    const act = async (action, body) => {
      try { await post(`/cases/${given.id}/${action}`, { actor: t("actor"), ...body }); await this.case(id); } catch (error) { complain(error.message); }
    };
    const mayMerge = this.app.live.past === null && given.actions?.some((step) => step.takes.includes("into"));
    const into = (key) => { const field = this.root.querySelector("[data-said=into]"); field.value = key; field.focus(); };
    this.redraw = () => this.#open(given.title ?? given.key, `${t("case")} · ${given.stage}`, [
      make("p", {}, given.description ?? ""),
      this.#acts(() => caseSteps(given, act, complain)),
      ...section("attributes", pairs([["code", given.key], ["reported", moment(given.reported_at)], ...limits(given), ["source", given.source], ["department", given.unit], ["address", given.address_text], ["grid", given.grid_code]])),
      duplicates(given, this.app, mayMerge ? into : null),
      ...section("photos", photos(given, this.app, this.app.live.past === null)),
      ...section("history", list((given.events ?? found.events)?.map((each) => [moment(each.at ?? each.at_time ?? each.time), each.to_stage ?? each.stage ?? each.action, each.actor, each.note].filter(Boolean).join("　")))),
    ]);
    this.redraw();
  }

  address(hit) {
    this.#instead();
    delete this.root.dataset.eid;
    const { location } = hit;
    this.redraw = () => this.#open(hit.name || hit.full, t("address"), section("place", pairs([["address", hit.full], ["position", location ? `${location.lon.toFixed(6)}, ${location.lat.toFixed(6)}` : null]])));
    this.redraw();
  }

  /** Streams (a Set of ids) have changed: those that are shown say so. */
  #update(changed) {
    if (this.root.hidden) return;
    for (const box of this.root.querySelectorAll(".stream")) {
      const stream = this.app.live.state.get(Number(box.dataset.stream));
      if (!stream || !changed.has(stream.id)) continue;
      box.querySelector(".dot").className = `dot ${stream.state}`;
      box.querySelector("b").textContent = reading(stream);
      box.querySelector("span").textContent = ` · ${t(stream.state)}`;
      clearTimeout(box.later);
      box.later = setTimeout(() => this.#chart(box), 400);
    }
  }
}

const metres = (value) => (typeof value === "number" ? `${figure(value)} m` : null);
const reading = (stream) => (typeof stream.value === "number" ? `${figure(stream.value)} ${unit(stream.unit)}` : "—");

/** Attribute names and values; those of nested groups follow under their own name. */
function* flat(attributes, depth = 0) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (depth === 0 && HIDDEN.has(name)) continue;
    if (value !== null && typeof value === "object" && !Array.isArray(value)) { if (depth < 2) yield* flat(value, depth + 1); }
    else yield [name, value];
  }
}

/** Units of standard quantities (Qto_…), which the base keeps in SI, told by their names. */
const QUANTITIES = [[/Area$/, "m²"], [/Volume$/, "m³"], [/(Height|Width|Length|Depth|Perimeter|Thickness)$/, "m"], [/Weight$/, "kg"]];
const unitOf = (name) => UNITS[name] ?? (/^[A-Z][A-Za-z]+$/.test(name) ? QUANTITIES.find(([shape]) => shape.test(name))?.[1] : undefined);

/** Rows of names and values; what one source calls by code and another by word is shown once. */
function pairs(entries) {
  const rows = [], shown = new Set();
  for (const [name, value] of entries) {
    if (value === null || value === undefined || value === "") continue;
    const same = `${has(name) ? t(name) : name}\n${value}`;
    if (shown.has(same)) continue;
    shown.add(same);
    const text = typeof value === "number" && !name.includes("year") && !name.includes("年份") ? figure(value, 3) : String(value);
    rows.push(make("dt", {}, has(name) ? t(name) : name), make("dd", { "data-attr": name }, unitOf(name) && typeof value === "number" ? `${text} ${unitOf(name)}` : text));
  }
  return rows.length ? make("dl", {}, ...rows) : null;
}

function list(items, total = items?.length) {
  if (!items?.length) return null;
  const rest = total > items.length ? [make("li", {}, `… +${total - items.length}`)] : [];
  return make("ul", {}, ...items.map((item) => make("li", {}, item)), ...rest);
}

/** What leads on is a button, so that keys and screen readers find it. */
const link = (go, text) => make("button", { type: "button", class: "link", onclick: go }, text);
const section = (name, content) => (content ? [make("h3", {}, t(name)), content] : []);
