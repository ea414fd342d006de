// Outlines and areas painted on the ground: tiles drawn in the browser from GeoJSON.
/* global Cesium */
const SIZE = 256;
const LOOK = {
  water: { fill: 0.35, width: 1 }, green: { fill: 0.3, width: 1 }, roads: { fill: 0, width: 2.4 },
  grids: { fill: 0.05, width: 1.4 }, communities: { fill: 0.06, width: 2.2 }, subdistricts: { fill: 0.08, width: 3.2 },
};

const rings = (geometry) => {
  if (!geometry) return [];
  const { type, coordinates } = geometry;
  return { Polygon: () => coordinates, MultiPolygon: () => coordinates.flat(), LineString: () => [coordinates],
    MultiLineString: () => coordinates }[type]?.() ?? [];
};
const mercator = ([lon, lat]) => [(lon + 180) / 360,
  0.5 - Math.log(Math.tan(Math.PI / 4 + lat * Math.PI / 360)) / (2 * Math.PI)];

/** A feature made ready to paint: rings in Web Mercator of the unit square, and their box. */
function prepare(feature) {
  const parts = rings(feature.geometry).map((ring) => ring.map(mercator));
  const flat = parts.flat();
  const [xs, ys] = [flat.map(([x]) => x), flat.map(([, y]) => y)];
  return { id: feature.id, name: feature.properties.name, parts, closed: /Polygon/.test(feature.geometry?.type ?? ""),
    box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] };
}

export class DrapeProvider {
  constructor(id, color, features, bounds) {
    Object.assign(this, {
      tileWidth: SIZE, tileHeight: SIZE, minimumLevel: 11, maximumLevel: 18, hasAlphaChannel: true,
      tilingScheme: new Cesium.WebMercatorTilingScheme(), rectangle: Cesium.Rectangle.fromDegrees(...bounds),
      errorEvent: new Cesium.Event(), credit: undefined, proxy: undefined, tileDiscardPolicy: undefined,
    });
    this.color = color;
    this.look = LOOK[id] ?? { fill: 0.1, width: 1.5 };
    this.features = features.filter(({ geometry }) => rings(geometry).length).map(prepare);
  }

  getTileCredits() { return []; }

  pickFeatures() { return undefined; }

  requestImage(x, y, level) {
    const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
    const pen = canvas.getContext("2d");
    const scale = SIZE * 2 ** level;
    const [left, top] = [x * SIZE, y * SIZE];
    const reach = 4 / scale;
    pen.strokeStyle = pen.fillStyle = this.color;
    pen.lineWidth = this.look.width;
    pen.lineJoin = "round";
    for (const { parts, closed, box } of this.features) {
      if (box[2] * scale < left - 4 || box[0] * scale > left + SIZE + 4 || box[3] < top / scale - reach || box[1] > (top + SIZE) / scale + reach) continue;
      pen.beginPath();
      for (const part of parts) part.forEach(([px, py], i) => (i ? pen.lineTo(px * scale - left, py * scale - top) : pen.moveTo(px * scale - left, py * scale - top)));
      if (closed && this.look.fill) { pen.globalAlpha = this.look.fill; pen.fill("evenodd"); }
      pen.globalAlpha = 0.95;
      pen.stroke();
    }
    return Promise.resolve(canvas);
  }

  /** Id of the area at a place (degrees), the last painted first. */
  at(lon, lat) {
    const [x, y] = mercator([lon, lat]);
    const inside = (ring) => ring.reduce((odd, [ax, ay], i) => {
      const [bx, by] = ring[(i || ring.length) - 1];
      return (ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax ? !odd : odd;
    }, false);
    return this.features.findLast(({ parts, closed }) => closed && parts.filter(inside).length % 2)?.id ?? null;
  }
}
