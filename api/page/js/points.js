// Point features too many for one picture (50,000 管理部件): those in view are asked of the server when the camera
// rests near the ground, at most MOST, and the page says when there are more.
import { get, query } from "./api.js";
import { figure, t } from "./i18n.js";

const Cesium = window.Cesium;
const MOST = 1500;
const NEAR = 1500;   // metres above the ground
const REACH = 700;   // metres around the point looked at
// The first two digits of a 管理部件 code are its major class: 公用设施, 交通设施, 市容环境, 园林绿化, 其他.
const MAJOR = { "01": "#39c0ff", "02": "#ffb627", "03": "#c58cff", "04": "#54d66b", "05": "#ff8f6b" };

export class Points {
  constructor(app, layer) {
    this.app = app;
    this.layer = layer;
    this.on = false;
    this.note = "";
    this.points = app.viewer.scene.primitives.add(new Cesium.PointPrimitiveCollection());
    app.viewer.camera.moveEnd.addEventListener(() => { clearTimeout(this.timer); this.timer = setTimeout(() => this.#follow(), 250); });
    app.viewer.scene.globe.tileLoadProgressEvent.addEventListener((left) => { if (left === 0 && this.on) this.#settle(); });
  }

  async set(on) {
    this.on = on;
    this.points.show = on;
    this.asked?.abort();
    if (on) { this.box = null; await this.#refresh(); } else { this.points.removeAll(); this.say(""); }
  }

  #follow() {
    if (this.on) this.#refresh().catch((error) => { if (error.name !== "AbortError") this.app.toast(error.message, "warning"); });
  }

  async #refresh() {
    const box = this.#view();
    if (!box) { this.points.removeAll(); this.box = null; this.say(t("comeNearer")); return; }
    const text = box.map((each) => each.toFixed(5)).join(",");
    if (text === this.box) return;
    this.asked?.abort();
    this.asked = new AbortController();
    const found = await get(query(this.layer.items, { bbox: text, limit: MOST }), this.asked.signal);
    if (!this.on) return;
    this.box = text;
    this.#draw(found.features);
    this.say(found.numberReturned < found.numberMatched ? t("someOf", { n: figure(found.numberReturned), all: figure(found.numberMatched) }) : t("allInView", { n: figure(found.numberMatched) }));
  }

  /** What the layer's row says below its name. */
  say(note) { this.note = note; this.onnote?.(note); }

  /** The square looked at, degrees; null from too high. */
  #view() {
    const { viewer } = this.app;
    const eye = viewer.camera.positionCartographic;
    if (eye.height - (viewer.scene.globe.getHeight(eye) ?? 0) > NEAR) return null;
    const middle = new Cesium.Cartesian2(viewer.canvas.clientWidth / 2, viewer.canvas.clientHeight * 0.6);
    const hit = viewer.scene.globe.pick(viewer.camera.getPickRay(middle), viewer.scene);
    const centre = hit ? Cesium.Cartographic.fromCartesian(hit) : eye;
    const far = hit ? Cesium.Cartesian3.distance(hit, viewer.camera.positionWC) : 0;
    const reach = far > 2 * NEAR ? 0 : Math.min(REACH, Math.max(150, far));
    if (!reach) return null;
    const lat = Cesium.Math.toDegrees(centre.latitude), lon = Cesium.Math.toDegrees(centre.longitude);
    const dy = reach / 111320, dx = dy / Math.cos(centre.latitude);
    return [lon - dx, lat - dy, lon + dx, lat + dy];
  }

  #draw(features) {
    this.points.removeAll();
    for (const { id, geometry, properties } of features) {
      if (geometry?.type !== "Point") continue;
      const [lon, lat, z] = geometry.coordinates;
      const point = this.points.add({
        id: { eid: id }, position: Cesium.Cartesian3.fromDegrees(lon, lat, z ?? this.#height(lon, lat)), pixelSize: 7,
        color: Cesium.Color.fromCssColorString(MAJOR[String(properties.class_code).slice(0, 2)] ?? this.layer.color), outlineWidth: 1.5, outlineColor: Cesium.Color.WHITE.withAlpha(0.85),
        scaleByDistance: new Cesium.NearFarScalar(120, 1.25, 1400, 0.55),
      });
      point.place = z === undefined ? [lon, lat] : null;
    }
    this.app.viewer.scene.requestRender();
  }

  #height(lon, lat) { return (this.app.viewer.scene.globe.getHeight(Cesium.Cartographic.fromDegrees(lon, lat)) ?? 0) + 1; }

  /** Finer terrain has come: points without a height of their own stand on it. */
  #settle() {
    for (let index = 0; index < this.points.length; index += 1) {
      const point = this.points.get(index);
      if (point.place) point.position = Cesium.Cartesian3.fromDegrees(...point.place, this.#height(...point.place));
    }
  }
}
