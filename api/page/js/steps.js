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
  const note = make("input", { type: "text", maxlength: 400, placeholder: t("reason"), "aria-label": t("reason"), "data-said": "note" });
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

/** What a step says beside a reason: its field, its text, and what becomes of it in the request. */
const SAID = {
  hours: { text: "hours", input: { type: "number", min: 1, step: 1 }, value: Number },
  until: { text: "untilTime", input: { type: "datetime-local" }, value: (given) => new Date(given).toISOString() },
  unit: { text: "newUnit", input: { type: "text", maxlength: 100 }, value: String },
  into: { text: "into", input: { type: "text", maxlength: 100 }, value: String },
};

/**
 * Buttons for the steps a case can take now, as the server lists them, for the duty that was chosen; a field for each thing its
 * steps say beside. A step that lacks what it needs is not sent: the field is shown. `act(step, body)`, `complain(text)`.
 */
export function caseSteps(given, act, complain) {
  if (!given.actions?.length) return null;
  const roles = [...new Set(given.actions.flatMap((step) => step.roles))];
  const chosen = roles.includes(duty) ? duty : roles[0];
  const select = make("select", { "aria-label": t("duty") }, ...roles.map((role) => make("option", { value: role, selected: role === chosen }, role)));
  const fields = Object.fromEntries(Object.entries(SAID).map(([name, { text, input }]) => [name, make("input", { ...input, "aria-label": t(text), "data-said": name })]));
  const labels = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, make("label", {}, t(SAID[name].text), field)]));
  const go = (step, note) => {
    const lacking = step.takes.filter((name) => !fields[name].value);
    if (step.needs_note && !note) { complain(t("needsReason")); box.querySelector("[data-said=note]").focus(); return; }
    if (lacking.length) { complain(t("needsSaid", { what: lacking.map((name) => t(SAID[name].text)).join(", ") })); fields[lacking[0]].focus(); return; }
    const said = [...step.takes, ...step.may_take].filter((name) => fields[name].value).map((name) => [name, SAID[name].value(fields[name].value)]);
    act(step.action, { role: select.value, note, ...Object.fromEntries(said) });
  };
  const box = form(t("case"), (note) => given.actions.map((step) => button(step.action, step[lang()] ?? step.action, () => go(step, note()))));
  const show = () => {
    const open = given.actions.filter((step) => step.roles.includes(select.value));
    given.actions.forEach((step, at) => { box.querySelectorAll("button")[at].hidden = !open.includes(step); });
    for (const [name, label] of Object.entries(labels)) label.hidden = !open.some((step) => step.takes.includes(name) || step.may_take.includes(name));
  };
  select.addEventListener("change", () => { duty = select.value; show(); });
  box.prepend(make("label", {}, t("duty"), select));
  box.lastElementChild.before(...Object.values(labels));
  show();
  return box;
}
