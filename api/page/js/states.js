// The states of a layer over a WebSocket (docs/scene-stream.md): gone on with after a break, live or of a past that plays.
// A WebSocket and not an event stream: of those a browser opens six to one server, and tiles come over the same six.
import { City, SceneStates } from "../client/citytwin.js";

const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 15_000;
const city = new City(location.origin);

export class Follower {
  /**
   * `asked`: parameters of the address. `told`: `frame(states)` when they are whole, and where wanted `lagging()`,
   * `problem(text)`, `lost()`, `back()`.
   */
  constructor(layer, asked, told) {
    Object.assign(this, { layer, asked, told, states: new SceneStates(layer), wait: FIRST_WAIT_MS, whole: false });
    this.#open();
  }

  #open() {
    const { states } = this;
    const place = !this.whole ? {} : this.asked.from ? { from: new Date(states.time).toISOString() } : { since: states.seq, index: states.index };
    const socket = this.socket = new WebSocket(city.socketUrl(this.layer, { ...this.asked, ...place }));
    socket.binaryType = "arraybuffer";
    let last = Promise.resolve();
    socket.onopen = () => { this.wait = FIRST_WAIT_MS; if (this.lost) { this.lost = false; this.told.back?.(); } };
    socket.onmessage = ({ data }) => { last = last.then(() => (socket === this.socket ? this.#take(data) : null)).catch((error) => this.told.problem?.(error.message)); };
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.socket) return;
      if (code === 1008) { this.told.problem?.(reason); return; }   // refused: asking again would not help
      if (!this.lost) { this.lost = true; this.told.lost?.(); }
      this.timer = setTimeout(() => this.#open(), this.wait);
      this.wait = Math.min(LONGEST_WAIT_MS, 2 * this.wait);
    };
  }

  async #take(data) {
    if (typeof data !== "string") {
      if (!await this.states.apply(data)) return;
      this.whole = true;
      this.told.frame(this.states);
      return;
    }
    const said = JSON.parse(data);
    if (said.type === "lagging") this.told.lagging?.();
    else if (said.type === "problem") this.told.problem?.(said.detail);
  }

  /** Of a past: `{type: "play", speed}`, `{type: "pause"}`, `{type: "seek", time}`. */
  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
    else if (this.socket.readyState === WebSocket.CONNECTING) this.socket.addEventListener("open", () => this.say(message), { once: true });
  }

  close() {
    const { socket } = this;
    this.socket = null;
    clearTimeout(this.timer);
    socket?.close();
  }
}
