/** Fluxes with their flags, gap-filled NEE, and the table of both. */

import { Figure, padded } from "./figure.js";
import { axisText, numberText, offsetHours, offsetText, secondsOf, timeText, unitText } from "./format.js";
import { colour, drawMark, markElement, qualityOf, qualityText } from "./marks.js";
import { byId, element, getJson, gettext, otherGases, page, words } from "./page.js";
import { showTable } from "./table.js";
import { throttle } from "./traces.js";

const { station, variables } = page;
const FOLLOW = 2000; // least time between two requests for what is new [ms]

/** @typedef {import("./marks.js").Quality} Quality */
/** @typedef {{start: number, end: number, values: Record<string, number|null>, reasons: Record<string, string>}} HalfHour */
/** @typedef {{value: number|null, quality: Quality, sd: number|null}} Point */

const SHOWN = [
  { name: "FC", flag: "FC_SSITC_TEST" },
  { name: "LE", flag: "LE_SSITC_TEST" },
  { name: "H", flag: "H_SSITC_TEST" },
  ...otherGases(),
  { name: "USTAR", flag: "TAU_SSITC_TEST" },
];
const COLUMNS = ["FC", "LE", "H", "USTAR", "TAU", "ZL", "WS", "WD", "TA", "FC_SSITC_TEST", "LE_SSITC_TEST", "H_SSITC_TEST", "TAU_SSITC_TEST",
  ...otherGases().flatMap(({ name, flag }) => [name, flag])];

/** Draw the flux figures; `refresh` loads the period, `follow` does so when new fluxes came and the newest are shown. */
export function makeFluxes(/** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period) {
  byId("legend").replaceChildren(...(/** @type {Quality[]} */ (["good", "usable", "bad", "filled"])).map((quality) =>
    element("span", {}, markElement(quality), qualityText(quality))));
  const figures = SHOWN.map(({ name }) => markFigure(parent, period, name, `${name}, ${words(variables[name])}`, variables[name].unit, 190,
    gettext("{name} as measured, not filled; points stand at the middle of their interval, a value beyond the axis at its edge.", { name })));
  const filled = markFigure(parent, period, "NEE_F", gettext("NEE, gap-filled (provisional)"), variables.NEE.unit, 190,
    gettext("Solid marks are measured, hollow ones filled by marginal distribution sampling, with their spread (one standard deviation); provisional."));

  async function load() {
    const base = `/api/v1/stations/${station.id}`;
    try {
      const query = period.query(await newestFlux(base));
      figures.concat(filled).forEach((figure, i) => {
        const what = i < SHOWN.length ? `fluxes?variables=${SHOWN[i].name},${SHOWN[i].flag}` : "product?";
        figure.csv.setAttribute("href", `${base}/${what}&format=csv&${query}`);
      });
      const [fluxes, product] = await Promise.all([
        getJson(`${base}/fluxes?variables=${COLUMNS.join(",")}&${query}`),
        getJson(`${base}/product?${query}`),
      ]);
      const rows = halfHours(fluxes.data);
      const minutes = fluxes.averaging_minutes;
      if (!rows.length) {
        const why = period.follows ? noFluxYet() : gettext("No flux in this period. Choose another one, or the newest.");
        figures.forEach((figure) => figure.showEmpty(why));
      }
      const starts = rows.map((row) => row.start).concat(product.data.start.map(secondsOf));
      const [from, to] = period.limits(Math.min(...starts), Math.max(...starts) + minutes * 60);
      if (starts.length) period.say(Math.min(...starts), Math.max(...starts) + minutes * 60);
      if (rows.length && period.follows) showNewest(byId("newest-flux"), rows[rows.length - 1]);
      if (rows.length) {
        figures.forEach((figure, i) => showFlux(figure, SHOWN[i], onGrid(rows, minutes), from, to));
      }
      showProduct(filled, product, from, to);
      showTable(byId("table"), byId("table-caption"), rows);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      figures.concat(filled).forEach((figure) => figure.showEmpty(text));
    }
  }
  const refresh = throttle(load, FOLLOW);
  return { refresh, follow: () => period.follows && refresh() };
}

/** The newest interval's fluxes as readouts, each with its flag. */
function showNewest(/** @type {HTMLElement} */ place, /** @type {HalfHour} */ row) {
  const hours = offsetHours(station);
  const readouts = SHOWN.map(({ name, flag }) => {
    const quality = qualityOf(row.values[flag] ?? null);
    const missing = (row.values[name] ?? null) === null;
    return element("div", {},
      element("dt", {}, element("span", {}, name), element("span", { class: "quiet" }, ...(missing ? [] : [markElement(quality), qualityText(quality)]))),
      element("dd", {}, element("span", { class: "value" }, numberText(row.values[name])), element("span", { class: "quiet" }, unitText(variables[name].unit))),
      element("dd", { class: "what" }, row.reasons[flag] || row.reasons[name] || words(variables[name])));
  });
  place.replaceChildren(element("div", { class: "stream" },
    element("header", {}, element("h2", {}, gettext("Newest fluxes")),
      element("span", { class: "quiet" }, `${timeText(row.start, hours)}–${timeText(row.end, hours).slice(11)} ${offsetText(hours)}`)),
    element("dl", { class: "readouts" }, ...readouts)));
}

/** End of the newest half-hour, null without one. [s] */
async function newestFlux(/** @type {string} */ base) {
  const { flux_end: end } = await getJson(base);
  return end ? secondsOf(end) : null;
}

function noFluxYet() {
  return gettext("No flux yet. An interval of {minutes} min is computed once its samples are complete, at the latest {lateness} s after its end; `fluxtower status` shows whether the worker runs.",
    { minutes: station.averaging_minutes || 30, lateness: station.lateness_s || 0 });
}

function halfHours(/** @type {any} */ data) {
  return /** @type {HalfHour[]} */ (data.start.map((/** @type {string} */ start, /** @type {number} */ i) => ({
    start: secondsOf(start),
    end: secondsOf(data.end[i]),
    values: Object.fromEntries(COLUMNS.map((name) => [name, data[name][i]])),
    reasons: data.reasons[i],
  })));
}

/** Rows on a regular grid: a missing interval is a row without values, so that no line crosses a gap. */
function onGrid(/** @type {HalfHour[]} */ rows, /** @type {number} */ minutes) {
  /** @type {HalfHour[]} */
  const grid = [];
  for (const row of rows) {
    const last = grid[grid.length - 1];
    if (last && row.start > last.end + 1) grid.push({ start: last.end, end: last.end + minutes * 60, values: {}, reasons: {} });
    grid.push(row);
  }
  return grid;
}

function markFigure(
  /** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period, /** @type {string} */ name,
  /** @type {string} */ title, /** @type {string} */ unit, /** @type {number} */ height, /** @type {string} */ caption
) {
  /** @type {Point[]} */
  const points = [];
  const figure = new Figure(parent, {
    name, title, caption, height, axis: axisText(name, unit), sync: "period",
    series: [{ stroke: colour("hair"), width: 1, points: { show: false } }],
    hover: () => [],
    range: (u, min, max) => goodRange(points, u, min, max),
    draw: (u) => drawPoints(u, points),
    select: (from, to) => period.choose([from, to]),
  });
  return Object.assign(figure, { points });
}

/** @typedef {Figure & {points: Point[]}} MarkFigure */

function showFlux(/** @type {MarkFigure} */ figure, /** @type {{name: string, flag: string}} */ { name, flag },
  /** @type {HalfHour[]} */ rows, /** @type {number} */ from, /** @type {number} */ to) {
  const points = rows.map((row) => ({ value: row.values[name] ?? null, quality: qualityOf(row.values[flag] ?? null), sd: null }));
  if (points.every((point) => point.value === null)) {
    const reasons = [...new Set(rows.map((row) => row.reasons[name]).filter(Boolean))].slice(0, 2).join("; ");
    figure.showEmpty(reasons ? gettext("{name} could not be computed: {reasons}", { name, reasons })
      : gettext("{name} could not be computed in this period. Does the station have the sensor, and does it send valid values?", { name }));
    return;
  }
  figure.points.splice(0, Infinity, ...points);
  figure.options.hover = (i) => hover(rows[i], name, points[i], rows[i].reasons[flag] || rows[i].reasons[name] || "");
  figure.show([rows.map((row) => (row.start + row.end) / 2),
    points.map((point) => (point.quality === "bad" ? null : point.value))], from, to);
}

function showProduct(/** @type {MarkFigure} */ figure, /** @type {any} */ product, /** @type {number} */ from, /** @type {number} */ to) {
  const { data } = product;
  const points = data.NEE_F.map((/** @type {number|null} */ value, /** @type {number} */ i) => (data.NEE[i] !== null
    ? { value: data.NEE[i], quality: "good", sd: null }
    : { value, quality: "filled", sd: data.NEE_F_SD[i] }));
  if (!points.some((/** @type {Point} */ point) => point.value !== null)) {
    figure.showEmpty(gettext("Not filled yet. Gap filling follows new fluxes; it needs some half-hours of good FC under similar weather."));
    return;
  }
  const rows = data.start.map((/** @type {string} */ start, /** @type {number} */ i) =>
    ({ start: secondsOf(start), end: secondsOf(data.end[i]), values: {}, reasons: {} }));
  figure.points.splice(0, Infinity, ...points);
  figure.options.hover = (i) => hover(rows[i], "NEE", points[i], points[i].quality === "filled" ? gettext("from {n} similar intervals within {window} d, quality {quality} of 3",
    { n: data.NEE_F_N[i] ?? 0, window: data.NEE_F_WINDOW[i] ?? 0, quality: data.NEE_F_QC[i] ?? "?" }) : gettext("measured"));
  figure.show([rows.map((/** @type {HalfHour} */ row) => (row.start + row.end) / 2), points.map((/** @type {Point} */ point) => point.value)], from, to);
}

function hover(/** @type {HalfHour} */ row, /** @type {string} */ name, /** @type {Point} */ point, /** @type {string} */ why) {
  const hours = offsetHours(station);
  const time = element("span", { class: "quiet" }, `${timeText(row.start, hours)}–${timeText(row.end, hours).slice(11)}  `);
  if (point.value === null) return [time, `${name} `, gettext("missing"), why ? `: ${why}` : ""];
  return [time, `${name} ${numberText(point.value)} ${unitText(variables[name].unit)}  `, markElement(point.quality),
    qualityText(point.quality) + (why ? `: ${why}` : "")];
}

/** The axis fits what is good, usable or filled; bad values do not stretch it more than twofold. */
function goodRange(/** @type {Point[]} */ points, /** @type {any} */ u, /** @type {number} */ min, /** @type {number} */ max) {
  const of = (/** @type {boolean} */ bad) => points.filter((point) => point.value !== null && (point.quality === "bad") === bad)
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
