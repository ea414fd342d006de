// A room inside its building: only its storey of the model is drawn, cut open below the ceiling so that it lies there like
// a plan, on a plain block of what is below; the room stands out with a crisp outline and its address above it. Drawing the
// storey alone is also what makes this view light: a tower has a hundred thousand triangles, a storey a few thousand.
import { make } from "./api.js";

const Cesium = window.Cesium;
const EDGE = Cesium?.Color.fromCssColorString("#ffd28a");

const SIDES = [[0, 0, -1], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]];   // inward: ceiling, east, west, north, south

export class RoomView {
  constructor(viewer, tilesets) {
    this.viewer = viewer;
    this.tilesets = tilesets;
    this.parts = [];
  }

  /** Open the building (null where none is known) around a room of /entities/{eid}; a room without a shape is left closed. */
  show(room, building) {
    this.clear();
    const box = room.bbox;
    if (box?.length !== 6) return;
    const [west, south, floor, east, north, ceiling] = box;
    const centre = { lon: (west + east) / 2, lat: (south + north) / 2 };
    this.#cut(centre, ceiling - 0.35, building?.bbox);
    if (room.attributes?.storey && building?.bbox?.length === 6) this.#block(building.geometry, building.bbox[2], floor - 0.25);
    this.#outline(room.geometry, floor, Math.max(ceiling - 0.3, floor + 0.5));
    this.#label(room, centre, ceiling);
  }

  /** Take away what lies above a height, and what lies beyond the building. */
  #cut(centre, height, bounds) {
    const { models } = this.tilesets;
    if (!models) return;
    const frame = Cesium.Transforms.eastNorthUpToFixedFrame(Cesium.Cartesian3.fromDegrees(centre.lon, centre.lat, height));
    const inverse = Cesium.Matrix4.inverse(models.clippingPlanesOriginMatrix, new Cesium.Matrix4());
    // One collection for good, switched on and off: taken away, it would leave tiles drawing with a texture that is gone.
    models.clippingPlanes ??= new Cesium.ClippingPlaneCollection({
      planes: SIDES.map(([x, y, z]) => new Cesium.ClippingPlane(new Cesium.Cartesian3(x, y, z), 0)), unionClippingRegions: true,
      edgeWidth: 1.5, edgeColor: Cesium.Color.fromCssColorString("#22384f"),
    });
    const planes = models.clippingPlanes, east = 111320 * Math.cos((centre.lat * Math.PI) / 180), north = 110950, margin = 4;
    const [west, south, right, top] = bounds ? [bounds[0], bounds[1], bounds.at(bounds.length / 2), bounds.at(bounds.length / 2 + 1)] : [-1, -1, 1, 1];
    const reach = bounds ? [(right - centre.lon) * east, (centre.lon - west) * east, (top - centre.lat) * north, (centre.lat - south) * north].map((each) => each + margin) : [1e4, 1e4, 1e4, 1e4];
    reach.forEach((distance, index) => { planes.get(index + 1).distance = distance; });
    planes.modelMatrix = Cesium.Matrix4.multiply(inverse, frame, new Cesium.Matrix4());
    planes.enabled = true;
  }

  /** What is below the storey, as a plain block on the footprint. */
  #block(geometry, bottom, top) {
    const polygons = geometry?.type === "Polygon" ? [geometry.coordinates] : geometry?.type === "MultiPolygon" ? geometry.coordinates : [];
    if (!polygons.length || top - bottom < 0.5) return;
    const ring = (line) => Cesium.Cartesian3.fromDegreesArray(line.flatMap(([lon, lat]) => [lon, lat]));
    const geometryInstances = polygons.map(([shell, ...holes]) => new Cesium.GeometryInstance({
      geometry: new Cesium.PolygonGeometry({ polygonHierarchy: new Cesium.PolygonHierarchy(ring(shell), holes.map((hole) => new Cesium.PolygonHierarchy(ring(hole)))), height: top, extrudedHeight: bottom, vertexFormat: Cesium.PerInstanceColorAppearance.VERTEX_FORMAT }),
      attributes: { color: Cesium.ColorGeometryInstanceAttribute.fromColor(Cesium.Color.fromCssColorString("#b9c6d4")) },
    }));
    this.parts.push(this.viewer.scene.primitives.add(new Cesium.Primitive({ geometryInstances, appearance: new Cesium.PerInstanceColorAppearance({ translucent: false, closed: true }), asynchronous: false })));
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
