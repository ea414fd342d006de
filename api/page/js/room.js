// A room: seen from outside its facade, its edges drawn through the walls.
/* global Cesium */
import { entity } from "/page/js/api.js";
import { around } from "/page/js/scene.js";

const RANGE = 24;

export class RoomView {
  constructor(viewer) {
    this.viewer = viewer;
    this.edges = null;
  }

  clear() {
    if (this.edges) this.viewer.scene.primitives.remove(this.edges);
    this.edges = null;
    this.viewer.scene.requestRender();
  }

  /** Outline the room and fly to it; the camera ends within 30 m of its middle. */
  async show(room, seconds) {
    this.clear();
    const [west, south, low, east, north, high] = room.bbox;
    const ring = room.geometry?.type === "Polygon" ? room.geometry.coordinates[0]
      : [[west, south], [east, south], [east, north], [west, north], [west, south]];
    const at = (height) => ring.map(([lon, lat]) => Cesium.Cartesian3.fromDegrees(lon, lat, height));
    const [floor, ceiling] = [at(low + 0.05), at(high - 0.05)];
    const lines = [floor, ceiling, ...floor.slice(1).map((point, i) => [point, ceiling[i + 1]])];
    this.edges = this.viewer.scene.primitives.add(new Cesium.PolylineCollection());
    const material = () => Cesium.Material.fromType("PolylineGlow", { color: Cesium.Color.fromCssColorString("#ffd27a"), glowPower: 0.3 });
    for (const positions of lines) this.edges.add({ positions, width: 7, material: material() });
    const middle = [(west + east) / 2, (south + north) / 2, (low + high) / 2];
    const heading = await this.facing(room, middle);
    await around(this.viewer, Cesium.Cartesian3.fromDegrees(...middle), heading, -14, RANGE, seconds);
  }

  /** Heading in degrees to look from outside the building: against the way from its middle to the room. */
  async facing(room, [lon, lat]) {
    let parent = room.parent;
    for (let step = 0; parent && step < 4; step += 1) {
      const above = await entity(parent.eid);
      if (above.collection === "buildings" && above.bbox) {
        const half = above.bbox.length / 2;
        const east = (lon - (above.bbox[0] + above.bbox[half]) / 2) * Math.cos(lat * Math.PI / 180);
        const north = lat - (above.bbox[1] + above.bbox[half + 1]) / 2;
        return Cesium.Math.toDegrees(Math.atan2(-east, -north));
      }
      parent = above.parent;
    }
    return Cesium.Math.toDegrees(this.viewer.camera.heading);
  }
}
