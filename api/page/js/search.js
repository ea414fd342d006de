// The search box: suggestions while typing, the best candidate on Enter.
import { get } from "/page/js/api.js";
import { byId, h } from "/page/js/dom.js";
import { lang, onLanguage, t } from "/page/js/i18n.js";

const WAIT_MS = 180;

export class Search {
  constructor(onCandidate, onError) {
    Object.assign(this, { onCandidate, onError, timer: null, controller: null, at: -1, typed: 0 });
    this.input = byId("query");
    this.list = byId("found");
    onLanguage(() => { this.input.placeholder = t("search"); });
    this.input.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.suggest(), WAIT_MS); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", (event) => { if (!byId("search").contains(event.target)) this.close(); });
  }

  close() {
    clearTimeout(this.timer);
    this.controller?.abort();
    this.list.hidden = true;
    this.at = -1;
  }

  key(event) {
    const rows = [...this.list.querySelectorAll("li[data-text-value]")];
    if (event.key === "Escape") this.close();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.at = Math.max(-1, Math.min(rows.length - 1, this.at + (event.key === "ArrowDown" ? 1 : -1)));
      rows.forEach((row, i) => row.classList.toggle("at", i === this.at));
    }
    if (event.key === "Enter") this.go(rows[this.at]?.dataset.textValue ?? this.input.value);
  }

  async suggest() {
    const text = this.input.value.trim();
    if (!text) return this.close();
    this.controller?.abort();
    this.controller = new AbortController();
    try {
      const { suggestions } = await get("/suggest", { q: text, limit: 8 }, this.controller.signal);
      this.at = -1;
      this.list.replaceChildren(...suggestions.map(({ full }) => h("li", { data: { textValue: full }, onclick: () => this.go(full) }, full)));
      this.list.hidden = suggestions.length === 0;
    } catch (error) {
      if ((error.cause ?? error).name !== "AbortError") this.onError(error);
    }
    return undefined;
  }

  /** Resolve a text and go to the best candidate; several with the same score are offered. */
  async go(text) {
    const wanted = text.trim();
    if (!wanted) return null;
    this.close();
    this.input.value = wanted;
    try {
      const { candidates } = await get("/resolve", { q: wanted, limit: 8, lang: lang() });
      if (!candidates.length) {
        this.list.replaceChildren(h("li.none", {}, t("nothing")));
        this.list.hidden = false;
        return null;
      }
      await this.onCandidate(candidates[0]);
      return candidates[0];
    } catch (error) {
      this.onError(error);
      return null;
    }
  }
}
