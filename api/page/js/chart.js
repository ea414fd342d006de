// A small line chart of readings with the bands of the rules that watch its stream: beyond a threshold, and the dead band a condition
// has to come back through before it ends.
import { get, query } from "./api.js";
import { figure, moment, t, unit } from "./i18n.js";

const COLORS = { alarm: "#ff4d5e", warning: "#ffb627" };
const DAY = 86_400_000;
const KEPT_MS = 30_000;
const known = new Map();

/** Rules of a stream that are in force: kept for half a minute, since a chart is drawn at every reading. */
export async function rulesOf(key) {
  const found = known.get(key);
  if (found && Date.now() - found.at < KEPT_MS) return found.rules;
  const { rules } = await get(query("/alarm-rules", { stream: key, enabled: true, limit: 50 }));
  if (known.size > 200) known.clear();
  known.set(key, { at: Date.now(), rules });
  return rules;
}

/** What a rule says, in words. */
export function ruleText(rule, code) {
  const of = rule.kind === "rate" ? `${unit(code)} ${t("perMinute")}` : rule.kind === "stale" ? t("seconds") : unit(code);
  return [t(rule.level), t(`kind_${rule.kind}`), rule.comparison && rule.kind !== "stale" ? t(rule.comparison) : "", rule.threshold === null ? "" : `${figure(rule.threshold)} ${of}`,
    rule.dead_band ? t("deadBand", { n: figure(rule.dead_band) }) : "", rule.on_delay_s ? t("onDelay", { n: figure(rule.on_delay_s) }) : ""].filter(Boolean).join(" ");
}

/** Draw the day of readings that ends with the newest one, or with a moment of the past (milliseconds since 1970). */
export async function chart(canvas, streamId, until = null) {
  const { stream, observations } = await get(query(`/streams/${streamId}/observations`, { limit: 200, ...(until === null ? {} : { to: new Date(until + 1).toISOString() }) }));
  const bands = levels(await rulesOf(stream.key));
  const points = observations.filter((each) => typeof each.result === "number").map((each) => [Date.parse(each.time), each.result]);
  const since = Math.max(...points.map(([time]) => time)) - DAY;   // a reading of last summer would squeeze today into one column
  draw(canvas, stream, points.filter(([time]) => time >= since), bands);
}

/** Level rules as bands: `{level, threshold, above, clear}`; `clear` is where the condition ends. */
function levels(rules) {
  return rules.filter(({ kind, threshold }) => kind === "level" && typeof threshold === "number").map(({ level, threshold, comparison, dead_band: dead }) => {
    const above = comparison === "above";
    return { level, threshold, above, clear: threshold + (above ? -1 : 1) * (dead ?? 0) };
  });
}

function draw(canvas, stream, points, bands) {
  describe(canvas, stream, points, bands);
  const ratio = 2, width = canvas.clientWidth || 316, height = canvas.clientHeight || 96;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "10px system-ui, sans-serif";
  if (!points.length) { pen.fillStyle = "#9fb4cc"; pen.fillText(t("noReadings"), 10, height / 2); return; }
  const values = points.map(([, value]) => value);
  let low = Math.min(...values), high = Math.max(...values);
  const span = high - low || Math.abs(high) || 1, floor = low - 3 * span, roof = high + 3 * span;
  for (const { threshold } of bands) {   // a threshold widens the axis unless it would flatten the curve
    if (threshold < roof && threshold > floor) { low = Math.min(low, threshold); high = Math.max(high, threshold); }
  }
  const pad = (high - low || span) * 0.1, bottom = height - 16, start = points[0][0], end = points.at(-1)[0];
  low -= pad; high += pad;
  const x = (time) => 8 + (end > start ? (time - start) / (end - start) : 0.5) * (width - 16);
  const y = (value) => Math.max(8, Math.min(bottom, bottom - ((value - low) / (high - low)) * (bottom - 8)));
  for (const band of bands) drawBand(pen, band, { y, low, high, width, bottom });
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

/** Beyond the threshold faintly coloured, the threshold a dashed line, the dead band fainter still. */
function drawBand(pen, { level, threshold, above, clear }, { y, low, high, width, bottom }) {
  const color = COLORS[level];
  if (threshold < low || threshold > high) return;
  const at = y(threshold), edge = above ? 8 : bottom, inner = y(clear);
  pen.fillStyle = `${color}22`; pen.fillRect(8, Math.min(at, edge), width - 16, Math.abs(edge - at));
  pen.fillStyle = `${color}14`; pen.fillRect(8, Math.min(at, inner), width - 16, Math.abs(inner - at));
  pen.setLineDash([5, 4]); pen.strokeStyle = color; pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(8, at); pen.lineTo(width - 8, at); pen.stroke();
  pen.fillStyle = color; pen.textAlign = "right"; pen.fillText(figure(threshold), width - 8, at - 2);
}

/** The same curve for those who do not see it: how many readings, from what to what, the last; and the bands. */
function describe(canvas, stream, points, bands) {
  const values = points.map(([, value]) => value);
  const text = values.length ? t("chartSays", { n: values.length, low: figure(Math.min(...values)), high: figure(Math.max(...values)), last: figure(values.at(-1)), unit: unit(stream.unit) }) : t("noReadings");
  const said = bands.map(({ level, threshold, above }) => `${t(level)} ${t(above ? "above" : "below")} ${figure(threshold)}`).join(", ");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", said ? `${t("bands", { text: said })}; ${text}` : text);
}
