/** The Thoning curve of background air: daily means, smooth curve, trend and growth. */

import { Figure } from "./figure.js";
import { axisText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour } from "./quality.js";
import { element, getJson, gettext, page } from "./page.js";

const { station } = page;
const HALF_DAY = 43200;

/** The figure; `load` fills it. */
export function makeCurve(/** @type {HTMLElement} */ parent) {
  let shown = "";
  const figure = new Figure(parent, {
    name: "curve",
    title: "",
    caption: "",
    height: 260,
    axis: "",
    series: [
      { stroke: "transparent", points: { show: true, size: 4, stroke: colour("filled"), fill: colour("filled") } },
      { stroke: colour("good"), width: 1.5, points: { show: false } },
      { stroke: colour("bad"), width: 1.5, dash: [6, 3], points: { show: false } },
    ],
    hover: () => [],
  });
  const growth = parent.appendChild(element("p", { class: "caption" }));

  async function load(/** @type {import("./air.js").Choice} */ now) {
    const asked = `gas=${now.name}&intake=${now.intake}&method=${now.method}`;
    const path = `${page.root}/api/v1/stations/${station.id}/curve?${asked}`;
    growth.textContent = "";
    if (shown !== asked) {
      shown = asked;
      figure.change({
        name: `${now.name}-${now.intake}-curve`,
        title: gettext("Thoning curve of {gas}", { gas: now.name }),
        axis: axisText(now.name, now.unit),
        caption: gettext(
          "Daily means of background air (points, measured) with the smooth curve (line) and the trend (dashed) by " +
            "Thoning et al. (1989): three polynomial and four harmonic terms, residuals filtered at 80 and 667 days.",
        ),
      });
    }
    try {
      const found = await getJson(path);
      figure.csv.setAttribute("href", `${path}&format=csv`);
      if (!found.growth.length && found.residual_sd === null) {
        figure.showEmpty(
          gettext(
            "No curve yet: there is background air on {days} days of a span of {span}; a trend can be told from the " +
              "season after {needed} days.",
            { days: found.days, span: found.span_days, needed: found.needed_days },
          ),
        );
        return;
      }
      const { data } = found;
      const times = data.time.map(secondsOf);
      figure.options.hover = (i) => [
        element("span", { class: "quiet" }, `${timeText(times[i], offsetHours(station)).slice(0, 10)}  `),
        data.value[i] === null ? "" : `${now.name} ${data.value[i].toFixed(2)} `,
        gettext("smooth {smooth}, trend {trend}", {
          smooth: data.smooth[i].toFixed(2),
          trend: data.trend[i].toFixed(2),
        }),
        ` ${unitText(now.unit)}`,
      ];
      figure.show(
        [times, data.value, data.smooth, data.trend],
        times[0] - HALF_DAY,
        times[times.length - 1] + HALF_DAY,
      );
      const years = found.growth.map(
        (/** @type {{year: number, growth: number}} */ one) => `${one.year}: ${one.growth.toFixed(2)}`,
      );
      const what = gettext("Growth of the trend in a year");
      growth.textContent = years.length ? `${what} [${unitText(now.unit)}]: ${years.join(" · ")}` : "";
    } catch (error) {
      figure.showEmpty(error instanceof Error ? error.message : String(error));
    }
  }
  return { load };
}
