// Alarms: the list, pulsing markers over the scene, a word when one is raised.
/* global Cesium */
import { acknowledge } from "/page/js/api.js";
import { byId, h } from "/page/js/dom.js";
import { lang, onLanguage, subjectName, t } from "/page/js/i18n.js";
import { clock } from "/page/js/time.js";

const TOAST_MS = 8000;
const LISTED = 30;
const ORDER = { active: 0, acknowledged: 1, returned: 2 };

export const message = (alarm) => (lang() === "zh" ? alarm.message_zh : alarm.message_en);

export class Alarms {
  constructor(viewer, live, onPick) {
    Object.assign(this, { viewer, live, onPick, markers: new Map() });
    live.on("alarms", (fresh) => {
      this.draw();
      if (fresh) this.toast(fresh);
    });
    onLanguage(() => this.draw());
    viewer.scene.postRender.addEventListener(() => this.place());
  }

  get listed() {
    return [...this.live.alarms.values()].sort((a, b) => ORDER[a.state] - ORDER[b.state] || (a.raised_at < b.raised_at ? 1 : -1)).slice(0, LISTED);
  }

  draw() {
    const open = this.listed;
    byId("alarm-count").textContent = this.live.alarms.size;
    byId("alarms").classList.toggle("burning", open.some(({ state }) => state === "active"));
    byId("alarm-list").replaceChildren(...(open.length ? open.map((alarm) => this.row(alarm)) : [h("p.none", {}, t("noAlarms"))]));
    this.mark(open.filter(({ state, lon }) => state !== "returned" && lon != null));
  }

  row(alarm) {
    const button = alarm.state === "active" && h("button.ack", { onclick: (event) => { event.stopPropagation(); this.answer(alarm, button); } }, t("acknowledge"));
    return h(`article.alarm.${alarm.level}.${alarm.state}`, { data: { id: alarm.id }, onclick: () => this.onPick(alarm) },
      h("p", {}, message(alarm)),
      h("footer", {}, h("span", {}, `${clock(alarm.raised_at)} · ${subjectName(alarm.subject ?? "")} · ${t(alarm.state)}`), button));
  }

  async answer(alarm, button) {
    button.disabled = true;
    try {
      const told = await acknowledge(alarm.id);
      if (this.live.alarms.has(told.id)) this.live.alarms.set(told.id, { ...alarm, ...told });
      this.draw();
    } catch (error) {
      button.disabled = false;
      this.say(t("failed", { why: error.message }));
    }
  }

  mark(open) {
    const wanted = new Map(open.map((alarm) => [alarm.id, alarm]));
    for (const [id, { node }] of this.markers) if (!wanted.has(id)) { node.remove(); this.markers.delete(id); }
    for (const [id, alarm] of wanted) {
      const marker = this.markers.get(id) ?? { node: byId("markers").appendChild(h("div", { onclick: () => this.onPick(this.live.alarms.get(id)) })) };
      marker.node.className = `pulse ${alarm.level} ${alarm.state}`;
      marker.node.title = message(alarm);
      marker.at = Cesium.Cartesian3.fromDegrees(alarm.lon, alarm.lat, (alarm.z ?? 12) + 3);
      this.markers.set(id, marker);
    }
    this.viewer.scene.requestRender();
  }

  place() {
    const spot = new Cesium.Cartesian2();
    for (const { node, at } of this.markers.values()) {
      const found = Cesium.SceneTransforms.worldToWindowCoordinates(this.viewer.scene, at, spot);
      node.style.display = found ? "" : "none";
      if (found) node.style.transform = `translate(${found.x.toFixed(1)}px, ${found.y.toFixed(1)}px)`;
    }
  }

  toast(alarm) {
    const node = h(`div.toast.${alarm.level}`, { data: { id: alarm.id }, onclick: () => this.onPick(alarm) }, h("b", {}, t("raised")), h("span", {}, message(alarm)));
    this.pop(node);
  }

  say(text) { this.pop(h("div.toast", {}, h("span", {}, text))); }

  pop(node) {
    const tray = byId("toasts");
    tray.prepend(node);
    while (tray.children.length > 3) tray.lastChild.remove();
    setTimeout(() => node.remove(), TOAST_MS);
  }
}
