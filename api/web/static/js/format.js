/** Numbers, units, times and ages as people read them. */

import { gettext, page } from "./page.js";

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴" };

/** `umol m-2 s-1` -> `µmol m⁻² s⁻¹`; the number 1 has no unit. */
export function unitText(/** @type {string} */ unit) {
  if (unit === "1") return "";
  return unit
    .replace(/^deg C$/, "°C")
    .replace(/^deg$/, "°")
    .replace(/^umol/, "µmol")
    .replace(/(?<=[a-z])-?\d/gi, (power) =>
      [...power].map((sign) => SUPERSCRIPT[/** @type {"1"} */ (sign)] || sign).join(""),
    );
}

/** Name and unit of an axis: `FC [µmol m⁻² s⁻¹]`. */
export function axisText(/** @type {string} */ name, /** @type {string} */ unit) {
  return `${name} [${unitText(unit) || "1"}]`;
}

/** A number with about four digits, a true minus sign, and a dash where there is none. */
export function numberText(/** @type {number|null|undefined} */ value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(2).replace("-", "−");
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return value
    .toFixed(decimals)
    .replace(/^-(?=0\.?0*$)/, "")
    .replace("-", "−");
}

/** Offset of the clock that the page shows. [h] */
export function offsetHours(/** @type {{utc_offset: number}} */ station) {
  return page.state.tz === "utc" ? 0 : station.utc_offset;
}

/** `UTC`, or the offset of local standard time: `UTC−08:00`. */
export function offsetText(/** @type {number} */ hours) {
  if (page.state.tz === "utc") return "UTC";
  const minutes = Math.round(Math.abs(hours) * 60);
  return `UTC${hours < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** ISO date and time on the clock of an offset: `2012-06-07 13:15` (`:20` with seconds). */
export function timeText(/** @type {number} */ seconds, /** @type {number} */ hours, withSeconds = false) {
  const text = new Date((seconds + hours * 3600) * 1000).toISOString();
  return text.slice(0, withSeconds ? 19 : 16).replace("T", " ");
}

/** Seconds since 1970 of an ISO time. */
export function secondsOf(/** @type {string} */ iso) {
  return Date.parse(iso) / 1000;
}

/** ISO time of seconds since 1970. */
export function isoOf(/** @type {number} */ seconds) {
  return new Date(seconds * 1000).toISOString();
}

/** `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`. */
export function ageText(/** @type {number} */ age) {
  if (age < 120) return gettext("{n} s ago", { n: Math.max(0, Math.floor(age)) });
  if (age < 7200) return gettext("{n} min ago", { n: Math.floor(age / 60) });
  if (age < 172800) return gettext("{n} h ago", { n: Math.floor(age / 3600) });
  return gettext("{n} d ago", { n: Math.floor(age / 86400) });
}

function two(/** @type {number} */ number) {
  return String(number).padStart(2, "0");
}
