// Many points (components, places): shown around the middle of the view once the camera is low.
/* global Cesium */
import { items } from "/page/js/api.js";

const HIGHEST = 1200;
const LIMIT = 2000;

export class NearPoints {
  constructor(viewer, layer, onNote) {
    Object.assign(this, { viewer, layer, onNote, on: false, controller: null });
    this.points = viewer.scene.primitives.add(new Cesium.PointPrimitiveCollection());
    viewer.camera.moveEnd.addEventListener(() => this.refresh());
  }

  set show(on) {
    this.on = on;
    this.points.show = on;
    this.refresh();
    this.viewer.scene.requestRender();
  }

  get show() { return this.on; }

  async refresh() {
    if (!this.on) return this.onNote(null);
    const { camera } = this.viewer;
    if (camera.positionCartographic.height > HIGHEST) {
      this.points.removeAll();
      return this.onNote("near");
    }
    this.controller?.abort();
    this.controller = new AbortController();
    try {
      const found = await items(this.layer.id, { bbox: this.box(), limit: LIMIT }, this.controller.signal);
      this.draw(found.features);
      return this.onNote(found.numberMatched > LIMIT ? "first" : null, { n: LIMIT });
    } catch (error) {
      return error.name === "AbortError" || error.cause?.name === "AbortError" ? undefined : this.onNote("failed", { why: error.message });
    }
  }

  box() {
    const { camera, scene } = this.viewer;
    const ray = camera.getPickRay(new Cesium.Cartesian2(scene.canvas.clientWidth / 2, scene.canvas.clientHeight / 2));
    const middle = Cesium.Cartographic.fromCartesian(scene.globe.pick(ray, scene) ?? camera.positionWC);
    const [lon, lat] = [Cesium.Math.toDegrees(middle.longitude), Cesium.Math.toDegrees(middle.latitude)];
    return [lon - 0.006, lat - 0.005, lon + 0.006, lat + 0.005].map((value) => value.toFixed(6)).join();
  }

  draw(features) {
    this.points.removeAll();
    for (const { id, geometry, properties } of features) {
      if (geometry?.type !== "Point") continue;
      const [lon, lat, z] = geometry.coordinates;
      const ground = z ?? properties.z ?? this.viewer.scene.globe.getHeight(Cesium.Cartographic.fromDegrees(lon, lat)) ?? 12;
      this.points.add({
        id: { eid: id }, position: Cesium.Cartesian3.fromDegrees(lon, lat, ground + 0.8), pixelSize: 7,
        color: Cesium.Color.fromCssColorString(this.layer.color), outlineColor: Cesium.Color.WHITE, outlineWidth: 1.5, disableDepthTestDistance: 60,
      });
    }
    this.viewer.scene.requestRender();
  }
}
