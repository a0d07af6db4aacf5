/** Fluxes with their flags, the season of the same period, and the table of fluxes. */

import { numberText, offsetHours, offsetText, secondsOf, timeText, unitText } from "./format.js";
import { markElement, qualityOf, qualityText } from "./quality.js";
import { byId, element, getJson, gettext, otherGases, page, words } from "./page.js";
import { hoverPoint, pointFigure } from "./points.js";
import { makeSeason } from "./season.js";
import { showTable } from "./table.js";
import { throttle } from "./traces.js";

const { station, variables } = page;
const FOLLOW_MS = 2000; // least time between two requests for what is new [ms]

/** @typedef {import("./quality.js").Quality} Quality */
/**
 * @typedef {{start: number, end: number, values: Record<string, number|null>,
 *   reasons: Record<string, string>}} HalfHour
 */

const SHOWN_FLUXES = [
  { name: "FC", flag: "FC_SSITC_TEST" },
  { name: "LE", flag: "LE_SSITC_TEST" },
  { name: "H", flag: "H_SSITC_TEST" },
  ...otherGases(),
  { name: "USTAR", flag: "TAU_SSITC_TEST" },
];
const COLUMNS = [
  "FC",
  "LE",
  "H",
  "USTAR",
  "TAU",
  "ZL",
  "WS",
  "WD",
  "TA",
  "FC_SSITC_TEST",
  "LE_SSITC_TEST",
  "H_SSITC_TEST",
  "TAU_SSITC_TEST",
  ...otherGases().flatMap(({ name, flag }) => [name, flag]),
];

/**
 * Draw the flux figures; `refresh` loads the period, `follow` does so when new fluxes came and the newest are shown.
 */
export function makeFluxes(/** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period) {
  byId("legend").replaceChildren(
    .../** @type {Quality[]} */ (["good", "usable", "bad", "filled"]).map((quality) =>
      element("span", {}, markElement(quality), qualityText(quality)),
    ),
  );
  const figures = SHOWN_FLUXES.map(({ name }) =>
    pointFigure(
      parent,
      period,
      name,
      `${name}, ${words(variables[name])}`,
      variables[name].unit,
      190,
      gettext(
        "{name} as measured, not filled; points stand at the middle of their interval, a value beyond the " +
          "axis at its edge.",
        { name },
      ),
    ),
  );
  const season = makeSeason(
    byId("season-figures"),
    period,
    `${page.root}/api/v1/stations/${station.id}/product?kind=${page.run?.kind || "provisional"}&`,
  );

  async function load() {
    const base = `${page.root}/api/v1/stations/${station.id}`;
    try {
      const query = period.query(await newestFlux(base));
      figures.forEach((figure, i) =>
        figure.csv.setAttribute(
          "href",
          `${base}/fluxes?variables=${SHOWN_FLUXES[i].name},${SHOWN_FLUXES[i].flag}&format=csv&${query}`,
        ),
      );
      const [fluxes, product] = await Promise.all([
        getJson(`${base}/fluxes?variables=${COLUMNS.join(",")}&${query}`),
        season.get(query),
      ]);
      const rows = halfHours(fluxes.data);
      const minutes = fluxes.averaging_minutes;
      if (!rows.length) {
        const why = period.follows
          ? noFluxYet()
          : gettext("No flux in this period. Choose another one, or the newest.");
        figures.forEach((figure) => figure.showEmpty(why));
      }
      const starts = rows.map((row) => row.start).concat(product.data.start.map(secondsOf));
      const [from, to] = period.limits(Math.min(...starts), Math.max(...starts) + minutes * 60);
      period.showLimits(Math.min(...starts), Math.max(...starts) + minutes * 60);
      if (rows.length && period.follows) showNewest(byId("newest-flux"), rows[rows.length - 1]);
      if (rows.length) {
        figures.forEach((figure, i) => showFlux(figure, SHOWN_FLUXES[i], onGrid(rows, minutes), from, to));
      }
      season.show(product, from, to);
      showTable(byId("table"), byId("table-caption"), rows);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      figures.forEach((figure) => figure.showEmpty(text));
      season.showEmpty(text);
    }
  }
  const refresh = throttle(load, FOLLOW_MS);
  return { refresh, follow: () => period.follows && refresh() };
}

/** The newest interval's fluxes as readouts, each with its flag. */
function showNewest(/** @type {HTMLElement} */ place, /** @type {HalfHour} */ row) {
  const hours = offsetHours(station);
  const readouts = SHOWN_FLUXES.map(({ name, flag }) => {
    const quality = qualityOf(row.values[flag] ?? null);
    const missing = (row.values[name] ?? null) === null;
    return element(
      "div",
      {},
      element(
        "dt",
        {},
        element("span", {}, name),
        element("span", { class: "quiet" }, ...(missing ? [] : [markElement(quality), qualityText(quality)])),
      ),
      element(
        "dd",
        {},
        element("span", { class: "value" }, numberText(row.values[name])),
        element("span", { class: "quiet" }, unitText(variables[name].unit)),
      ),
      element("dd", { class: "what" }, row.reasons[flag] || row.reasons[name] || words(variables[name])),
    );
  });
  place.replaceChildren(
    element(
      "div",
      { class: "stream" },
      element(
        "header",
        {},
        element("h2", {}, gettext("Newest fluxes")),
        element(
          "span",
          { class: "quiet" },
          `${timeText(row.start, hours)}–${timeText(row.end, hours).slice(11)} ${offsetText(hours)}`,
        ),
      ),
      element("dl", { class: "readouts" }, ...readouts),
    ),
  );
}

/** End of the newest half-hour, null without one. [s] */
async function newestFlux(/** @type {string} */ base) {
  const { flux_end: end } = await getJson(base);
  return end ? secondsOf(end) : null;
}

function noFluxYet() {
  return gettext(
    "No flux yet. An interval of {minutes} min is computed once its samples are complete, at the latest " +
      "{lateness} s after its end; `fluxtower status` shows whether the worker runs.",
    { minutes: station.averaging_minutes || 30, lateness: station.lateness_s || 0 },
  );
}

function halfHours(/** @type {any} */ data) {
  return /** @type {HalfHour[]} */ (
    data.start.map((/** @type {string} */ start, /** @type {number} */ i) => ({
      start: secondsOf(start),
      end: secondsOf(data.end[i]),
      values: Object.fromEntries(COLUMNS.map((name) => [name, data[name][i]])),
      reasons: data.reasons[i],
    }))
  );
}

/** Rows on a regular grid: a missing interval is a row without values, so that no line crosses a gap. */
function onGrid(/** @type {HalfHour[]} */ rows, /** @type {number} */ minutes) {
  /** @type {HalfHour[]} */
  const grid = [];
  for (const row of rows) {
    const last = grid[grid.length - 1];
    if (last && row.start > last.end + 1)
      grid.push({ start: last.end, end: last.end + minutes * 60, values: {}, reasons: {} });
    grid.push(row);
  }
  return grid;
}

/** @typedef {import("./points.js").MarkFigure} MarkFigure */

function showFlux(
  /** @type {MarkFigure} */ figure,
  /** @type {{name: string, flag: string}} */ { name, flag },
  /** @type {HalfHour[]} */ rows,
  /** @type {number} */ from,
  /** @type {number} */ to,
) {
  const points = rows.map((row) => ({
    value: row.values[name] ?? null,
    quality: qualityOf(row.values[flag] ?? null),
    sd: null,
  }));
  if (points.every((point) => point.value === null)) {
    const reasons = [...new Set(rows.map((row) => row.reasons[name]).filter(Boolean))].slice(0, 2).join("; ");
    figure.showEmpty(
      reasons
        ? gettext("{name} could not be computed: {reasons}", { name, reasons })
        : gettext(
            "{name} could not be computed in this period. Does the station have the sensor, and does it " +
              "send valid values?",
            { name },
          ),
    );
    return;
  }
  figure.points.splice(0, Infinity, ...points);
  figure.options.hover = (i) =>
    hoverPoint(rows[i], name, points[i], rows[i].reasons[flag] || rows[i].reasons[name] || "");
  figure.show(
    [
      rows.map((row) => (row.start + row.end) / 2),
      points.map((point) => (point.quality === "bad" ? null : point.value)),
    ],
    from,
    to,
  );
}
