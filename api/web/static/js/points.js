/** Figures of single values: each half-hour a mark that tells its quality. */

import { Figure, padded } from "./figure.js";
import { axisText, numberText, offsetHours, timeText, unitText } from "./format.js";
import { colour, drawMark, markElement, qualityText } from "./quality.js";
import { element, gettext, page } from "./page.js";

const { station, variables } = page;

/** @typedef {import("./quality.js").Quality} Quality */
/** @typedef {{value: number|null, quality: Quality, sd: number|null}} Point */
/** @typedef {Figure & {points: Point[]}} MarkFigure */

/** An empty figure; its `points` are drawn at the times that are shown. */
export function pointFigure(
  /** @type {HTMLElement} */ parent,
  /** @type {import("./period.js").Period} */ period,
  /** @type {string} */ name,
  /** @type {string} */ title,
  /** @type {string} */ unit,
  /** @type {number} */ height,
  /** @type {string} */ caption,
) {
  /** @type {Point[]} */
  const points = [];
  const figure = new Figure(parent, {
    name,
    title,
    caption,
    height,
    axis: axisText(name, unit),
    sync: "period",
    series: [{ stroke: colour("hair"), width: 1, points: { show: false } }],
    hover: () => [],
    range: (u, min, max) => goodRange(points, u, min, max),
    draw: (u) => drawPoints(u, points),
    select: (from, to) => period.choose([from, to]),
  });
  return Object.assign(figure, { points });
}

/** What the pointer is on: the interval's time, its value, and why it is judged so. */
export function hoverPoint(
  /** @type {{start: number, end: number}} */ row,
  /** @type {string} */ name,
  /** @type {Point} */ point,
  /** @type {string} */ why,
) {
  const hours = offsetHours(station);
  const time = element(
    "span",
    { class: "quiet" },
    `${timeText(row.start, hours)}–${timeText(row.end, hours).slice(11)}  `,
  );
  if (point.value === null) return [time, `${name} `, gettext("missing"), why ? `: ${why}` : ""];
  return [
    time,
    `${name} ${numberText(point.value)} ${unitText(variables[name].unit)}  `,
    markElement(point.quality),
    qualityText(point.quality) + (why ? `: ${why}` : ""),
  ];
}

/** The axis fits what is good, usable or filled; bad values do not stretch it more than twofold. */
function goodRange(
  /** @type {Point[]} */ points,
  /** @type {any} */ u,
  /** @type {number} */ min,
  /** @type {number} */ max,
) {
  const of = (/** @type {boolean} */ bad) =>
    points
      .filter((point) => point.value !== null && (point.quality === "bad") === bad)
      .flatMap((point) => [Number(point.value) - (point.sd || 0), Number(point.value) + (point.sd || 0)]);
  const good = of(false);
  const all = good.concat(of(true));
  if (!all.length) return padded(u, min, max);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (!good.length) return padded(u, low, high);
  const [lowest, highest] = [Math.min(...good), Math.max(...good)];
  const room = (highest - lowest || Math.abs(highest) || 1) / 2;
  return padded(u, Math.max(low, lowest - room), Math.min(high, highest + room));
}

function drawPoints(/** @type {any} */ u, /** @type {Point[]} */ points) {
  const { ctx: context, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  const radius = (points.length > 2000 ? 1.5 : points.length > 400 ? 2.2 : 3.2) * ratio;
  const colours = { good: colour("good"), usable: colour("usable"), bad: colour("bad"), filled: colour("filled") };
  context.save();
  context.beginPath();
  context.rect(bbox.left - radius, bbox.top - radius, bbox.width + 2 * radius, bbox.height + 2 * radius);
  context.clip();
  points.forEach((point, i) => {
    if (point.value === null) return;
    const x = u.valToPos(u.data[0][i], "x", true);
    const y = Math.min(bbox.top + bbox.height, Math.max(bbox.top, u.valToPos(point.value, "y", true)));
    context.fillStyle = context.strokeStyle = colours[point.quality];
    context.lineWidth = 1.5 * ratio;
    if (point.sd) {
      context.globalAlpha = 0.4;
      context.beginPath();
      context.moveTo(x, u.valToPos(point.value - point.sd, "y", true));
      context.lineTo(x, u.valToPos(point.value + point.sd, "y", true));
      context.stroke();
      context.globalAlpha = 1;
    }
    drawMark(context, point.quality, x, y, radius);
  });
  context.restore();
}
