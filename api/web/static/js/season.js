/** Half-hours of a season: NEE, measured and filled, respiration and uptake by both methods. */

import { Figure } from "./figure.js";
import { axisText, numberText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, getJson, gettext, page, words } from "./page.js";
import { hoverPoint, pointFigure } from "./points.js";

const { station, variables } = page;
const HEIGHT = 190;
const PARTITIONED = ["RECO", "GPP"];
const METHODS = ["NT", "DT"]; // partitioned by the night's exchange, by the day's light response
const NEE_COLUMNS = ["NEE", "NEE_F", "NEE_F_QC", "NEE_F_SD", "NEE_F_N", "NEE_F_METHOD", "NEE_F_WINDOW"];
const MACHINE_LEARNING = 4; // how NEE was filled: by machine learning

/** @typedef {import("./points.js").MarkFigure} MarkFigure */
/** @typedef {import("./points.js").Point} Point */
/** @typedef {import("./period.js").Period} Period */
/**
 * @typedef {{run: number|null, not_done: Record<string, string>, averaging_minutes: number,
 *   data: Record<string, any[]>}} Product
 */

/** Make the figures; `get` asks for the period's half-hours, `path` is where they are, up to their query. */
export function makeSeason(
  /** @type {HTMLElement} */ parent,
  /** @type {Period} */ period,
  /** @type {string} */ path,
) {
  const provisional = !page.run || page.run.kind === "provisional";
  const filled = pointFigure(
    parent,
    period,
    "NEE_F",
    provisional ? gettext("NEE, gap-filled (provisional)") : gettext("NEE, gap-filled"),
    variables.NEE.unit,
    HEIGHT,
    gettext(
      "Solid marks are measured and used, hollow ones filled, with the spread of what they were filled by " +
        "(one standard deviation).",
    ),
  );
  const parts = PARTITIONED.map((name) => partFigure(parent, period, name));

  return {
    get(/** @type {string} */ query) {
      const asked = [NEE_COLUMNS, ...PARTITIONED.map(seriesOf)].map(
        (names) => `${path}variables=${names.join(",")}&format=csv&${query}`,
      );
      [filled, ...parts].forEach((figure, i) => figure.csv.setAttribute("href", asked[i]));
      return /** @type {Promise<Product>} */ (
        getJson(`${path}variables=${[...NEE_COLUMNS, ...PARTITIONED.flatMap(seriesOf)].join(",")}&${query}`)
      );
    },
    show(/** @type {Product} */ product, /** @type {number} */ from, /** @type {number} */ to) {
      showFilled(filled, product, from, to);
      parts.forEach((figure, i) => showPart(figure, PARTITIONED[i], product, from, to));
      announceNewerRun(product.run);
    },
    showEmpty: (/** @type {string} */ why) => [filled, ...parts].forEach((figure) => figure.showEmpty(why)),
  };
}

function seriesOf(/** @type {string} */ part) {
  return METHODS.map((method) => `${part}_${method}`);
}

/** A part of NEE, a line each method. */
function partFigure(/** @type {HTMLElement} */ parent, /** @type {Period} */ period, /** @type {string} */ name) {
  const { unit } = variables[name];
  const line = { width: 1.5, points: { show: false } };
  return new Figure(parent, {
    name,
    title: `${name}, ${words(variables[name])}`,
    height: HEIGHT,
    axis: axisText(name, unit),
    sync: "period",
    caption: gettext(
      "{name} of every half-hour as its model has it: the solid line by the night-time method, the dashed " +
        "one by the day-time method.",
      { name },
    ),
    series: [
      { ...line, stroke: colour("accent") },
      { ...line, stroke: colour("ink"), dash: [6, 4] },
    ],
    hover: () => [],
    select: (from, to) => period.choose([from, to]),
  });
}

function showFilled(
  /** @type {MarkFigure} */ figure,
  /** @type {Product} */ { run, data },
  /** @type {number} */ from,
  /** @type {number} */ to,
) {
  const points = data.NEE_F.map(
    (value, i) =>
      /** @type {Point} */ (
        data.NEE[i] !== null
          ? { value: data.NEE[i], quality: "good", sd: null }
          : { value, quality: "filled", sd: data.NEE_F_SD[i] }
      ),
  );
  if (!points.some((point) => point.value !== null)) {
    figure.showEmpty(
      run === null || points.length
        ? gettext(
            "Not filled yet. Gap filling follows new fluxes; it needs some half-hours of good FC under " +
              "similar weather.",
          )
        : gettext("Run {run} has no half-hour in this period. Choose another one.", { run }),
    );
    return;
  }
  const rows = rowsOf(data);
  figure.points.splice(0, Infinity, ...points);
  const sourceText = (/** @type {number} */ i) => {
    const quality = data.NEE_F_QC[i] ?? "?";
    if (points[i].quality !== "filled") return gettext("measured");
    if (data.NEE_F_METHOD[i] === MACHINE_LEARNING)
      return gettext("learned from what the site measured, quality {quality} of 3", { quality });
    return gettext("from {n} similar intervals within {window} d, quality {quality} of 3", {
      n: data.NEE_F_N[i] ?? 0,
      window: data.NEE_F_WINDOW[i] ?? 0,
      quality,
    });
  };
  figure.options.hover = (i) => hoverPoint(rows[i], "NEE", points[i], sourceText(i));
  figure.show([rows.map(middle), points.map((point) => point.value)], from, to);
}

function showPart(
  /** @type {Figure} */ figure,
  /** @type {string} */ name,
  /** @type {Product} */ { run, not_done: reasons, data },
  /** @type {number} */ from,
  /** @type {number} */ to,
) {
  const columns = seriesOf(name).map((series) => /** @type {(number|null)[]} */ (data[series]));
  figure.figure.hidden = run === null;
  if (!columns.some((values) => values.some((value) => value !== null))) {
    // what leaves out respiration leaves out uptake
    const why = METHODS.filter((method) => reasons[`RECO_${method}`])
      .map((method) => `${method}: ${reasons[`RECO_${method}`]}`)
      .join("; ");
    figure.showEmpty(
      why
        ? gettext("{name} could not be computed: {reasons}", { name, reasons: why })
        : gettext("No {name} in this period.", { name }),
    );
    return;
  }
  const rows = rowsOf(data);
  figure.options.hover = (i) => [
    element(
      "span",
      { class: "quiet" },
      `${timeText(rows[i].start, offsetHours(station))}–${timeText(rows[i].end, offsetHours(station)).slice(11)}  `,
    ),
    seriesOf(name)
      .map((series, k) => `${series} ${numberText(columns[k][i])}`)
      .join(", "),
    ` ${unitText(variables[name].unit)}`,
  ];
  figure.show([rows.map(middle), ...columns], from, to);
}

/** Say that a run was made since the page was: what stands above the figures is of the one before. */
function announceNewerRun(/** @type {number|null} */ run) {
  const place = document.getElementById("newer");
  if (!place || run === null || run === page.run?.id) return;
  const link = element("a", { href: location.href }, gettext("Show it"));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    location.reload();
  });
  place.replaceChildren(gettext("Run {run} was made since this page was opened.", { run }), " ", link);
}

function rowsOf(/** @type {Record<string, any[]>} */ data) {
  return data.start.map((start, i) => ({ start: secondsOf(start), end: secondsOf(data.end[i]) }));
}

function middle(/** @type {{start: number, end: number}} */ row) {
  return (row.start + row.end) / 2;
}
