// The strip of key numbers; a number that changes flashes.
import { make } from "./api.js";
import { figure, moment, onLanguage, t } from "./i18n.js";

/** Nothing came for a quarter of an hour: what is shown is the past, and the page says so. */
const isOld = ({ freshness, time }) => !freshness.newest || Date.parse(time) - Date.parse(freshness.newest) > 900_000;

export class Indicators {
  constructor(app) { this.app = app; this.before = {}; onLanguage(() => this.show(this.numbers)); }

  /** Numbers of a moment of the past, counted from what is shown of it. */
  past(time, states, alarms, cases) {
    const total = Object.values(states).reduce((sum, each) => sum + each, 0), at = new Date(time).toISOString();
    this.show({ past: true, time: at, streams: { total, by_state: states }, alarms: { open: alarms.length, unanswered: alarms.filter((each) => each.state === "active").length }, cases: { open: cases.length, by_stage: {} }, freshness: { newest: at } });
  }

  show(numbers) {
    if (!numbers) return;
    this.numbers = numbers;
    const { total, by_state: states } = numbers.streams;
    const buildings = this.app.city.layers.find((layer) => layer.id === "buildings")?.count ?? 0;
    const cells = [
      ["iBuildings", figure(buildings), "", ""], ["iOnline", figure(total - states.stale), `/ ${figure(total)}`, ""],
      ["iNormal", figure(states.normal), "", "normal"], ["iWarning", figure(states.warning), "", "warning"], ["iAlarm", figure(states.alarm), "", "alarm"],
      ["iAlarms", figure(numbers.alarms.open), `${t("iUnanswered")} ${figure(numbers.alarms.unanswered)}`, numbers.alarms.unanswered ? "alarm" : ""],
      ["iCases", figure(numbers.cases.open), "", ""], [numbers.past ? "iPast" : isOld(numbers) ? "iOld" : "iFresh", numbers.freshness.newest ? moment(numbers.freshness.newest).split(/[ ,]+/).at(-1) : "—", numbers.freshness.newest ? moment(numbers.freshness.newest).split(/[ ,]+/)[0] : "", numbers.past || isOld(numbers) ? "old" : ""],
    ];
    document.getElementById("indicators").replaceChildren(...cells.map(([name, value, small, kind]) => {
      const changed = name in this.before && this.before[name] !== value;
      this.before[name] = value;
      return make("div", { class: `number ${kind} ${changed ? "flash" : ""}`, "data-indicator": name }, make("b", {}, value, make("small", {}, small)), make("span", {}, t(name)));
    }));
  }
}
