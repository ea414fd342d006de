// Buildings, models, pipes and rooms as 3D Tiles; how the chosen one is told from the rest.
/* global Cesium */
const CHOSEN = "color('#ffb53d')";
const OPTIONS = {
  buildings: { maximumScreenSpaceError: 12 },
  models: { maximumScreenSpaceError: 10 },
  pipes: { maximumScreenSpaceError: 16 },
  rooms: { maximumScreenSpaceError: 4 },
};

export class Tilesets {
  constructor(viewer) {
    this.viewer = viewer;
    this.byId = new Map();
    this.chosen = null;
    this.room = null;
    this.underground = false;
  }

  async load(city, onError) {
    const known = city.tilesets.filter(({ id }) => id in OPTIONS).map(({ id, url }) => [id, url]);
    if (city.layers.some(({ id }) => id === "rooms") && !known.some(([id]) => id === "rooms")) {
      known.push(["rooms", "/tiles/rooms/tileset.json"]);
    }
    await Promise.all(known.map(async ([id, url]) => {
      try {
        const tileset = await Cesium.Cesium3DTileset.fromUrl(url, { ...OPTIONS[id], cacheBytes: 256 << 20 });
        tileset.show = id === "buildings" || id === "models";
        this.byId.set(id, this.viewer.scene.primitives.add(tileset));
        if (id === "rooms") tileset.customShader = new Cesium.CustomShader({ lightingModel: Cesium.LightingModel.UNLIT });
      } catch (error) {
        onError(id, error);
      }
    }));
    this.style();
  }

  show(id, on) {
    const tileset = this.byId.get(id);
    if (tileset) tileset.show = on;
    this.viewer.scene.requestRender();
  }

  shown(id) { return this.byId.get(id)?.show ?? false; }

  choose(eid, { room = false } = {}) {
    this.chosen = eid;
    this.room = room ? eid : null;
    this.style();
  }

  setUnderground(on) {
    this.underground = on;
    this.style();
  }

  style() {
    const own = (other) => ({ conditions: [[`\${eid} === '${this.chosen ?? ""}'`, CHOSEN], ["true", other]] });
    const set = (id, style) => { const tileset = this.byId.get(id); if (tileset) tileset.style = new Cesium.Cesium3DTileStyle(style); };
    const faint = this.underground ? 0.28 : 1;
    set("buildings", { color: own(`color('#ffffff', ${faint})`) });
    set("models", { color: own(`color('#ffffff', ${this.room ? 0.22 : faint})`) });
    set("pipes", { color: own("color('#ffffff')") });
    set("rooms", { show: `\${eid} === '${this.room ?? ""}'`, color: "color('#ffb53d', 0.9)" });
    const rooms = this.byId.get("rooms");
    if (rooms) rooms.show = this.room !== null;
    this.viewer.scene.requestRender();
  }

  get settled() { return [...this.byId.values()].every((tileset) => !tileset.show || tileset.tilesLoaded); }
}
