// What happens now, or happened: states of things and sensors from frames, alarms and cases from events; of a past from the same
// frames, with the lists as they stood then.
import { get, post, query } from "./api.js";
import { AlarmList } from "./alarms.js";
import { Cases, Sensors } from "./sensors.js";
import { Follower } from "./states.js";
import { t } from "./i18n.js";
import { isSilent } from "./steps.js";

const CLOSED = new Set(["结案", "作废"]);
const MOST_CASES = 2000;
const KINDS = "alarm,case,indicators";
const LISTS_MS = 1000;   // the lists of a past are asked for so often at most

export class Live {
  constructor(app) {
    this.app = app;
    this.state = new Map();      // of each stream, by id
    this.alarms = new Map();
    this.listeners = [];         // told of streams that changed, a Set
    this.whenCases = [];         // told that cases changed
    this.past = null;            // milliseconds since 1970 of the moment that is shown; null: now
    this.sensors = new Sensors(app.viewer, (id) => this.state.get(id)?.state);
    this.cases = new Cases(app.viewer, ({ stage }) => CLOSED.has(stage));
    this.list = new AlarmList(app, this);
  }

  /** Alarms, cases, streams as they are now. */
  async load() {
    const stages = Object.keys(this.app.indicators.numbers?.cases.by_stage ?? {}).filter((stage) => !CLOSED.has(stage));
    const [streams, alarms, cases] = await Promise.all([get("/streams"), get("/alarms"), stages.length ? get(query("/cases", { stage: stages.join(","), limit: MOST_CASES })) : { features: [] }]);
    if (this.past !== null) return streams.asOf;   // meanwhile somebody went back in time
    if (cases.numberMatched > cases.features.length) this.app.toast(t("truncated", { n: cases.features.length }), "info");
    this.state = new Map(streams.features.map(({ properties }) => [properties.id, properties]));
    this.sensors.load([...this.state.values()]);
    this.#setAlarms(alarms.alarms.filter((alarm) => alarm.state !== "closed" && !isSilent(alarm)));
    this.#setCases(cases.features.map(({ properties }) => properties));
    this.app.viewer.scene.requestRender();
    return streams.asOf;
  }

  #setAlarms(alarms) {
    this.alarms = new Map(alarms.map((alarm) => [alarm.id, alarm]));
    this.list.show();
  }

  #setCases(cases) {
    this.caseList = cases;
    this.cases.load(cases);
    for (const listener of this.whenCases) listener();
  }

  async start() {
    const asOf = await this.load();
    if (this.past !== null) return;
    this.connect(asOf);
    this.#follow({});
  }

  /** States of things and of sensors, now or (`from`, `to`, `speed`) of a past. */
  #follow(asked) {
    this.#unfollow();
    const said = { lagging: () => this.#late(), problem: (text) => this.app.toast(text, "warning"), lost: () => this.#lose("frames"), back: () => this.#found("frames") };
    this.things = new Follower("things", { rate: 2, ...asked }, { ...said, frame: (states) => this.#things(states) });
    this.streams = new Follower("streams", { rate: 2, values: true, ...asked }, { ...said, frame: (states) => this.#streams(states) });
  }

  #unfollow() { this.things?.close(); this.streams?.close(); }

  #things(states) {
    this.app.painter.follow(states);
    if (this.past !== null) this.onmoment?.(states.time);
  }

  #streams(states) {
    const changed = new Set();
    for (const position of states.changed) {
      const stream = this.state.get(states.ids[position]);
      if (!stream) continue;
      const state = states.word(position), value = states.value?.[position];
      if (stream.state !== state) { stream.state = state; this.sensors.set(stream.id, state); }
      if (value !== undefined && Math.fround(stream.value) !== value) stream.value = Number.isNaN(value) ? null : shortest(value);
      changed.add(stream.id);
    }
    if (this.past !== null) this.onmoment?.(states.time);
    for (const listener of this.listeners) listener(changed);
    this.app.viewer.scene.requestRender();
  }

  connect(asOf) {
    const source = this.source = new EventSource(query("/live", { last_event_id: asOf, kinds: KINDS }));
    const on = (name, handle) => source.addEventListener(name, (event) => { if (source === this.source) handle(JSON.parse(event.data)); });
    on("alarm", (alarm) => this.#alarm(alarm));
    on("case", (given) => { this.cases.set(given.properties ?? given.case ?? given); for (const listener of this.whenCases) listener(); this.app.viewer.scene.requestRender(); });
    on("indicators", (numbers) => this.app.indicators.show(numbers));
    on("resync", () => this.load().catch((error) => this.app.toast(error.message, "warning")));
    source.onerror = () => {
      if (source !== this.source) return;
      this.#lose("events");
      // The browser tries again by itself unless the answer was a refusal (a proxy's 502, say): then it is ours to.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (source === this.source) this.connect(asOf); }, 3000);
    };
    source.onopen = () => this.#found("events");
  }

  #lose(what) {
    this.lost ??= new Set();
    if (!this.lost.size) this.app.toast(t("liveLost"), "warning");
    this.lost.add(what);
  }

  /** What happened while nobody listened is asked for whole: a server that started anew may have no memory of events. */
  async #found(what) {
    if (!this.lost?.delete(what) || what !== "events") return;
    try {
      await this.load();
      this.app.indicators.show(await get("/indicators"));
      this.app.toast(t("liveBack"), "info");
    } catch (error) { this.app.toast(error.message, "warning"); }
  }

  /** The server folded changes together because this page was slow: said quietly, beside the numbers, while it lasts. */
  #late() {
    const note = document.getElementById("lagging");
    note.hidden = false;
    clearTimeout(this.lateTimer);
    this.lateTimer = setTimeout(() => { note.hidden = true; }, 5000);
  }

  #alarm(alarm) {
    const isNew = !this.alarms.has(alarm.id) && alarm.state === "active";
    if (alarm.state === "closed" || isSilent(alarm)) this.alarms.delete(alarm.id); else this.alarms.set(alarm.id, { ...this.alarms.get(alarm.id), ...alarm });
    this.list.show();
    if (isNew) this.list.announce(alarm);
  }

  /** A step with an alarm; null where the server refused it, whose sentence is shown. */
  async step(alarm, step, body) {
    try {
      const answer = await post(`/alarms/${alarm.id}/${step}`, { actor: t("actor"), ...body });
      if (step !== "case") this.#alarm(answer);
      return answer;
    } catch (error) { this.app.toast(error.message, "warning"); return null; }
  }

  /** Show an interval of the past (milliseconds since 1970) from a moment on; `onmoment` is told the times of its frames. */
  play(from, to, speed, onmoment) {
    this.source?.close();
    this.source = null;
    this.onmoment = onmoment;
    this.past = from;
    this.#follow({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), speed });
    this.showAt(from);
  }

  /** Tell the past that plays: play, pause, seek. */
  say(message) { this.things.say(message); this.streams.say(message); }

  /** Lists and numbers as they stood at a moment of the past; asked for once a second at most. */
  showAt(time) {
    this.past = time;
    if (this.listing) return;
    this.listing = new Promise((done) => { setTimeout(done, LISTS_MS); }).then(() => { this.listing = null; if (this.past !== null && this.past !== time) this.showAt(this.past); });
    this.#listsAt(time).catch((error) => this.app.toast(error.message, "warning"));
  }

  async #listsAt(time) {
    const at = new Date(time).toISOString();
    const [alarms, cases] = await Promise.all([get(query("/alarms", { at })), get(query("/cases/standing", { at }))]);
    if (this.past === null) return;
    this.#setAlarms(alarms.alarms.filter((alarm) => !isSilent(alarm)));
    this.#setCases(cases.cases);
    this.app.indicators.past(time, this.#byState(), alarms.alarms, cases.cases);
    this.app.viewer.scene.requestRender();
  }

  #byState() {
    const found = { normal: 0, warning: 0, alarm: 0, stale: 0 };
    for (const { state } of this.state.values()) found[state === "nothing" ? "stale" : state] += 1;
    return found;
  }

  /** Back to what is now. */
  async now() {
    this.past = this.onmoment = null;
    this.#unfollow();
    this.app.indicators.show(await get("/indicators"));
    await this.start();
  }
}

/** A float32 as the decimal it was made of: 0.37 and not 0.3700000047683716. */
const shortest = (value) => Number(value.toPrecision(7));
