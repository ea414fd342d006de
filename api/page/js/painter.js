// Colours of things in the 3D tiles, by id: their states from the frames, what is chosen, what is within reach of an alarm.
// No tile is made or fetched anew. A tile looks up the ids of its features once; after that a change costs one byte compared
// for each of its features that has a state, and one colour set for each that changed. Tiles out of view wait until they are seen.
const Cesium = window.Cesium;

const PAINTED = ["buildings", "models", "pipes", "furniture"];
const PLAIN = { buildings: "#fbf8f1", models: "#ffffff", pipes: "#ffffff", furniture: "#ffffff" };
const CLAY = "#d5dee8";   // the neighbourhood of a room: there, but not what is looked at
const GHOST = ["#dfeeff", 0.11];
export const MARKS = ["", "warning", "alarm", "case", "chosen", "near", "upstream", "downstream", "connected"];
const COLORS = { warning: "#ffb627", alarm: "#ff4d5e", case: "#c39bff", chosen: "#35c8ff", near: "#ffe08a", upstream: "#4f8dff", downstream: "#ff8a3d", connected: "#ff8a3d" };
const EXTRA = 0x80000000;   // slots from here on are of things that have no state and are marked otherwise

/** The mark of each state byte: what its sensors say before what people do about it. */
const OF_STATE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const worst = byte & 7;
  return MARKS.indexOf(worst === 4 ? "alarm" : worst === 3 ? "warning" : byte & 8 ? "case" : "");
});

export class Painter {
  constructor(viewer, tilesets) {
    Object.assign(this, { viewer, tilesets, records: new WeakMap(), slots: new Map(), lit: new Map(), states: null });
    this.look = { underground: false, room: null, storey: null };
    this.version = this.turn = this.revision = 0;
    this.palette = MARKS.map((mark) => (mark ? Cesium.Color.fromCssColorString(COLORS[mark]) : null));
    for (const name of PAINTED) tilesets[name]?.tileVisible.addEventListener((tile) => this.#visit(name, tile.content));
    this.#bases();
  }

  /** States of `things` have changed. */
  follow(states) {
    if (states !== this.states || states.begun !== this.begun) this.#index(states);
    else if (states.ids.length > this.known) this.#grow(states.ids.length);
    this.#changed();
  }

  #index(states) {
    this.states = states;
    this.begun = states.begun;
    this.known = 0;
    this.slots.clear();
    let extra = EXTRA;
    for (const eid of this.lit.keys()) this.slots.set(eid, extra++);
    this.#grow(states.ids.length);
  }

  #grow(length) {
    for (let slot = this.known; slot < length; slot += 1) this.slots.set(this.states.ids[slot], slot);
    this.known = length;
    this.#mark(this.lit);
    this.revision += 1;
  }

  /** Mark things over their states: eid → one of `MARKS`. */
  mark(lit) {
    if (lit.size === this.lit.size && [...lit].every(([eid, mark]) => this.lit.get(eid) === mark)) return;
    this.lit = lit;
    let extra = EXTRA + this.slots.size, isNew = false;
    for (const eid of lit.keys()) if (!this.slots.has(eid)) { this.slots.set(eid, extra); extra += 1; isNew = true; }
    if (isNew) this.revision += 1;
    this.#mark(lit);
    this.#changed();
  }

  #mark(lit) { this.marked = new Map([...lit].map(([eid, mark]) => [this.slots.get(eid), MARKS.indexOf(mark)])); }

  /** Look at the city from above or below the ground, or into a storey: what is behind the marks. */
  set(look) {
    if (JSON.stringify(look) === JSON.stringify(this.look)) return;
    this.look = look;
    this.turn += 1;
    this.#bases();
    this.#rooms();
    this.#changed();
  }

  #bases() {
    const { underground, room } = this.look;
    const css = (text, alpha = 1) => Cesium.Color.fromCssColorString(text).withAlpha(alpha);
    this.base = {};
    for (const name of PAINTED) {
      const clay = room !== null && name === "buildings" && !underground;
      this.base[name] = underground && name !== "pipes" ? css(...GHOST) : css(clay ? CLAY : PLAIN[name]);
      if (this.tilesets[name]) this.tilesets[name].colorBlendMode = clay ? Cesium.Cesium3DTileColorBlendMode.REPLACE : Cesium.Cesium3DTileColorBlendMode.HIGHLIGHT;
    }
  }

  #rooms() {
    const { rooms } = this.tilesets, { room } = this.look;
    if (!rooms) return;
    rooms.show = room !== null;
    rooms.style = new Cesium.Cesium3DTileStyle({ show: room ? `\${eid} === '${room}'` : "false", color: "color('#ff8a00', 0.92)" });
  }

  #changed() {
    this.version += 1;
    this.viewer.scene.requestRender();
  }

  /** The mark a thing has now. */
  markOf(eid) {
    const slot = this.slots.get(eid);
    return slot === undefined ? "" : MARKS[this.#code(slot)];
  }

  #code(slot) { return this.marked?.get(slot) ?? (slot < this.known ? OF_STATE[this.states.state[slot]] : 0); }

  #visit(name, content) {
    if (content.innerContents) { for (const inner of content.innerContents) this.#visit(name, inner); return; }
    let record = this.records.get(content);
    if (record?.version === this.version || !content.featuresLength) return;
    if (record?.revision !== this.revision) {
      record = this.#read(content);
      this.records.set(content, record);
    }
    if (record.turn !== this.turn) this.#plain(name, content, record);
    const { at, slots, codes } = record, base = this.base[name];
    for (let k = 0; k < at.length; k += 1) {
      const code = this.#code(slots[k]);
      if (code === codes[k]) continue;
      content.getFeature(at[k]).color = code ? this.palette[code] : base;
      codes[k] = code;
    }
    record.version = this.version;
  }

  /** Which features of a content have a state or a mark. */
  #read(content) {
    const at = [], slots = [];
    for (let index = 0; index < content.featuresLength; index += 1) {
      const slot = this.slots.get(content.getFeature(index).getProperty("eid"));
      if (slot === undefined) continue;
      at.push(index);
      slots.push(slot);
    }
    return { revision: this.revision, turn: -1, version: -1, at: Uint32Array.from(at), slots: Uint32Array.from(slots), codes: new Uint8Array(at.length) };
  }

  #plain(name, content, record) {
    const base = this.base[name];
    const storey = name === "models" && this.look.room !== null ? this.look.storey : null;
    for (let index = 0; index < content.featuresLength; index += 1) {
      const feature = content.getFeature(index);
      feature.color = base;
      feature.show = storey === null || feature.getProperty("storey") === storey;
    }
    record.codes.fill(0);
    record.turn = this.turn;
  }
}
