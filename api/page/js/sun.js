// Where the sun stands, and how light, sky and ground look then.
const Cesium = window.Cesium;
const RAD = Math.PI / 180;

/** Height and azimuth (degrees, from north) of the sun at a solar hour; Cooper's declination, hour angle 15° an hour. */
export function sunAt(lat, hour, day = 172) {
  const declination = 23.45 * Math.sin(((360 * (284 + day)) / 365) * RAD) * RAD;
  const angle = (hour - 12) * 15 * RAD, phi = lat * RAD;
  const height = Math.asin(Math.sin(phi) * Math.sin(declination) + Math.cos(phi) * Math.cos(declination) * Math.cos(angle));
  const azimuth = Math.atan2(Math.sin(angle), Math.cos(angle) * Math.sin(phi) - Math.tan(declination) * Math.cos(phi));
  return { height: height / RAD, azimuth: ((azimuth / RAD + 180) % 360 + 360) % 360 };
}

const blend = (low, high, part) => low.map((value, index) => value + (high[index] - value) * part);
const css = (rgb) => `rgb(${rgb.map((value) => Math.round(value * 255)).join(",")})`;

/** Light the scene as at an hour of a day in June: direction, strength, colour, sky behind the globe, ground. */
export function setHour(viewer, place, hour) {
  const { scene } = viewer;
  const { height, azimuth } = sunAt(place.lat, hour);
  const day = Math.min(1, Math.max(0, (height + 6) / 26)), low = 1 - Math.min(1, Math.max(0, height / 35));
  const up = Math.max(height, 12) * RAD;   // below that every wall would be black; the night is told by strength and colour
  const towards = new Cesium.Cartesian3(Math.sin(azimuth * RAD) * Math.cos(up), Math.cos(azimuth * RAD) * Math.cos(up), Math.sin(up));
  const frame = Cesium.Transforms.eastNorthUpToFixedFrame(Cesium.Cartesian3.fromDegrees(place.lon, place.lat));
  const direction = Cesium.Matrix4.multiplyByPointAsVector(frame, Cesium.Cartesian3.negate(towards, towards), new Cesium.Cartesian3());
  const warm = blend([1, 0.99, 0.96], [1, 0.78, 0.56], low * day), tint = blend([0.5, 0.62, 0.95], warm, day);
  scene.light = new Cesium.DirectionalLight({ direction: Cesium.Cartesian3.normalize(direction, direction), color: new Cesium.Color(...tint), intensity: 0.7 + 1.9 * day });
  const ground = viewer.imageryLayers.length ? viewer.imageryLayers.get(0) : null;
  if (ground) { ground.brightness = 0.34 + 0.74 * day; ground.saturation = 0.75 + 0.35 * day; }
  const far = blend([0.1, 0.14, 0.22], blend([0.78, 0.86, 0.92], [0.93, 0.8, 0.7], low * day), day);
  const top = blend([0.02, 0.04, 0.1], blend([0.36, 0.6, 0.84], [0.4, 0.52, 0.72], low * day), day);
  scene.globe.baseColor = new Cesium.Color(...far);
  scene.backgroundColor = new Cesium.Color(0, 0, 0, 0);
  document.getElementById("scene").style.background = `linear-gradient(${css(top)}, ${css(far)} 42%)`;
  scene.requestRender();
}
