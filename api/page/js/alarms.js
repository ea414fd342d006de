// The list of alarms: what is wrong, the worst and unanswered first.
import { make } from "./api.js";
import { lang, moment, onLanguage, t } from "./i18n.js";

const MOST = 60;

export class AlarmList {
  constructor(app, live) {
    this.app = app;
    this.live = live;
    onLanguage(() => this.show());
  }

  visit(alarm) {
    if (typeof alarm.lon === "number") this.app.flyTo({ lon: alarm.lon, lat: alarm.lat, z: alarm.z ?? 0, range: 260, pitch: -35 });
    this.app.panel.alarm(alarm.id);
  }

  announce(alarm) { this.app.toast(alarm[`message_${lang()}`], alarm.level, t(alarm.level), () => this.visit(alarm)); }

  show() {
    const { live } = this;
    const rank = (alarm) => (alarm.state === "active" ? 0 : 2) + (alarm.level === "alarm" ? 0 : 1);
    const alarms = [...live.alarms.values()].sort((a, b) => rank(a) - rank(b) || b.raised_at.localeCompare(a.raised_at));
    const count = document.getElementById("alarm-count");
    count.textContent = alarms.length;
    count.classList.toggle("on", alarms.some((alarm) => alarm.state === "active"));
    const list = document.getElementById("alarm-list");
    list.replaceChildren(...alarms.slice(0, MOST).map((alarm) => this.#row(alarm)));
    if (!alarms.length) list.append(make("li", { class: "empty" }, t("noAlarms")));
  }

  #row(alarm) {
    const open = alarm.state === "active" && this.live.past === null;
    return make("li", { class: `${alarm.level} ${alarm.state === "active" ? "" : "answered"}`, "data-alarm": alarm.id, onclick: () => this.visit(alarm) },
      make("button", { type: "button", class: "message", "aria-label": `${t("show")}: ${alarm[`message_${lang()}`]}` }, alarm[`message_${lang()}`]),
      make("footer", {}, `${t(`state_${alarm.state}`)} · ${moment(alarm.raised_at)}`,
        open ? make("button", { type: "button", onclick: (event) => { event.stopPropagation(); this.live.step(alarm, "acknowledge"); } }, t("acknowledge")) : null));
  }
}
