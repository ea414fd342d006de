// Times and numbers as people read them.
import { lang, t } from "/page/js/i18n.js";

const locale = () => (lang() === "zh" ? "zh-CN" : "en-GB");
const date = (text) => new Date(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);

export const clock = (text) => date(text).toLocaleTimeString(locale(), { hour12: false });
export const moment = (text) => (text ? date(text).toLocaleString(locale(), { hour12: false, dateStyle: "medium", timeStyle: "short" }) : "–");
export const number = (value, digits = 2) => (value == null || Number.isNaN(value) ? "–"
  : Number(value).toLocaleString(locale(), { maximumFractionDigits: digits }));
export const millis = (text) => date(text).getTime();

/** Seconds as a rounded span. */
export function span(seconds) {
  if (seconds == null) return "–";
  for (const [unit, size] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= 2 * size) return t(unit, { n: Math.round(seconds / size) });
  }
  return t("seconds", { n: Math.round(seconds) });
}
