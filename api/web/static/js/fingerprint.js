/** NEE of a whole run at a glance: a column each day, a row each half-hour of it; as measured, and filled. */

import { Figure } from "./figure.js";
import { numberText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, getJson, gettext, page } from "./page.js";

const DAY = 86400;
const DARKEST_FLUX = 20; // exchange of the darkest colours, the same for all stations [umol m-2 s-1]
// brown for release, white, green-blue for uptake: told apart by those who do not see red or green
const RELEASE = [
  [245, 245, 245],
  [216, 179, 101],
  [140, 81, 10],
];
const UPTAKE = [
  [245, 245, 245],
  [90, 180, 172],
  [1, 102, 94],
];

/**
 * Intervals since 1970 of local standard time, and their length. [s]
 * @typedef {{first: number, length: number, values: (number|null)[]}} Slots
 */

/** Draw the page's run: what was measured and used, and the same filled. */
export async function makeFingerprints(/** @type {HTMLElement} */ parent) {
  const { run } = page;
  if (!run) return;
  const path = `${page.root}/api/v1/runs/${run.id}/product?variables=`;
  const figures = [
    fingerprint(parent, "NEE", gettext("NEE as measured and used, by day and hour")),
    fingerprint(parent, "NEE_F", gettext("NEE, gap-filled, by day and hour")),
  ];
  try {
    const { data, averaging_minutes: minutes } = await getJson(`${path}NEE,NEE_F`);
    for (const { figure, show } of figures) {
      figure.csv.setAttribute("href", `${path}${figure.options.name},NEE_F_QC&format=csv`);
      show(data.start.map(secondsOf), data[figure.options.name], minutes * 60);
    }
  } catch (error) {
    for (const { figure } of figures) figure.showEmpty(error instanceof Error ? error.message : String(error));
  }
}

function fingerprint(/** @type {HTMLElement} */ parent, /** @type {string} */ name, /** @type {string} */ title) {
  const shift = page.station.utc_offset * 3600;
  /** @type {Slots} */
  let slots = { first: 0, length: 1800, values: [] };
  /** @type {Figure} */
  const figure = new Figure(parent, {
    name,
    title,
    height: 190,
    axis: gettext("hour of the day"),
    splits: [0, 6, 12, 18, 24],
    series: [{ points: { show: false }, stroke: "transparent" }],
    caption: gettext(
      "A column is a day of local standard time, midnight at the bottom. Green-blue is uptake, brown " +
        "release, white nothing; the darkest are {full} {unit} and more. Grey is missing.",
      { full: DARKEST_FLUX, unit: unitText(page.variables.NEE.unit) },
    ),
    hover: () => hoverText(figure.plot, slots, shift),
    range: () => [0, 24],
    draw: (u) => paint(u, slots, shift),
  });
  return { figure, show };

  function show(/** @type {number[]} */ starts, /** @type {(number|null)[]} */ values, /** @type {number} */ length) {
    if (!values.some((value) => value !== null)) {
      figure.showEmpty(gettext("No {name} in this period.", { name }));
      return;
    }
    slots = { first: Math.floor((starts[0] + shift) / length), length, values };
    const [from, to] = [starts[0], starts[starts.length - 1]].map((start) => Math.floor((start + shift) / DAY));
    const days = Array.from({ length: to - from + 2 }, (_, i) => (from + i) * DAY - shift);
    figure.show([days, days.map(() => 0)], days[0], days[days.length - 1]);
  }
}

function paint(/** @type {any} */ u, /** @type {Slots} */ { first, length, values }, /** @type {number} */ shift) {
  const { ctx: context, bbox } = u;
  context.save();
  context.fillStyle = colour("hair");
  context.fillRect(bbox.left, bbox.top, bbox.width, bbox.height);
  values.forEach((value, i) => {
    if (value === null) return;
    const local = (first + i) * length;
    const day = Math.floor(local / DAY) * DAY;
    const hour = (local - day) / 3600;
    // edges on whole pixels: neither seams nor overlaps
    const [left, right] = [day, day + DAY].map((edge) => Math.round(u.valToPos(edge - shift, "x", true)));
    const [bottom, top] = [hour, hour + length / 3600].map((edge) => Math.round(u.valToPos(edge, "y", true)));
    context.fillStyle = shade(value);
    context.fillRect(left, top, Math.max(1, right - left), bottom - top);
  });
  context.restore();
}

function shade(/** @type {number} */ value) {
  const place = Math.min(1, Math.abs(value) / DARKEST_FLUX) * 2;
  const stops = value < 0 ? UPTAKE : RELEASE;
  const below = Math.min(1, Math.floor(place));
  const mixed = stops[below].map((part, k) => Math.round(part + (place - below) * (stops[below + 1][k] - part)));
  return `rgb(${mixed.join(",")})`;
}

/** The half-hour under the pointer. */
function hoverText(/** @type {any} */ u, /** @type {Slots} */ { first, length, values }, /** @type {number} */ shift) {
  const day = Math.floor((u.posToVal(u.cursor.left, "x") + shift) / DAY) * DAY;
  const slot = Math.floor((day + u.posToVal(u.cursor.top, "y") * 3600) / length);
  const value = values[slot - first] ?? null;
  const [start, end] = [slot, slot + 1].map((edge) => timeText(edge * length - shift, offsetHours(page.station)));
  return [
    element("span", { class: "quiet" }, `${start}–${end.slice(11)}  `),
    value === null ? gettext("missing") : `NEE ${numberText(value)} ${unitText(page.variables.NEE.unit)}`,
  ];
}
