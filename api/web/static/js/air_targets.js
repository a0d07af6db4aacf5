/** Bias of each target tank against the band that is accepted. */

import { drawMarks, flagMark, flagText, qualityOfFlag } from "./air_marks.js";
import { Figure, padded } from "./figure.js";
import { axisText, isoOf, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, getJson, gettext, page } from "./page.js";

const { station } = page;
const LENGTH = 90 * 86400;
const ROOM = 6 * 3600;

/** A figure a target tank; `load` makes and fills them. */
export function makeTargets(/** @type {HTMLElement} */ parent) {
  /** @type {Map<string, ReturnType<typeof makeTarget>>} */
  const figures = new Map();
  let shown = "";
  const empty = element("p", { class: "empty" });

  async function load(/** @type {import("./air.js").Choice} */ now, /** @type {number} */ end) {
    const limits = Number.isFinite(end) ? `&from=${isoOf(end - LENGTH)}&to=${isoOf(end)}` : "";
    const path = `${page.root}/api/v1/stations/${station.id}/targets?gas=${now.name}${limits}`;
    try {
      const { data } = await getJson(path);
      if (shown !== now.name) {
        shown = now.name;
        figures.clear();
        parent.replaceChildren();
      }
      const tanks = [...new Set(data.tank)].map(String);
      empty.textContent = gettext(
        "No run of a target in these 90 days. A tank whose port has the role target in the station file is measured " +
          "like air and shows the bias.",
      );
      if (tanks.length) empty.remove();
      else parent.append(empty);
      for (const tank of tanks) {
        const figure = figures.get(tank) || makeTarget(parent, now, tank);
        figures.set(tank, figure);
        figure.show(data, path);
      }
    } catch (error) {
      empty.textContent = error instanceof Error ? error.message : String(error);
      parent.append(empty);
    }
  }
  return { load };
}

function makeTarget(
  /** @type {HTMLElement} */ parent,
  /** @type {import("./air.js").Choice} */ now,
  /** @type {string} */ tank,
) {
  /** @type {Parameters<typeof drawMarks>[1]} */
  let points = [];
  const figure = new Figure(parent, {
    name: `${now.name}-target-${tank}`,
    title: gettext("Bias of target {tank}", { tank }),
    caption: gettext(
      "Measured minus assigned {gas} of target {tank}, each run with one standard uncertainty; the band is the " +
        "accepted bias of ±{goal} {unit}. Beyond it twice running is a warning, beyond twice that an alarm.",
      { gas: now.name, tank, goal: now.goal, unit: unitText(now.unit) },
    ),
    height: 200,
    axis: axisText(gettext("bias"), now.unit),
    series: [{ stroke: colour("hair"), width: 1, points: { show: false } }],
    hover: () => [],
    range: (u, min, max) => padded(u, Math.min(min, -1.5 * now.goal), Math.max(max, 1.5 * now.goal)),
    draw: (u) => {
      drawGoal(u, now.goal);
      drawMarks(u, points);
    },
  });

  function show(/** @type {any} */ data, /** @type {string} */ path) {
    const rows = data.time.map((/** @type {string} */ _, /** @type {number} */ i) => i);
    const own = rows.filter((/** @type {number} */ i) => data.tank[i] === tank);
    const times = own.map((/** @type {number} */ i) => secondsOf(data.time[i]));
    points = own.map((/** @type {number} */ i) => ({
      value: data.bias[i],
      quality: qualityOfFlag(data.flag[i]),
      u: data.u[i],
      kept: false,
    }));
    figure.csv.setAttribute("href", path);
    figure.options.hover = (place) => {
      const i = own[place];
      const [bias, u] = [data.bias[i], data.u[i]];
      return [
        element("span", { class: "quiet" }, `${timeText(times[place], offsetHours(station))}  `),
        bias === null ? gettext("missing") : signed(bias),
        `${u === null ? "" : ` ± ${u.toFixed(3)}`} ${unitText(now.unit)} (${data.value[i]?.toFixed(3) ?? "–"} / `,
        `${data.assigned[i]?.toFixed(3) ?? "–"})  `,
        flagMark(data.flag[i]),
        flagText(data.flag[i]),
      ];
    };
    figure.show([times, points.map((point) => point.value)], times[0] - ROOM, times[times.length - 1] + ROOM);
  }
  return { show };
}

/** The band of what is accepted. */
function drawGoal(/** @type {any} */ u, /** @type {number} */ goal) {
  const { ctx: context, bbox } = u;
  const [top, bottom] = [goal, -goal].map((value) => u.valToPos(value, "y", true));
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  context.fillStyle = colour("band");
  context.fillRect(bbox.left, top, bbox.width, bottom - top);
  context.strokeStyle = colour("good");
  context.setLineDash([6, 4]);
  context.beginPath();
  for (const y of [top, bottom]) {
    context.moveTo(bbox.left, y);
    context.lineTo(bbox.left + bbox.width, y);
  }
  context.stroke();
  context.restore();
}

/** A number with its sign. */
export function signed(/** @type {number} */ value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}
