// Open cases as pins in the colour of their stage.
/* global Cesium */
import { get } from "/page/js/api.js";
import { pin } from "/page/js/icons.js";

const CLOSED = new Set(["结案", "作废"]);
const STAGES = "上报,受理,立案,派遣,处置,反馈,核查,挂账";

export class Cases {
  constructor(viewer, live) {
    this.viewer = viewer;
    this.records = new Map();
    this.collection = viewer.scene.primitives.add(new Cesium.BillboardCollection({ scene: viewer.scene }));
    live.on("case", (record) => { this.put(record); this.draw(); });
  }

  set show(on) {
    this.collection.show = on;
    this.viewer.scene.requestRender();
  }

  get show() { return this.collection.show; }

  async load() {
    const found = await get("/cases", { stage: STAGES, limit: 1000 });
    for (const { properties } of found.features) this.put(properties);
    this.draw();
  }

  put(record) {
    if (CLOSED.has(record.stage)) this.records.delete(record.id);
    else this.records.set(record.id, record);
  }

  draw() {
    this.collection.removeAll();
    for (const record of this.records.values()) {
      if (record.lon == null) continue;
      this.collection.add({
        id: { case: record.id }, image: pin(record.stage), scale: 0.5,
        position: Cesium.Cartesian3.fromDegrees(record.lon, record.lat, (record.z ?? 12) + 2),
        verticalOrigin: Cesium.VerticalOrigin.BOTTOM, disableDepthTestDistance: Infinity,
        scaleByDistance: new Cesium.NearFarScalar(500, 1, 6000, 0.6),
      });
    }
    this.viewer.scene.requestRender();
  }
}
