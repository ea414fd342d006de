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
  async *live({ bbox, subject, after, signal } = {}) {
    let last = after, wait = 0, reached = false;
    while (!signal?.aborted) {
      const quiet = new AbortController();
      const stop = () => quiet.abort();
      signal?.addEventListener("abort", stop);
      let timer = setTimeout(stop, SILENCE_MS);
      try {
        const headers = { Accept: "text/event-stream", ...(last === undefined ? {} : { "Last-Event-ID": String(last) }) };
        const answer = await this.#send(`/live?${search({ bbox: bbox?.join(), subject })}`, { headers, signal: quiet.signal });
        reached = true;
        for await (const event of events(answer.body, last, () => { clearTimeout(timer); timer = setTimeout(stop, SILENCE_MS); })) {
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
async function* events(body, last, alive) {
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
          if (data.length) yield { id, kind: kind || "message", data: JSON.parse(data.join("\n")) };
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
