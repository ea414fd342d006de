// A room inside its building: the model is cut open at the room's ceiling, so the storey lies there like a plan,
// the room stands out with a crisp outline and its address above it.
import { make } from "./api.js";

const Cesium = window.Cesium;
const EDGE = Cesium?.Color.fromCssColorString("#ffd28a");

export class RoomView {
  constructor(viewer, tilesets) {
    this.viewer = viewer;
    this.tilesets = tilesets;
    this.parts = [];
  }

  /** Open the building around a room of /entities/{eid}; a room without a shape is left closed. */
  show(room) {
    this.clear();
    const box = room.bbox;
    if (box?.length !== 6) return;
    const [west, south, floor, east, north, ceiling] = box;
    const centre = { lon: (west + east) / 2, lat: (south + north) / 2 };
    this.#cut(centre, ceiling - 0.35);
    this.#outline(room.geometry, floor, Math.max(ceiling - 0.3, floor + 0.5));
    this.#label(room, centre, ceiling);
  }

  #cut(centre, height) {
    const { models } = this.tilesets;
    if (!models) return;
    const frame = Cesium.Transforms.eastNorthUpToFixedFrame(Cesium.Cartesian3.fromDegrees(centre.lon, centre.lat, height));
    const inverse = Cesium.Matrix4.inverse(models.clippingPlanesOriginMatrix, new Cesium.Matrix4());
    // One collection for good, switched on and off: taken away, it would leave tiles drawing with a texture that is gone.
    models.clippingPlanes ??= new Cesium.ClippingPlaneCollection({
      planes: [new Cesium.ClippingPlane(new Cesium.Cartesian3(0, 0, -1), 0)],   // what lies above is cut away
      edgeWidth: 1.5, edgeColor: Cesium.Color.fromCssColorString("#22384f"),
    });
    models.clippingPlanes.modelMatrix = Cesium.Matrix4.multiply(inverse, frame, new Cesium.Matrix4());
    models.clippingPlanes.enabled = true;
  }

  #outline(geometry, floor, ceiling) {
    const rings = geometry?.type === "Polygon" ? geometry.coordinates : geometry?.type === "MultiPolygon" ? geometry.coordinates.flat() : [];
    if (!rings.length) return;
    const lines = new Cesium.PolylineCollection();
    const line = (positions) => lines.add({ positions, width: 3, material: Cesium.Material.fromType("Color", { color: EDGE }) });
    for (const ring of rings) {
      for (const height of [floor, ceiling]) line(ring.map(([lon, lat]) => Cesium.Cartesian3.fromDegrees(lon, lat, height)));
      if (ring.length < 40) for (const [lon, lat] of ring.slice(1)) line([floor, ceiling].map((height) => Cesium.Cartesian3.fromDegrees(lon, lat, height)));
    }
    this.parts.push(this.viewer.scene.primitives.add(lines));
  }

  #label(room, centre, ceiling) {
    const full = room.addresses?.[0]?.full ?? room.anchor?.address ?? "";
    const signs = new Cesium.BillboardCollection({ scene: this.viewer.scene });
    signs.add({
      position: Cesium.Cartesian3.fromDegrees(centre.lon, centre.lat, ceiling), image: sign(room.name ?? "", full), scale: 0.5,
      verticalOrigin: Cesium.VerticalOrigin.BOTTOM, disableDepthTestDistance: Number.POSITIVE_INFINITY,
    });
    this.parts.push(this.viewer.scene.primitives.add(signs));
  }

  clear() {
    for (const part of this.parts) this.viewer.scene.primitives.remove(part);
    this.parts = [];
    if (this.tilesets.models?.clippingPlanes) this.tilesets.models.clippingPlanes.enabled = false;
  }
}

/** The end of an address is what tells rooms apart: 临江花园5号楼2单元12层1203室. */
export const tail = (full, most = 22) => (full.length > most ? `…${full.slice(-most)}` : full);

/** A flag on a pole: name large, end of the address small. */
function sign(name, full) {
  const text = tail(full), font = "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', system-ui, sans-serif";
  const canvas = make("canvas"), pen = canvas.getContext("2d");
  pen.font = `600 40px ${font}`;
  const wide = pen.measureText(name).width;
  pen.font = `24px ${font}`;
  const width = Math.ceil(Math.max(wide, pen.measureText(text).width)) + 56;
  canvas.width = width; canvas.height = 190;
  pen.fillStyle = "rgba(9,19,34,.92)"; pen.strokeStyle = "#ffb347"; pen.lineWidth = 3;
  pen.beginPath(); pen.roundRect(2, 2, width - 4, text ? 112 : 74, 16); pen.fill(); pen.stroke();
  pen.beginPath(); pen.moveTo(width / 2, text ? 114 : 76); pen.lineTo(width / 2, 190); pen.stroke();
  pen.textAlign = "center"; pen.fillStyle = "#fff"; pen.font = `600 40px ${font}`; pen.fillText(name, width / 2, 50);
  if (text) { pen.fillStyle = "#ffd9a0"; pen.font = `24px ${font}`; pen.fillText(text, width / 2, 92); }
  return canvas;
}
