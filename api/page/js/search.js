// Search box: suggestions of addresses while typing, everything else by /resolve on Enter.
import { get, make, query } from "./api.js";
import { t } from "./i18n.js";

export class Search {
  constructor(app) {
    this.app = app;
    this.form = document.getElementById("search");
    this.box = document.getElementById("search-box");
    this.list = document.getElementById("hits");
    this.turn = 0; // an answer to what was asked before somebody went on typing is no longer wanted
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.box.addEventListener("input", () => { this.turn += 1; clearTimeout(this.timer); this.timer = setTimeout(() => this.suggest(), 180); });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("pointerdown", (event) => { if (!this.form.contains(event.target)) this.list.hidden = true; });
  }

  #key(event) {
    const items = [...this.list.querySelectorAll("li:not(.none)")];
    const now = items.findIndex((item) => item.classList.contains("on"));
    if (event.key === "Escape") this.list.hidden = true;
    if (!items.length || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    items[now]?.classList.remove("on");
    const next = event.key === "ArrowDown" ? now + 1 : (now < 0 ? 0 : now) - 1 + items.length;
    items[next % items.length].classList.add("on");
  }

  async suggest() {
    const text = this.box.value.trim();
    this.asked?.abort();
    if (!text) { this.list.hidden = true; return; }
    this.asked = new AbortController();
    try {
      const { suggestions } = await get(query("/suggest", { q: text, limit: 8 }), this.asked.signal);
      this.#list(suggestions.map((hit) => ({ head: hit.text, sub: hit.full === hit.text ? "" : hit.full, choose: () => this.resolve(hit.full) })), false);
    } catch (error) { if (error.name !== "AbortError") this.app.toast(error.message, "warning"); }
  }

  async submit() {
    clearTimeout(this.timer);
    this.asked?.abort();
    const chosen = this.list.hidden ? null : this.list.querySelector("li.on");
    if (chosen) { chosen.click(); return; }
    const text = this.box.value.trim();
    if (text) await this.resolve(text);
  }

  async resolve(text) {
    const turn = (this.turn += 1);
    try {
      const { candidates } = await get(query("/resolve", { q: text }));
      if (turn !== this.turn) return;
      const [best, second] = candidates;
      if (best && (!second || best.score - second.score > 0.08)) { this.list.hidden = true; await this.go(best); return; }
      this.#list(candidates.map((hit) => ({ head: hit.name || hit.full, sub: [hit.full, hit.why].filter(Boolean).join(" · "), choose: () => this.go(hit) })), true);
    } catch (error) { this.app.toast(error.message, "warning"); }
  }

  #list(hits, sayNone) {
    this.list.replaceChildren(...hits.map((hit) => make("li", { onclick: () => { this.list.hidden = true; hit.choose(); } }, hit.head, hit.sub ? make("small", {}, hit.sub) : null)));
    if (!hits.length && sayNone) this.list.append(make("li", { class: "none" }, t("noHits")));
    this.list.hidden = !this.list.childElementCount;
  }

  async go(hit) {
    this.box.value = hit.full || hit.name || this.box.value;
    if (hit.note) this.app.toast(hit.note);
    if (hit.kind === "datastream") { await this.app.panel.stream(Number(hit.id)); await this.#fly(hit, 160); return; }
    if (hit.kind === "case") { await this.app.panel.case(hit.id); await this.#fly(hit, 200); return; }
    if (hit.eid) { await this.app.select(hit.eid, { fly: true, location: hit.location }); return; }
    this.app.panel.address(hit);
    await this.#fly(hit, 160);
  }

  #fly({ location }, range) {
    return typeof location?.lon === "number" ? this.app.flyTo({ ...location, z: location.z ?? 15, range }) : Promise.resolve();
  }
}
