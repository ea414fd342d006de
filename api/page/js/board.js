// The board of cases: a column for each stage, what is late in red; filters by unit, area, type and lateness. In a replay: as it stood then.
import { get, make, query } from "./api.js";
import { figure, moment, onLanguage, t } from "./i18n.js";

const MOST = 1000;          // cases asked for
const MOST_SHOWN = 60;      // cards of a column
const CLOSED = ["结案", "作废"];

export class Board {
  constructor(app) {
    this.app = app;
    this.root = document.getElementById("board");
    this.filter = { unit: "", grid: "", code: "", overdue: false };
    document.getElementById("board-open").onclick = () => this.open();
    app.live.whenCases.push(() => { if (this.root.open) { clearTimeout(this.later); this.later = setTimeout(() => this.refresh(), 500); } });
    onLanguage(() => { if (this.root.open && this.found) this.#draw(); });
  }

  async open() {
    if (!this.root.open) this.root.showModal();
    if (!this.root.childElementCount) this.root.replaceChildren(make("header", {}, make("h2", { id: "board-head" }, t("board"))));
    await this.refresh();
  }

  async refresh() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    try {
      const found = this.app.live.past === null ? await this.#now() : this.#past();
      if (turn !== this.turn) return;
      this.found = found;
      this.#draw();
    } catch (error) { this.app.toast(error.message, "warning"); this.root.close(); }
  }

  /** Counts are the server's; cards are the newest. */
  async #now() {
    const { overdue, ...texts } = this.filter;
    const asked = Object.fromEntries(Object.entries(texts).filter(([, value]) => value));
    const late = { ...asked, overdue: true };
    this.areas ??= (await get(query("/cases/counts", { by: "street" }))).areas.filter(({ code }) => code);
    const [counts, lateCounts] = await Promise.all([get(query("/cases/counts", overdue ? late : asked)), get(query("/cases/counts", late))]);
    this.stages ??= Object.keys(counts.by_stage);
    const stages = ordered(counts.by_stage, this.stages);
    const page = stages.length ? await get(query("/cases", { ...(overdue ? late : asked), stage: stages.join(","), limit: MOST })) : { features: [] };
    const cases = page.features.map(({ properties }) => properties);
    return { stages, counts: counts.by_stage, late: lateCounts.by_stage, open: counts.open, lateOpen: lateCounts.open, cases };
  }

  #past() {
    const { unit, grid, code } = this.filter;
    const cases = this.app.live.caseList.filter((each) => (!unit || each.unit === unit) && (!grid || each.grid_code?.startsWith(grid)) && (!code || each.code?.startsWith(code)));
    const counts = {};
    for (const { stage } of cases) counts[stage] = (counts[stage] ?? 0) + 1;
    return { stages: ordered(counts, this.stages), counts, late: {}, open: cases.length, lateOpen: null, cases };
  }

  #draw() {
    const { stages, counts, late, open, lateOpen, cases } = this.found;
    const focused = document.activeElement?.dataset?.filter;
    const said = make("p", { "aria-live": "polite" }, this.app.live.past === null ? t("boardSays", { open: figure(open), late: figure(lateOpen) }) : `${t("replaying")} · ${moment(this.app.live.past)} · ${figure(open)}`);
    this.root.replaceChildren(
      make("header", {}, make("h2", { id: "board-head" }, t("board")), said, ...this.#filters(cases), make("button", { type: "button", class: "close", "aria-label": t("close"), onclick: () => this.root.close() }, "×")),
      make("div", { class: "columns" }, ...stages.map((stage) => this.#column(stage, counts[stage] ?? 0, late[stage] ?? 0, cases.filter((each) => each.stage === stage)))));
    if (focused) this.root.querySelector(`[data-filter=${focused}]`)?.focus();
  }

  #filters(cases) {
    const change = (name, value) => { this.filter[name] = value; this.refresh(); };
    const choice = (name, label, options) => {
      const select = make("select", { "data-filter": name, "aria-label": label, onchange: () => change(name, select.value) }, make("option", { value: "" }, `${label}: ${t("allCases")}`),
        ...options.map(([value, text]) => make("option", { value, selected: value === this.filter[name] }, text)));
      return select;
    };
    this.units = [...new Set([...(this.units ?? []), ...cases.map(({ unit }) => unit).filter(Boolean)])].sort();
    const code = make("input", { type: "text", inputmode: "numeric", pattern: "\\d{0,5}", maxlength: 5, size: 8, "data-filter": "code", placeholder: t("byCode"), "aria-label": t("byCode"), value: this.filter.code, onchange: () => change("code", code.value.trim()) });
    const late = make("input", { type: "checkbox", "data-filter": "overdue", checked: this.filter.overdue, onchange: () => change("overdue", late.checked) });
    return [choice("unit", t("byUnit"), this.units.map((unit) => [unit, unit])), choice("grid", t("byArea"), (this.areas ?? []).map(({ code: area, name }) => [area, name ?? area])), code,
      this.app.live.past === null ? make("label", {}, late, t("overdueOnly")) : null].filter(Boolean);
  }

  #column(stage, count, late, cases) {
    const first = [...cases].sort((a, b) => (b.clock?.overdue ?? 0) - (a.clock?.overdue ?? 0)).slice(0, MOST_SHOWN);
    const name = `stage-${stage}`;
    return make("section", { "data-stage": stage, "aria-labelledby": name },
      make("h3", { id: name }, stage, make("em", {}, figure(count), late ? make("b", {}, ` · ${figure(late)} ${t("overdue")}`) : null)),
      make("ol", {}, ...first.map((each) => this.#card(each)), count > first.length ? make("li", {}, make("small", {}, t("moreCases", { n: figure(count - first.length) }))) : null));
  }

  #card(given) {
    const late = Boolean(given.clock?.overdue), due = given.clock?.stage_due ?? given.clock?.due;
    const marks = [late ? make("b", {}, t("overdue")) : null, given.urged ? t("urged") : null, due ? `${t("due")} ${moment(due)}` : moment(given.reported_at)].filter(Boolean);
    return make("li", { class: late ? "late" : "", "data-case": given.id }, make("button", { type: "button", onclick: () => this.#visit(given) },
      given.title ?? given.key, make("small", {}, given.key, given.unit ? ` · ${given.unit}` : ""), make("small", {}, ...marks.flatMap((mark, nth) => (nth ? [" · ", mark] : [mark])))));
  }

  #visit(given) {
    this.root.close();
    this.app.panel.case(given.id);
    if (typeof given.lon === "number") this.app.flyTo({ lon: given.lon, lat: given.lat, z: given.z ?? 15, range: 200, pitch: -40 });
  }
}

/** Open stages in the order the server told them first: a column does not go where a filter leaves it empty. */
const ordered = (counts, known = []) => [...new Set([...known, ...Object.keys(counts)])].filter((stage) => !CLOSED.includes(stage));
