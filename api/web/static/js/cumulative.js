/** The growth of a season's sum of NEE, with the band of its uncertainty. */

import { Figure } from "./figure.js";
import { axisText, numberText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, gettext, page } from "./page.js";

const MARKED_DAYS = 60; // so many are marked one by one, more are a line

/** Draw it for the page's run, if there is one. */
export function makeCumulativeSum(/** @type {HTMLElement} */ parent) {
  const { run, station } = page;
  if (!run) return;
  const course = run.course;
  const unit = course?.unit || "gC m-2";
  const missing = course?.missing ? gettext("{n} intervals without a value are left out.", { n: course.missing }) : "";
  const figure = new Figure(parent, {
    name: `NEE_F-sum-run${run.id}`,
    title: gettext("NEE, summed since the season began"),
    height: 240,
    axis: axisText("NEE_F", unit),
    caption: [
      gettext(
        "Sum of measured and filled NEE to the end of each day, negative = uptake; the band is one " +
          "standard deviation of what is known of its uncertainty.",
      ),
      missing,
    ].join(" "),
    series: [
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colour("accent"), width: 1.5, points: { show: (course?.end.length || 0) < MARKED_DAYS, size: 5 } },
    ],
    bands: [{ series: [2, 1], fill: colour("band") }],
    hover: () => [],
  });
  if (!course || !run.period || course.NEE_F.every((value) => value === null)) {
    figure.showEmpty(
      run.not_done.NEE_F
        ? gettext("{name} could not be computed: {reasons}", { name: "NEE_F", reasons: run.not_done.NEE_F })
        : gettext("This run does not say how its sum grew. A new one does: fluxtower season {station}", {
            station: station.id,
          }),
    );
    return;
  }
  const times = [secondsOf(run.period[0]), ...course.end.map(secondsOf)];
  const sums = [0, ...course.NEE_F];
  const spread = [0, ...course.NEE_F_JOINTUNC];
  const bandEdge = (/** @type {number} */ sign) =>
    sums.map((sum, i) => (sum === null || spread[i] === null ? null : sum + sign * Number(spread[i])));
  figure.options.hover = (i) => [
    element("span", { class: "quiet" }, `${timeText(times[i], offsetHours(station))}  `),
    `NEE_F ${numberText(sums[i])}${spread[i] === null ? "" : ` ± ${numberText(spread[i])}`} ${unitText(unit)}`,
  ];
  figure.csv.setAttribute("download", `${station.id}_NEE_F-sum-run${run.id}.csv`);
  figure.csv.setAttribute(
    "href",
    csvOf(["end", "NEE_F", "NEE_F_JOINTUNC"], ["", unit, unit], [course.end, course.NEE_F, course.NEE_F_JOINTUNC]),
  );
  const room = 0.02 * (times[times.length - 1] - times[0]);
  figure.show([times, bandEdge(-1), bandEdge(1), sums], times[0] - room, times[times.length - 1] + room);
}

/** An address of columns as a CSV: a line of names, one of units, empty where missing. */
function csvOf(
  /** @type {string[]} */ names,
  /** @type {string[]} */ units,
  /** @type {(string|number|null)[][]} */ columns,
) {
  const lines = columns[0].map((_, i) => columns.map((column) => column[i] ?? "").join(","));
  return URL.createObjectURL(
    new Blob([[names.join(","), units.join(","), ...lines, ""].join("\n")], { type: "text/csv" }),
  );
}
