// The time machine: an interval of the past, played through the same frames as the present; the page says all the while that it is the past.
import { make } from "./api.js";
import { moment, onLanguage, t } from "./i18n.js";

const HOUR = 3_600_000;
const SPEEDS = [1, 10, 60, 300, 1800];
const STEP_MS = 1000;

/** A moment as `datetime-local` takes it: this place's own time. */
const local = (time) => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);

export class Replay {
  constructor(app) {
    this.app = app;
    this.root = document.getElementById("replay");
    this.button = document.getElementById("replay-open");
    this.button.onclick = () => (this.root.hidden ? this.open() : this.close());
    onLanguage(() => { if (!this.root.hidden) this.#draw(); });
  }

  /** Play an interval (milliseconds since 1970), the last hour if none is said. */
  open(from = Date.now() - HOUR, to = Date.now(), speed = 60) {
    Object.assign(this, { from, to, speed, playing: true, at: from, since: performance.now() });
    this.root.hidden = false;
    this.button.setAttribute("aria-pressed", "true");
    document.body.classList.add("past");
    this.app.panel.close();
    this.app.live.play(from, to, speed, (time) => this.#told(time));
    this.#draw();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.#show(), 250);
  }

  async close() {
    clearInterval(this.timer);
    this.root.hidden = true;
    this.button.setAttribute("aria-pressed", "false");
    document.body.classList.remove("past");
    this.app.panel.close();
    try { await this.app.live.now(); } catch (error) { this.app.toast(error.message, "warning"); }
  }

  /** The moment shown: what the last frame or seek said, gone on with at the speed. */
  get time() { return Math.min(this.to, this.at + (this.playing ? (performance.now() - this.since) * this.speed : 0)); }

  #stand(at) { Object.assign(this, { at, since: performance.now() }); }

  /** A frame tells its time: where a clock here has gone wrong it is set. */
  #told(time) {
    if (this.seeking) return;
    if (Math.abs(time - this.time) > 2 * this.speed * STEP_MS) this.#stand(time);
    this.app.live.showAt(this.time);
  }

  #show() {
    const { time } = this;
    this.clock.textContent = moment(time);
    if (!this.seeking) this.slider.value = Math.round((time - this.from) / STEP_MS);
    this.slider.setAttribute("aria-valuetext", moment(time));
    if (time >= this.to && this.playing) { this.playing = false; this.#stand(this.to); this.#toggleText(); }
    if (this.playing) this.app.live.showAt(time);
  }

  seek(time) {
    this.#stand(Math.max(this.from, Math.min(time, this.to)));
    this.seeking = false;
    this.app.live.say({ type: "seek", time: new Date(this.at).toISOString() });
    this.app.live.showAt(this.at);
    this.#show();
  }

  setPlaying(on) {
    if (on && this.time >= this.to) this.seek(this.from);
    this.#stand(this.time);
    this.playing = on;
    this.app.live.say(on ? { type: "play", speed: this.speed } : { type: "pause" });
    this.#toggleText();
  }

  #toggleText() { this.toggle.textContent = t(this.playing ? "pause" : "play"); }

  setSpeed(speed) {
    this.#stand(this.time);
    this.speed = speed;
    if (this.playing) this.app.live.say({ type: "play", speed });
  }

  #draw() {
    const picked = (name) => make("input", { type: "datetime-local", step: 1, "aria-label": t(name), value: local(this[name]), max: local(Date.now()), onchange: () => this.#choose() });
    this.clock = make("output", { "aria-label": t("replayAt") }, moment(this.time));
    this.slider = make("input", { type: "range", min: 0, max: Math.round((this.to - this.from) / STEP_MS), step: 1, "aria-label": t("replayAt"),
      oninput: () => { this.seeking = true; this.clock.textContent = moment(this.from + this.slider.value * STEP_MS); },
      onchange: () => this.seek(this.from + this.slider.value * STEP_MS) });
    this.toggle = make("button", { type: "button", class: "play", onclick: () => this.setPlaying(!this.playing) });
    const speed = make("select", { "aria-label": t("speed"), onchange: () => this.setSpeed(Number(speed.value)) }, ...SPEEDS.map((each) => make("option", { value: each, selected: each === this.speed }, `× ${each}`)));
    Object.assign(this, { starts: picked("from"), ends: picked("to") });
    this.root.replaceChildren(
      make("p", {}, t("replaying"), this.clock, make("button", { type: "button", class: "now", onclick: () => this.close() }, t("backToNow"))),
      make("div", {}, this.toggle, this.slider, speed),
      make("div", {}, make("label", {}, `${t("from")} `, this.starts), make("label", {}, `${t("to")} `, this.ends)));
    this.#toggleText();
    this.#show();
  }

  #choose() {
    const [from, to] = [this.starts, this.ends].map((box) => new Date(box.value).getTime());
    if (!(from < to && to <= Date.now() + STEP_MS)) { this.app.toast(t("badInterval"), "warning"); return; }
    this.open(from, to, this.speed);
  }
}
