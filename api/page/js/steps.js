// What a duty officer can do about an alarm or a case: the steps its state allows, with a reason where one is needed.
import { make } from "./api.js";
import { lang, t } from "./i18n.js";

/** Steps out of each state of an alarm (docs/alarms.md); the server has the last word. */
const ALARM_STEPS = {
  active: ["acknowledge", "shelve", "close"], acknowledged: ["shelve", "close"], returned: ["acknowledge", "close"], latched: ["reset"],
  shelved: ["unshelve"], suppressed: ["unsuppress"], out_of_service: ["return_to_service"],
};
const SILENT = new Set(["shelved", "suppressed", "out_of_service"]);
const SHELF_HOURS = [1, 8, 24];

export const isSilent = (alarm) => SILENT.has(alarm.state);

/** A form of buttons over one line for the reason. */
function form(label, buttons) {
  const note = make("input", { type: "text", maxlength: 400, placeholder: t("reason"), "aria-label": t("reason") });
  const box = make("form", { class: "steps", "aria-label": label }, note, make("div", {}, ...buttons(() => note.value.trim() || null)));
  box.addEventListener("submit", (event) => event.preventDefault());
  return box;
}

const button = (name, text, act) => make("button", { type: "button", "data-step": name, onclick: act }, text);

/** Buttons for an alarm; `act(step, body)` is told what was chosen. */
export function alarmSteps(alarm, act, openCase) {
  return form(t("alarms"), (note) => [
    ...(ALARM_STEPS[alarm.state] ?? []).flatMap((step) => (step === "shelve"
      ? SHELF_HOURS.map((hours) => button(`shelve-${hours}`, t("shelve", { n: hours }), () => act("shelve", { note: note(), until: new Date(Date.now() + hours * 3600e3).toISOString() })))
      : [button(step, t(`step_${step}`), () => act(step, { note: note() }))])),
    alarm.state === "active" || alarm.state === "acknowledged" || alarm.state === "returned" ? button("case", t("openCase"), () => openCase(note())) : null,
  ].filter(Boolean));
}

let duty = null;

/** Buttons for the steps a case can take now, as the server lists them, for the role that was chosen; one line for what a step takes beside a reason. */
export function caseSteps(given, act) {
  if (!given.actions?.length) return null;
  const roles = [...new Set(given.actions.flatMap((step) => step.roles))];
  const chosen = roles.includes(duty) ? duty : roles[0];
  const select = make("select", { "aria-label": t("duty") }, ...roles.map((role) => make("option", role === chosen ? { value: role, selected: "" } : { value: role }, role)));
  const said = make("input", { type: "text", maxlength: 100, placeholder: t("said"), "aria-label": t("said") });
  const body = (step, note) => {
    const name = [...step.takes, ...step.may_take][0];
    const text = said.value.trim();
    if (!name || !text) return { role: select.value, note };
    return { role: select.value, note, [name]: name === "hours" ? Number(text) : name === "until" ? new Date(text).toISOString() : text };
  };
  const box = form(t("case"), (note) => given.actions.map((step) => button(step.action, step[lang()] ?? step.action, () => act(step.action, body(step, note())))));
  const show = () => given.actions.forEach((step, at) => { box.querySelectorAll("button")[at].hidden = !step.roles.includes(select.value); });
  select.addEventListener("change", () => { duty = select.value; show(); });
  box.prepend(make("label", {}, t("duty"), select));
  if (given.actions.some((step) => step.takes.length || step.may_take.length)) box.querySelector("input").after(said);
  show();
  return box;
}
