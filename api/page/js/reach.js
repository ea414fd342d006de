// What an alarm can reach: things around its place in space, pipes up- and downstream; listed, and marked in the scene.
import { get, make } from "./api.js";
import { figure, t, title } from "./i18n.js";

const MOST_LISTED = 12;
const WAYS = { upstream: "#4f8dff", downstream: "#ff8a3d", connected: "#ff8a3d" };

export function reachOf(alarm, app) {
  const told = make("div", { class: "reach", "aria-live": "polite" });
  const button = make("button", { type: "button", "data-step": "reach", "aria-pressed": "false", onclick: async () => {
    if (button.getAttribute("aria-pressed") === "true") { hide(); return; }
    button.disabled = true;
    try { show(await get(`/alarms/${alarm.id}/reach`)); } catch (error) { app.toast(error.message, "warning"); }
    button.disabled = false;
  } }, t("reach"));

  const hide = () => { told.replaceChildren(); button.setAttribute("aria-pressed", "false"); button.textContent = t("reach"); app.setWithin(null); };

  const show = (found) => {
    button.setAttribute("aria-pressed", "true");
    button.textContent = t("hideReach");
    const marks = new Map(found.near.features.map((each) => [each.id ?? each.properties.eid, "near"]));
    for (const [way, pipes] of Object.entries(found.network)) for (const each of pipes.features) marks.set(each.id ?? each.properties.eid, way);
    app.setWithin(marks);
    told.replaceChildren(...around(found, app), ...Object.entries(found.network).flatMap(([way, pipes]) => part(way, pipes, app)));
    if (Object.keys(found.network).length && !app.underground) app.setUnderground(true);
  };
  return make("section", {}, make("div", { class: "steps" }, make("div", {}, button)), told);
}

function around({ distance_m: metres, near, by_class: classes }, app) {
  if (!near.numberMatched) return [make("p", {}, t("reachNone"))];
  const named = new Map(app.city.layers.flatMap((layer) => layer.classes ?? []).map((each) => [each.code, title(each.title)]));
  const counts = Object.entries(classes).sort((a, b) => b[1] - a[1]).map(([code, n]) => `${named.get(code) ?? code} ${figure(n)}`);
  return [make("h3", {}, t("reachSays", { m: figure(metres, 0), n: figure(near.numberMatched) })), make("p", {}, counts.join(" · ")), listed(near.features, app, (each) => each.properties.distance_m)];
}

function part(way, { features, numberMatched }, app) {
  if (!features?.length) return [];
  return [make("h3", {}, make("i", { class: "key", style: `background:${WAYS[way]}` }), `${t(way)} ${figure(numberMatched ?? features.length)}`), listed(features, app, (each) => each.properties.along_m ?? each.properties.distance_m)];
}

function listed(features, app, metres) {
  return make("ul", {}, ...features.slice(0, MOST_LISTED).map((each) => {
    const away = metres(each), { name, code } = each.properties;
    return make("li", {}, make("button", { type: "button", class: "link", onclick: () => app.select(each.id ?? each.properties.eid, { fly: true }) }, name || code || each.properties.class_code),
      typeof away === "number" ? ` ${figure(away, 0)} m` : "");
  }), ...(features.length > MOST_LISTED ? [make("li", {}, `… +${features.length - MOST_LISTED}`)] : []));
}
