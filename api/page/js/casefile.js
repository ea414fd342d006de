// What hangs on a case: its time limits, photos and what they say of the place, cases that may tell of the same.
import { get, make, query } from "./api.js";
import { figure, lang, moment, t } from "./i18n.js";

/** Names and values of the time limits and of what stands (督办, 延期, 合并). */
export function limits({ clock, urged, extension, merged_into: into }) {
  return [
    ["stageDue", clock?.stage_due && moment(clock.stage_due)], ["due", clock?.due && moment(clock.due)], ["overdueSince", clock?.overdue ? moment(late(clock)) : null],
    ["urged", urged && [urged.actor, urged.until && `${t("untilTime")} ${moment(urged.until)}`, urged.note].filter(Boolean).join(" · ")],
    ["extension", extension && `${figure(extension.hours)} h · ${t(`extension_${extension.state}`)}`], ["mergedInto", into],
  ];
}

/** Since when it is late: the earlier of the limits that are over. */
const late = ({ stage_due: stage, due }) => [stage, due].filter((each) => each && Date.parse(each) < Date.now()).sort()[0];

const verdict = (photo) => make("span", { class: photo.verdict }, t(`verdict_${photo.verdict}`, { m: photo.distance_m === null ? "" : figure(photo.distance_m, 0) }));

/** Photos with the check of their place, and a form for one more; both fill themselves in. */
export function photos(given, app, mayAdd) {
  const box = make("div", { class: "photos", "aria-live": "polite" });
  const show = async () => {
    const { photos: found } = await get(`/cases/${given.id}/photos`);
    box.querySelectorAll("figure").forEach((each) => each.remove());
    box.prepend(...found.map((photo) => make("figure", {}, make("img", { src: photo.href, alt: `${t("photos")} ${moment(photo.taken_at ?? photo.at_time)}`, loading: "lazy" }),
      make("figcaption", {}, verdict(photo), ` · ${photo.actor}`, photo.taken_at ? ` · ${t("photoTaken")} ${moment(photo.taken_at)}` : ""))));
  };
  const file = make("input", { type: "file", accept: "image/jpeg,image/png,image/webp", "aria-label": t("addPhoto"), "data-said": "photo", onchange: async () => {
    if (!file.files.length) return;
    file.disabled = true;
    try { await send(given.id, file.files[0]); await show(); } catch (error) { app.toast(error.message, "warning"); }
    file.disabled = false;
    file.value = "";
  } });
  if (mayAdd) box.append(make("label", {}, `${t("addPhoto")} `, file));
  show().catch((error) => app.toast(error.message, "warning"));
  return box;
}

async function send(id, picture) {
  const answer = await fetch(query(`/cases/${id}/photos`, { actor: t("actor") }), { method: "POST", headers: { "Content-Type": picture.type, Accept: "application/json" }, body: picture });
  if (answer.ok) return;
  const problem = await answer.json().catch(() => null);
  throw new Error(problem?.detail ?? `${answer.status} ${answer.statusText}`);
}

/** Cases that may tell of the same with why, and a way to each; `merge(key)` fills it in as the one to go into. Hidden where there are none. */
export function duplicates(given, app, merge) {
  const box = make("section", { class: "duplicates", hidden: true });
  get(`/cases/${given.id}/duplicates`).then(({ duplicates: found }) => {
    if (!found.length) return;
    box.replaceChildren(make("h3", {}, t("duplicates")), make("ul", {}, ...found.slice(0, 5).map((each) => make("li", {},
      make("button", { type: "button", class: "link", onclick: () => app.panel.case(each.id) }, `${each.title ?? each.key} · ${each.stage}`),
      merge ? make("button", { type: "button", class: "merge", "data-into": each.key, onclick: () => merge(each.key) }, t("mergeHere")) : null,
      make("small", {}, each[`why_${lang()}`])))));
    box.hidden = false;
  }).catch((error) => app.toast(error.message, "warning"));
  return box;
}
