// Live streams on the map: dots by state, near ones gathered into rings.
/* global Cesium */
import { dot, group } from "/page/js/icons.js";
import { throttled } from "/page/js/dom.js";

const CELL = 58;
const ALONE_BELOW = 420; // metres of camera height at which nothing is gathered
const OVER_GROUND = 3;

export class Sensors {
  constructor(viewer, live) {
    this.viewer = viewer;
    this.live = live;
    this.points = new Map();
    this.collection = viewer.scene.primitives.add(new Cesium.BillboardCollection({ scene: viewer.scene }));
    this.arrange = throttled(() => this.gather(), 250);
    live.on("streams", (ids) => this.take(ids));
    viewer.camera.moveEnd.addEventListener(() => this.arrange());
    viewer.camera.percentageChanged = 0.15;
    viewer.camera.changed.addEventListener(() => this.arrange());
  }

  set show(on) {
    this.collection.show = on;
    this.viewer.scene.requestRender();
  }

  get show() { return this.collection.show; }

  take(ids) {
    let recolour = this.points.size === 0;
    for (const id of ids) {
      const stream = this.live.streams.get(id);
      if (stream.lon == null) continue;
      const point = this.points.get(id);
      if (point) {
        recolour ||= point.state !== stream.state;
        point.state = stream.state;
      } else {
        this.points.set(id, { id, state: stream.state, at: Cesium.Cartesian3.fromDegrees(stream.lon, stream.lat, (stream.z ?? 12) + OVER_GROUND) });
        recolour = true;
      }
    }
    if (recolour) this.arrange();
  }

  gather() {
    const { scene, camera } = this.viewer;
    const alone = camera.positionCartographic.height < ALONE_BELOW;
    const occluder = new Cesium.Cartesian2();
    const cells = new Map();
    for (const point of this.points.values()) {
      const spot = Cesium.SceneTransforms.worldToWindowCoordinates(scene, point.at, occluder);
      if (!spot || spot.x < -60 || spot.y < -60 || spot.x > scene.canvas.clientWidth + 60 || spot.y > scene.canvas.clientHeight + 60) continue;
      const key = alone ? point.id : `${Math.floor(spot.x / CELL)},${Math.floor(spot.y / CELL)}`;
      cells.get(key)?.push(point) ?? cells.set(key, [point]);
    }
    this.collection.removeAll();
    for (const members of cells.values()) this.collection.add(members.length === 1 ? this.single(members[0]) : this.ring(members));
    scene.requestRender();
  }

  single({ id, state, at }) {
    return { id: { stream: id }, position: at, image: dot(state), scale: 0.5, disableDepthTestDistance: Infinity };
  }

  ring(members) {
    const counts = {};
    for (const { state } of members) counts[state] = (counts[state] ?? 0) + 1;
    const middle = members.reduce((sum, { at }) => Cesium.Cartesian3.add(sum, at, sum), new Cesium.Cartesian3());
    const position = Cesium.Cartesian3.divideByScalar(middle, members.length, middle);
    return { id: { streams: members.map(({ id }) => id), position }, position, image: group(counts), scale: 0.5, disableDepthTestDistance: Infinity };
  }
}
