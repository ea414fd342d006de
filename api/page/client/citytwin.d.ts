/** A city server, from a browser. Degrees (longitude, latitude), metres above the ellipsoid. */
export interface Problem { type?: string; title?: string; status?: number; detail?: string; instance?: string; parameter?: string; [member: string]: unknown }
export class CityError extends Error {
  constructor(message: string, status?: number, problem?: Problem);
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly problem: Problem;
}
export class UnreachableError extends CityError {}
export class InvalidRequestError extends CityError {}
export class UnauthenticatedError extends CityError {}
export class ForbiddenError extends CityError {}
export class NotFoundError extends CityError {}
export class ConflictError extends CityError {}
export class LockNeededError extends CityError {}
export class TooManyRequestsError extends CityError {}
export class ServerError extends CityError {}

export type Bbox = [number, number, number, number] | [number, number, number, number, number, number];
export type Lonlat = [number, number];
export interface Title { zh: string; en: string }
export interface Geometry { type: string; coordinates?: unknown; geometries?: Geometry[] }
export interface Feature { type: "Feature"; id: string | number; geometry: Geometry | null; properties: Record<string, unknown>; bbox?: number[] }
export interface Link { href: string; rel: string; type?: string; title?: string }
export interface Page { type: "FeatureCollection"; features: Feature[]; links: Link[]; numberMatched: number; numberReturned: number; timeStamp: string }
export interface Collection { id: string; title?: string; description?: string; links: Link[]; crs?: string[]; [member: string]: unknown }
export interface Asked {
  bbox?: Bbox;
  /** CQL2 text, or CQL2 JSON. */
  where?: string | object;
  at?: string | Date;
  knownAt?: string | Date;
  properties?: string[];
  /** `-height_m` is descending. */
  sort?: string | string[];
  crs?: string;
}
export interface Options { signal?: AbortSignal; headers?: Record<string, string> }
export interface StateChange { id: number; value: number | null; state: "normal" | "warning" | "alarm" | "stale"; time: string }
export type LiveEvent =
  | { id: string; kind: "state"; data: { changes: StateChange[] } }
  | { id: string; kind: "alarm" | "case" | "indicators" | "resync" | "message"; data: Record<string, unknown> };
export interface SceneAsked {
  bbox?: Bbox;
  /** Six planes a, b, c, d in EPSG:4978: inside where ax + by + cz + d ≥ 0. */
  frustum?: number[];
  subject?: string;
  class?: string;
  grid?: string;
  level?: "normal" | "stale" | "warning" | "alarm";
  values?: boolean;
  detail?: "features" | "grid" | "auto";
  rate?: number;
}
export interface GridCount { grid: string | null; lon: number; lat: number; features: number; [state: string]: number | string | null }
export class SceneStates {
  constructor(layer: string);
  readonly layer: string;
  ids: (string | number)[];
  state: Uint8Array;
  value: Float32Array | null;
  changed: Uint32Array | number[];
  counts: GridCount[] | null;
  seq: number;
  index: number;
  begun: number;
  time: number;
  lagging: boolean;
  word(position: number): "nothing" | "normal" | "stale" | "warning" | "alarm";
  apply(frame: ArrayBuffer | Uint8Array): Promise<boolean>;
}
export interface VectorLayer { id: string; title: Title; color: string; dimension: number; tiles: string; tilejson: string }
export interface Layers {
  bounds: [number, number, number, number] | null;
  home: { lon: number; lat: number; range: number; heading: number; pitch: number } | null;
  tilesets: { id: string; title: Title; url: string }[];
  terrain: string | null;
  imagery: { url: string; minzoom?: number; maxzoom?: number; bounds?: number[] } | null;
  vector: VectorLayer[];
}

export class City {
  constructor(url: string | URL, options?: { token?: string; language?: "zh" | "en" });
  readonly url: string;
  readonly headers: Record<string, string>;
  about(options?: Options): Promise<Record<string, unknown>>;
  collections(options?: Options): Promise<Collection[]>;
  query(collection: string, asked?: Asked & { limit?: number }, options?: Options): Promise<Page>;
  pages(collection: string, asked?: Asked & { limit?: number; pageSize?: number }, options?: Options): AsyncGenerator<Page, void, void>;
  items(collection: string, asked?: Asked & { limit?: number; pageSize?: number }, options?: Options): AsyncGenerator<Feature, void, void>;
  item(collection: string, id: string, asked?: Pick<Asked, "at" | "knownAt" | "properties" | "crs">, options?: Options): Promise<Feature & { links: Link[] }>;
  entity(id: string, asked?: { at?: string }, options?: Options): Promise<Record<string, unknown>>;
  resolve(text: string, asked?: { limit?: number }, options?: Options): Promise<Record<string, unknown>[]>;
  geocode(text: string, asked?: { near?: Lonlat; at?: string }, options?: Options): Promise<Record<string, unknown>>;
  reverse(lon: number, lat: number, z?: number, options?: Options): Promise<Record<string, unknown>>;
  suggest(text: string, asked?: { limit?: number; near?: Lonlat }, options?: Options): Promise<unknown[]>;
  streams(asked?: { bbox?: Bbox; subject?: string; state?: string; limit?: number }, options?: Options): Promise<{ features: Feature[]; asOf: number }>;
  live(asked?: { bbox?: Bbox; subject?: string; after?: string | number; signal?: AbortSignal }): AsyncGenerator<LiveEvent, void, void>;
  states(layer?: string, asked?: SceneAsked & { signal?: AbortSignal }): AsyncGenerator<SceneStates, void, void>;
  replay(layer: string, asked: SceneAsked & { from: string | Date; to: string | Date; speed?: number; signal?: AbortSignal }): AsyncGenerator<SceneStates, void, void>;
  socketUrl(layer: string, asked?: SceneAsked & { since?: number; index?: number; from?: string; to?: string; speed?: number }): string;
  layers(options?: Options): Promise<Layers>;
  maplibreSource(collection: string): { type: "vector"; url: string };
  transformRequest: (url: string) => { url: string; headers?: Record<string, string> };
  cesiumResource(url: string): { url: string; headers: Record<string, string> };
}
