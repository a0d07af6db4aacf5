/** Hours of a gas at an intake: value with uncertainty, flag, and which are background air. */

import { drawMarks, flagMark, flagText, qualityOfFlag, reasonText, squareMark, stateText } from "./air_marks.js";
import { Figure } from "./figure.js";
import { axisText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { byId, element, getJson, gettext, page } from "./page.js";

const { station } = page;
const HOUR = 3600;

/** The figure; `load` fills it. */
export function makeHours(/** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period) {
  /** @type {Parameters<typeof drawMarks>[1]} */
  let points = [];
  let shown = "";
  const figure = new Figure(parent, {
    name: "hours",
    title: "",
    caption: "",
    height: 300,
    axis: "",
    sync: "period",
    series: [
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colour("hair"), width: 1, points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: colour("band") }],
    hover: () => [],
    draw: (u) => drawMarks(u, points),
    select: (from, to) => period.choose([from, to]),
  });
  byId("legend").replaceChildren(
    ...[1, 2, 3].map((flag) => element("span", {}, flagMark(flag), flagText(flag))),
    element("span", {}, squareMark(), gettext("background")),
  );

  async function load(/** @type {import("./air.js").Choice} */ now, /** @type {string} */ query) {
    const asked = `gas=${now.name}&intake=${now.intake}`;
    const path = `${page.root}/api/v1/stations/${station.id}`;
    if (shown !== `${asked} ${now.method}`) {
      shown = `${asked} ${now.method}`;
      figure.change({
        name: `${now.name}-${now.intake}`,
        title: gettext("Hours of {gas} at {intake}", { gas: now.name, intake: now.intake }),
        axis: axisText(now.name, now.unit),
        caption: gettext(
          "Hourly means of the dry mole fraction of {gas} at intake {intake} on scale {scale}, measured, never " +
            "filled: band and bars are one standard uncertainty, a gap is a gap. A square marks background air, " +
            "selected by {method}.",
          { gas: now.name, intake: now.intake, scale: now.scale, method: now.method },
        ),
      });
    }
    if (!query) {
      figure.showEmpty(
        gettext("No calibrated hour yet. They need runs of the tanks around them: {command} says what is missing.", {
          command: `fluxtower mole-fractions make ${station.id} --from ... --to ...`,
        }),
      );
      return;
    }
    try {
      const [air, selected] = await Promise.all([
        getJson(`${path}/mole-fractions?${asked}&${query}`),
        getJson(`${path}/background?${asked}&method=${now.method}&${query}`),
      ]);
      figure.csv.setAttribute("href", `${path}/mole-fractions?${asked}&${query}&format=csv`);
      const { data } = air;
      if (!data.value.some((/** @type {number|null} */ one) => one !== null)) {
        figure.showEmpty(gettext("No hour with a value in this period. Choose another one, or the newest."));
        return;
      }
      const states = new Map(
        selected.data.time.map((/** @type {string} */ time, /** @type {number} */ i) => [time, selected.data.state[i]]),
      );
      const rows = withMissing(data);
      points = rows.map((i) => ({
        value: i === null ? null : data.value[i],
        quality: qualityOfFlag(i === null ? 4 : data.flag[i]),
        u: i === null ? null : data.u[i],
        kept: i !== null && states.get(data.time[i]) === "kept",
      }));
      const first = secondsOf(data.time[0]);
      // a mean stands in the middle of its hour
      const times = rows.map((_, place) => first + (place + 0.5) * HOUR);
      const values = points.map((point) => point.value);
      const bounds = [-1, 1].map((sign) =>
        points.map((point) => (point.value === null ? null : point.value + sign * (point.u || 0))),
      );
      figure.options.hover = (place) => hoverText(rows[place], times[place]);
      const [from, to] = period.limits(times[0] - HOUR / 2, times[times.length - 1] + HOUR / 2);
      figure.show([times, bounds[0], bounds[1], values], from, to);
      period.showLimits(times[0] - HOUR / 2, times[times.length - 1] + HOUR / 2);

      function hoverText(/** @type {number|null} */ i, /** @type {number} */ middle) {
        const time = timeText(middle - HOUR / 2, offsetHours(station));
        const stamp = element("span", { class: "quiet" }, `${time}  `);
        if (i === null) return [stamp, gettext("missing")];
        const why = data.reasons[i].map(reasonText).join("; ");
        const words = flagText(data.flag[i]) + (why ? `: ${why}` : "");
        if (data.value[i] === null) return [stamp, gettext("missing"), "  ", flagMark(data.flag[i]), words];
        const u = data.u[i] === null ? "" : ` ± ${data.u[i].toFixed(3)}`;
        return [
          stamp,
          `${now.name} ${data.value[i].toFixed(2)}${u} ${unitText(now.unit)}  `,
          flagMark(data.flag[i]),
          `${words}; ${stateText(states.get(data.time[i]) || "")}`,
        ];
      }
    } catch (error) {
      figure.showEmpty(error instanceof Error ? error.message : String(error));
    }
  }
  return { load };
}

/** For each hour from the first to the last its row, null where there is none. */
function withMissing(/** @type {{time: string[]}} */ data) {
  const first = secondsOf(data.time[0]);
  const count = Math.round((secondsOf(data.time[data.time.length - 1]) - first) / HOUR) + 1;
  /** @type {(number|null)[]} */
  const rows = new Array(count).fill(null);
  data.time.forEach((time, i) => {
    rows[Math.round((secondsOf(time) - first) / HOUR)] = i;
  });
  return rows;
}
