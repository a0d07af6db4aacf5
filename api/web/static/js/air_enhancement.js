/** How much the station is above another one, hour by hour; afternoons apart. */

import { drawMarks } from "./air_marks.js";
import { signed } from "./air_targets.js";
import { Figure } from "./figure.js";
import { axisText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, getJson, gettext, page, setState, stateOf } from "./page.js";

const { air, station } = page;
const HOUR = 3600;

/** The figure; `load` fills it. */
export function makeEnhancement(/** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period) {
  /** @type {Parameters<typeof drawMarks>[1]} */
  let points = [];
  /** @type {[import("./air.js").Choice, string]|null} */
  let last = null;
  let shown = "";
  const figure = new Figure(parent, {
    name: "enhancement",
    title: "",
    caption: "",
    height: 220,
    axis: "",
    sync: "period",
    series: [{ stroke: colour("hair"), width: 1, points: { show: false } }],
    hover: () => [],
    draw: (u) => drawMarks(u, points),
    select: (from, to) => period.choose([from, to]),
  });
  const select = document.createElement("select");
  select.add(new Option(gettext("choose a station"), ""));
  for (const one of air.others) select.add(new Option(`${one.name} (${one.id})`, one.id));
  const asked = stateOf("against");
  if (air.others.some((one) => one.id === asked)) select.value = asked || "";
  select.addEventListener("change", () => {
    setState({ against: select.value || null });
    if (last) void load(...last);
  });
  figure.controls.append(element("label", { class: "quiet" }, gettext("Above"), " ", select));

  async function load(/** @type {import("./air.js").Choice} */ now, /** @type {string} */ query) {
    last = [now, query];
    const other = select.value;
    const asked = `background=${other}&gas=${now.name}&intake=${now.intake}`;
    const path = `${page.root}/api/v1/stations/${station.id}/enhancement?${asked}`;
    if (shown !== path) {
      shown = path;
      figure.change({
        name: `${now.name}-${now.intake}-above-${other}`,
        title: gettext("Difference Δ{gas} to another station", { gas: now.name }),
        axis: axisText(`Δ${now.name}`, now.unit),
        caption: gettext(
          "Hourly means here minus those of {other} at the same time, measured, with the uncertainty of both; filled " +
            "marks are 12 to 16 h local standard time, when the air is mixed best, rings the other hours.",
          { other },
        ),
      });
    }
    if (!other) {
      figure.showEmpty(gettext("Choose a station whose air is the background."));
      return;
    }
    if (!query) {
      figure.showEmpty(gettext("No calibrated hour yet."));
      return;
    }
    try {
      const { data, afternoon_mean: mean } = await getJson(`${path}&${query}`);
      figure.csv.setAttribute("href", `${path}&${query}&format=csv`);
      if (!data.time.length) {
        figure.showEmpty(gettext("The two stations have no good hour at the same time in this period."));
        return;
      }
      const times = data.time.map((/** @type {string} */ time) => secondsOf(time) + HOUR / 2);
      points = data.difference.map((/** @type {number} */ value, /** @type {number} */ i) => ({
        value,
        quality: data.afternoon[i] ? "good" : "filled",
        u: data.u[i],
        kept: false,
      }));
      figure.options.hover = (i) => [
        element("span", { class: "quiet" }, `${timeText(times[i] - HOUR / 2, offsetHours(station))}  `),
        `${signed(data.difference[i])} ± ${data.u[i]?.toFixed(3) ?? "–"} ${unitText(now.unit)}`,
        "  ",
        data.afternoon[i] ? gettext("afternoon") : "",
        "  ",
        mean === null ? "" : gettext("mean of the afternoons {mean}", { mean: signed(mean) }),
      ];
      const [from, to] = period.limits(times[0] - HOUR / 2, times[times.length - 1] + HOUR / 2);
      figure.show([times, data.difference], from, to);
    } catch (error) {
      figure.showEmpty(error instanceof Error ? error.message : String(error));
    }
  }
  return { load };
}
