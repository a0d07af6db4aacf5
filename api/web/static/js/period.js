/**
 * The period that the figures show: the newest data, or a stretch that the reader has chosen; it stands in the address.
 */

import { isoOf, offsetHours, offsetText, secondsOf, timeText } from "./format.js";
import { byId, gettext, page, setState, stateOf } from "./page.js";

const DAY = 86400;
const MAX_SECONDS = 366 * DAY;

/** @typedef {ReturnType<typeof makePeriod>} Period */

/** The period, by default so long. */
export function makePeriod(standard = "7d") {
  const choices = new Map([
    ["1d", { text: gettext("1 day"), seconds: DAY }],
    ["3d", { text: gettext("3 days"), seconds: 3 * DAY }],
    ["7d", { text: gettext("7 days"), seconds: 7 * DAY }],
    ["30d", { text: gettext("30 days"), seconds: 30 * DAY }],
    ["365d", { text: gettext("1 year"), seconds: 365 * DAY }],
  ]);
  const select = /** @type {HTMLSelectElement} */ (byId("period"));
  for (const [name, { text }] of choices) select.add(new Option(text, name));
  select.value = choices.has(stateOf("period") || "") ? stateOf("period") || standard : standard;
  /** @type {(() => void)[]} */
  const listeners = [];
  /** @type {[number, number]|null} */
  let chosen = fromAddress();
  /** @type {[number, number]|null} */
  let shown = null;

  function length() {
    return choices.get(select.value)?.seconds || 7 * DAY;
  }
  function choose(/** @type {[number, number]|null} */ range) {
    chosen = range;
    setState({
      period: select.value === standard ? null : select.value,
      from: range ? isoOf(range[0]) : null,
      to: range ? isoOf(range[1]) : null,
    });
    for (const tell of listeners) tell();
  }
  function move(/** @type {number} */ direction) {
    // what is shown may be of another length still: its data are being loaded, or there are not more
    const end = shown ? shown[1] : Date.now() / 1000;
    const [from, to] = chosen || [end - length(), end];
    const step = direction * (to - from);
    choose([from + step, to + step]);
  }
  select.addEventListener("change", () => {
    const end = chosen?.[1];
    choose(end ? [end - length(), end] : null);
  });
  byId("earlier").addEventListener("click", () => move(-1));
  byId("later").addEventListener("click", () => move(1));
  byId("newest").addEventListener("click", () => choose(null));

  return {
    choose,
    /** Called whenever another period is to be shown. */
    onChange: (/** @type {() => void} */ listener) => listeners.push(listener),
    /** Whether the figures follow the newest data. */
    get follows() {
      return chosen === null;
    },
    /** Longest stretch before the newest data that is asked for. [s] */
    get length() {
      return length();
    },
    /** Query of a request for this period; `newest` is the time of the newest data [s], null if unknown. */
    query(/** @type {number|null} */ newest) {
      const range = chosen || (newest === null ? null : [newest - length(), newest]);
      return range ? `from=${isoOf(range[0])}&to=${isoOf(range[1])}` : "";
    },
    /** Limits of the x axis: what was chosen, or what there is, so that little data do not drown in a long axis. */
    limits(/** @type {number} */ first, /** @type {number} */ last) {
      if (chosen) return chosen;
      const room = Math.max(900, 0.02 * (last - first));
      return /** @type {[number, number]} */ ([first - room, last + room]);
    },
    /** Say which period is shown: from the first data to the end of the last; without any, what was chosen. */
    showLimits(/** @type {number} */ first, /** @type {number} */ last) {
      const range = first < last ? /** @type {[number, number]} */ ([first, last]) : chosen;
      if (!range) return;
      shown = range;
      const hours = offsetHours(page.station);
      byId("shown").textContent = `${timeText(range[0], hours)} – ${timeText(range[1], hours)} ${offsetText(hours)}`;
    },
  };
}

function fromAddress() {
  const [from, to] = [stateOf("from"), stateOf("to")].map((text) => (text ? secondsOf(text) : NaN));
  return from < to && to - from <= MAX_SECONDS ? /** @type {[number, number]} */ ([from, to]) : null;
}
