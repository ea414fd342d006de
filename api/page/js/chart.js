// A small line chart of readings with the threshold lines of its stream.
import { get, query } from "./api.js";
import { figure, moment, t, unit } from "./i18n.js";

const LINES = [["alarm_high", "#ff4d5e"], ["alarm_low", "#ff4d5e"], ["warn_high", "#ffb627"], ["warn_low", "#ffb627"]];

const DAY = 86_400_000;

export async function chart(canvas, streamId) {
  const { stream, observations } = await get(query(`/streams/${streamId}/observations`, { limit: 200 }));
  const points = observations.filter((each) => typeof each.result === "number").map((each) => [Date.parse(each.time), each.result]);
  const since = Math.max(...points.map(([time]) => time)) - DAY;   // a reading of last summer would squeeze today into one column
  draw(canvas, stream, points.filter(([time]) => time >= since));
}

function draw(canvas, stream, points) {
  describe(canvas, stream, points);
  const ratio = 2, width = canvas.clientWidth || 316, height = canvas.clientHeight || 96;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "10px system-ui, sans-serif";
  if (!points.length) { pen.fillStyle = "#9fb4cc"; pen.fillText(t("noReadings"), 10, height / 2); return; }
  const values = points.map(([, value]) => value);
  let low = Math.min(...values), high = Math.max(...values);
  const span = high - low || Math.abs(high) || 1;
  for (const [name] of LINES) {   // a threshold widens the axis unless it would flatten the curve
    const level = stream[name];
    if (typeof level === "number" && level < high + 3 * span && level > low - 3 * span) { low = Math.min(low, level); high = Math.max(high, level); }
  }
  const pad = (high - low || span) * 0.1, bottom = height - 16, start = points[0][0], end = points.at(-1)[0];
  low -= pad; high += pad;
  const x = (time) => 8 + (end > start ? (time - start) / (end - start) : 0.5) * (width - 16);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - 8);
  for (const [name, color] of LINES) {
    const level = stream[name];
    if (typeof level !== "number" || level < low || level > high) continue;
    pen.setLineDash([5, 4]); pen.strokeStyle = color; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(8, y(level)); pen.lineTo(width - 8, y(level)); pen.stroke();
    pen.fillStyle = color; pen.textAlign = "right"; pen.fillText(figure(level), width - 8, y(level) - 2);
  }
  pen.setLineDash([]);
  pen.beginPath();
  points.forEach(([time, value], index) => (index ? pen.lineTo(x(time), y(value)) : pen.moveTo(x(time), y(value))));
  pen.strokeStyle = "#43d6ff"; pen.lineWidth = 1.6; pen.lineJoin = "round"; pen.stroke();
  pen.lineTo(x(end), bottom); pen.lineTo(x(start), bottom); pen.closePath();
  pen.fillStyle = "rgba(67,214,255,.14)"; pen.fill();
  pen.beginPath(); pen.arc(x(end), y(points.at(-1)[1]), 3, 0, 7); pen.fillStyle = "#fff"; pen.fill();
  pen.fillStyle = "#9fb4cc";
  pen.textAlign = "left"; pen.fillText(moment(start), 8, height - 4);
  pen.textAlign = "right"; pen.fillText(moment(end), width - 8, height - 4);
}

/** The same curve for those who do not see it: how many readings, from what to what, the last. */
function describe(canvas, stream, points) {
  const values = points.map(([, value]) => value);
  const text = values.length ? t("chartSays", { n: values.length, low: figure(Math.min(...values)), high: figure(Math.max(...values)), last: figure(values.at(-1)), unit: unit(stream.unit) }) : t("noReadings");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
}
