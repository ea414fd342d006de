// A city server, from a browser: one ES module, nothing to build, nothing else to load.
//   import { City } from "http://127.0.0.1:8000/page/client/citytwin.js";
//   for await (const feature of new City("http://127.0.0.1:8000").items("buildings", { where: "floors > 18" })) …
// From a page of another address the server must name that in TWIN_CORS_ORIGINS.

/** Anything this module throws on purpose; `problem` is the problem document (RFC 9457). */
export class CityError extends Error {
  constructor(message, status = 0, problem = {}) {
    super(message);
    this.name = new.target.name;
    this.status = status;
    this.problem = problem;
  }
}
/** No answer, or one that broke off. */
export class UnreachableError extends CityError {}
/** 400, 406, 413, 415, 422. */
export class InvalidRequestError extends CityError {}
/** 401. */
export class UnauthenticatedError extends CityError {}
/** 403. */
export class ForbiddenError extends CityError {}
/** 404, 410; while paging: the version is no longer kept. */
export class NotFoundError extends CityError {}
/** 409, 412: the item is in another state by now. */
export class ConflictError extends CityError {}
/** 428: send the ETag of the state. */
export class LockNeededError extends CityError {}
/** 429. */
export class TooManyRequestsError extends CityError {}
/** 5xx. */
export class ServerError extends CityError {}

const KINDS = { 401: UnauthenticatedError, 403: ForbiddenError, 404: NotFoundError, 409: ConflictError, 410: NotFoundError,
  412: ConflictError, 428: LockNeededError, 429: TooManyRequestsError };
const RETRIES = 4;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30000;
const SILENCE_MS = 45000; // three heartbeats
const PAGE = 1000;

export class City {
  #url; #token; #language;

  constructor(url, { token, language = "en" } = {}) {
    this.#url = new URL(url).href.replace(/\/+$/, "");
    this.#token = token;
    this.#language = language;
  }

  get url() { return this.#url; }

  /** Headers a viewer has to send with its own requests to this server. */
  get headers() { return this.#token ? { Authorization: `Bearer ${this.#token}` } : {}; }

  about(options) { return this.#json("/city", {}, options); }

  async collections(options) { return (await this.#json("/collections", {}, options)).collections; }

  /** One page as a FeatureCollection. */
  query(collection, { limit = PAGE, ...asked } = {}, options) {
    return this.#json(`/collections/${encodeURIComponent(collection)}/items`, { ...parameters(asked), limit }, options);
  }

  /** Pages of one version of the collection, whatever is written meanwhile. */
  async *pages(collection, { pageSize = PAGE, limit = Infinity, ...asked } = {}, options) {
    const path = `/collections/${encodeURIComponent(collection)}/items`;
    let query = search({ ...parameters(asked), limit: Math.min(pageSize, limit) });
    for (let left = limit; ;) {
      const page = await (await this.#send(`${path}?${query}`, options)).json();
      page.features = page.features.slice(0, left);
      left -= page.features.length;
      yield page;
      const next = page.links.find((link) => link.rel === "next");
      if (!next || left <= 0) return;
      query = new URL(next.href).search.slice(1); // its host may be a name only the server knows
    }
  }

  /** Features, page by page. */
  async *items(collection, asked, options) {
    for await (const page of this.pages(collection, asked, options)) yield* page.features;
  }

  item(collection, id, asked = {}, options) {
    return this.#json(`/collections/${encodeURIComponent(collection)}/items/${encodeURIComponent(id)}`, parameters(asked), options);
  }

  entity(id, { at } = {}, options) { return this.#json(`/entities/${encodeURIComponent(id)}`, { valid_at: at }, options); }

  async resolve(q, { limit } = {}, options) { return (await this.#json("/resolve", { q, limit }, options)).candidates; }

  geocode(q, { near, at } = {}, options) {
    return this.#json("/geocode", { q, lon: near?.[0], lat: near?.[1], valid_at: at }, options);
  }

  reverse(lon, lat, z, options) { return this.#json("/reverse", { lon, lat, z }, options); }

  async suggest(q, { limit, near } = {}, options) {
    return (await this.#json("/suggest", { q, limit, lon: near?.[0], lat: near?.[1] }, options)).suggestions;
  }

  streams({ bbox, ...asked } = {}, options) { return this.#json("/streams", { ...asked, bbox: bbox?.join() }, options); }

  /** Events without end; a broken connection is opened again after the last event that came. */
  live({ bbox, subject, after, signal } = {}) {
    return this.#followed(`/live?${search({ bbox: bbox?.join(), subject })}`, after, signal, JSON.parse);
  }

  /** Server-sent events of a path; `read` makes what `data` is of its text. */
  async *#followed(path, after, signal, read) {
    let last = after, wait = 0, reached = false;
    while (!signal?.aborted) {
      const quiet = new AbortController();
      const stop = () => quiet.abort();
      signal?.addEventListener("abort", stop);
      let timer = setTimeout(stop, SILENCE_MS);
      try {
        const headers = { Accept: "text/event-stream", ...(last === undefined ? {} : { "Last-Event-ID": String(last) }) };
        const answer = await this.#send(path, { headers, signal: quiet.signal });
        reached = true;
        for await (const event of events(answer.body, last, read, () => { clearTimeout(timer); timer = setTimeout(stop, SILENCE_MS); })) {
          last = event.id ?? last;
          wait = 0;
          if (event.kind) yield event;
        }
      } catch (error) {
        if (signal?.aborted) return;
        const passing = error instanceof UnreachableError || error instanceof ServerError || error instanceof TooManyRequestsError
          || error instanceof TypeError || error.name === "AbortError" || error.name === "NetworkError";
        if (!reached || !passing) throw error;
        wait = Math.min(LONGEST_WAIT_MS, Math.max(500, 2 * wait));
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        quiet.abort();
      }
      if (!signal?.aborted) await pause(wait || 500, signal).catch(() => {});
    }
  }

  /** Addresses of tiles, whole, as CesiumJS and MapLibre GL JS take them. */
  async layers(options) {
    const about = await this.about(options);
    const whole = (path) => (path ? this.#url + path : null);
    return {
      bounds: about.bounds,
      home: about.home,
      tilesets: about.tilesets.map(({ id, title, url }) => ({ id, title, url: whole(url) })),
      terrain: about.terrain && whole(about.terrain.url),
      imagery: about.imagery && { ...about.imagery, url: whole(about.imagery.url) },
      vector: about.layers.filter((layer) => layer.mvt).map((layer) => ({ id: layer.id, title: layer.title, color: layer.color,
        dimension: layer.dimension, tiles: whole(layer.mvt), tilejson: whole(layer.tilejson) })),
    };
  }

  /**
   * How the features of a layer stand (`things`, `streams`, or a collection): whole, then after each change, without end.
   * One `SceneStates` is given again and again, changed in place; a broken connection is gone on with from where it was.
   */
  async *states(layer = "things", { bbox, frustum, signal, ...asked } = {}) {
    const states = new SceneStates(layer);
    const params = { ...asked, bbox: bbox?.join(), frustum: frustum?.join() };
    for await (const event of this.#followed(`/scene/${encodeURIComponent(layer)}/events?${search(params)}`, undefined, signal, (text) => text)) {
      if (event.kind === "lagging") continue;
      if (event.kind === "counts") { states.counted(JSON.parse(event.data)); yield states; continue; }
      if (await states.apply(bytes(event.data))) yield states;
    }
  }

  /** How they stood at `from`, then as it changed until `to`, `speed` times as fast. */
  async *replay(layer, { from, to, speed = 60, ...asked }) {
    const end = new Date(time(to)).getTime();
    for await (const states of this.states(layer, { ...asked, from: time(from), to: time(to), speed })) {
      yield states;
      if (states.time >= end) return;
    }
  }

  /** Address of a WebSocket for the same frames (docs/scene-stream.md); the browser sends its cookie along, no token. */
  socketUrl(layer, { bbox, frustum, ...asked } = {}) {
    return `${this.#url.replace(/^http/, "ws")}/scene/${encodeURIComponent(layer)}/socket?${search({ ...asked, bbox: bbox?.join(), frustum: frustum?.join() })}`;
  }

  /** A source of a MapLibre style for a collection's vector tiles; its layers have the collection's id as `source-layer`. */
  maplibreSource(collection) {
    return { type: "vector", url: `${this.#url}/mvt/${encodeURIComponent(collection)}/tilejson.json` };
  }

  /** MapLibre's `transformRequest`: the token goes with requests to this server, and with no others. */
  transformRequest = (url) => {
    const ours = url === this.#url || url.startsWith(`${this.#url}/`);
    return ours && this.#token ? { url, headers: this.headers } : { url };
  };

  /** What `new Cesium.Resource(…)` takes for a tileset or terrain of this server. */
  cesiumResource(url) {
    const ours = url.startsWith(`${this.#url}/`);
    return { url, headers: ours ? this.headers : {} };
  }

  async #json(path, params, options) {
    const query = search(params);
    return (await this.#send(query ? `${path}?${query}` : path, options)).json();
  }

  async #send(path, { headers = {}, signal } = {}) {
    const sent = { Accept: "application/geo+json, application/json;q=0.9", "Accept-Language": this.#language, ...this.headers, ...headers };
    for (let attempt = 0; ; attempt += 1) {
      let answer;
      try {
        answer = await fetch(this.#url + path, { headers: sent, signal, redirect: "error" });
      } catch (error) {
        if (signal?.aborted) throw error;
        if (attempt === RETRIES) throw new UnreachableError(`GET ${this.#url + path}: ${error.message}`);
        await pause(FIRST_WAIT_MS * 2 ** attempt, signal);
        continue;
      }
      if (answer.ok) return answer;
      const asked = Number(answer.headers.get("Retry-After"));
      const again = [429, 502, 503, 504].includes(answer.status) && attempt < RETRIES;
      if (!again) throw await refusal(answer);
      await answer.body?.cancel();
      await pause(Math.min(LONGEST_WAIT_MS, asked > 0 ? asked * 1000 : FIRST_WAIT_MS * 2 ** attempt), signal);
    }
  }
}

async function refusal(answer) {
  const text = await answer.text();
  let problem;
  try { problem = JSON.parse(text); } catch { problem = { title: answer.statusText, detail: text.slice(0, 500) }; }
  const Kind = KINDS[answer.status] ?? (answer.status >= 500 ? ServerError : InvalidRequestError);
  return new Kind(`${answer.status} ${problem.title ?? ""}: ${problem.detail ?? ""}`, answer.status, problem);
}

function parameters({ bbox, where, at, knownAt, properties, sort, crs }) {
  const filter = where === undefined ? {} : typeof where === "string"
    ? { filter: where, "filter-lang": "cql2-text" } : { filter: JSON.stringify(where), "filter-lang": "cql2-json" };
  const list = (given) => (Array.isArray(given) ? given.join() : given);
  return { bbox: bbox?.join(), ...filter, valid_at: time(at), known_at: time(knownAt), properties: list(properties), sortby: list(sort), crs };
}

const time = (given) => (given instanceof Date ? given.toISOString() : given);

function search(params) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

function pause(ms, signal) {
  return new Promise((done, failed) => {
    const stop = () => { clearTimeout(timer); failed(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); done(); }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Server-sent events of a body (HTML Standard, 9.2.6); one that has only a number comes without kind. */
async function* events(body, last, read, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", id = last, kind = "", data = [], numbered = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "") {
          if (data.length) yield { id, kind: kind || "message", data: read(data.join("\n")) };
          else if (numbered) yield { id };
          kind = ""; data = []; numbered = false;
          continue;
        }
        const colon = line.indexOf(":");
        const name = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "data") data.push(text);
        else if (name === "event") kind = text;
        else if (name === "id") { id = text; numbered = true; }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const STATE_WORDS = ["nothing", "normal", "stale", "warning", "alarm"];
const [INDEX, , DELTA] = [1, 2, 3];
const [DEFLATED, VALUES, LAGGING] = [1, 2, 4];
const HEAD = 48;

/** The states of a layer, kept current by frames of the scene stream (docs/scene-stream.md). */
export class SceneStates {
  constructor(layer) {
    this.layer = layer;
    this.ids = [];                    // of the features, in the order of the index: numbers of streams, eids of things
    this.state = new Uint8Array(0);   // low three bits: STATE_WORDS; then 8 a case is open, 16 unanswered, 32 silenced
    this.value = null;                // Float32Array where values were asked for
    this.changed = [];                // positions the last frame changed
    this.counts = null;               // of each grid, where counts are told in place of features
    this.seq = 0;
    this.index = 0;                   // CRC-32 of the ids: with seq, what to come back with
    this.begun = 0;                   // how often the index began anew; else it only grows
    this.time = 0;                    // milliseconds since 1970
    this.lagging = false;
  }

  word(position) { return STATE_WORDS[this.state[position] & 7]; }

  counted({ seq, time, cells }) { Object.assign(this, { seq, time: Date.parse(time), counts: cells }); }

  /** Apply a frame (ArrayBuffer or Uint8Array); whether the states are whole with it: an index is followed by states. */
  async apply(frame) {
    const raw = frame instanceof Uint8Array ? frame : new Uint8Array(frame);
    const head = new DataView(raw.buffer, raw.byteOffset, HEAD);
    if (head.getUint32(0) !== 0x43545331) throw new CityError("no frame of the scene stream");
    const [kind, flags, n, k, size] = [head.getUint8(4), head.getUint8(5), head.getUint32(36, true), head.getUint32(40, true), head.getUint32(44, true)];
    let body = raw.subarray(HEAD, HEAD + size);
    if (flags & DEFLATED) body = new Uint8Array(await new Response(new Blob([body]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
    if (kind === INDEX) { this.#index(body, n, k); this.index = head.getUint32(32, true); return false; }
    let at = 0, position = -1;
    const changed = new Uint32Array(k);
    for (let i = 0; i < k; i += 1) {
      let gap = 0;
      if (kind === DELTA) for (let factor = 1, byte = 128; byte & 128; factor *= 128) { byte = body[at]; at += 1; gap += (byte & 127) * factor; }
      position += gap + 1;
      changed[i] = position;
    }
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    if (flags & VALUES && this.value?.length !== n) this.value = new Float32Array(n).fill(NaN);
    for (let i = 0; i < k; i += 1) {
      this.state[changed[i]] = body[at + i];
      if (flags & VALUES) this.value[changed[i]] = view.getFloat32(at + k + 4 * i, true);
    }
    Object.assign(this, { changed, seq: Number(head.getBigUint64(8, true)), time: Number(head.getBigInt64(24, true)) / 1000, lagging: Boolean(flags & LAGGING) });
    return true;
  }

  #index(body, n, k) {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.ids.length = n - k;
    if (k === n) this.begun += 1;
    for (let i = 0; i < k; i += 1) this.ids.push(this.layer === "streams" ? Number(view.getBigInt64(8 * i, true)) : uuid(body.subarray(16 * i, 16 * i + 16)));
    const [state, value] = [this.state, this.value];
    this.state = new Uint8Array(n);
    this.state.set(state.subarray(0, n - k));
    if (value) { this.value = new Float32Array(n).fill(NaN); this.value.set(value.subarray(0, n - k)); }
  }
}

function uuid(raw) {
  const text = Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
