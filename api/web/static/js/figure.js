/** One figure: title, what the pointer is on, the plot, a caption, its picture and its data. */

import { offsetHours, offsetText, timeText } from "./format.js";
import { colour, font } from "./quality.js";
import { element, gettext, page } from "./page.js";
import { savePicture } from "./picture.js";

/** @type {any} */
const UPlot = /** @type {any} */ (window).uPlot;
const Y_AXIS = 72;

/**
 * @typedef {object} FigureOptions
 * @property {string} name for file names
 * @property {string} title
 * @property {string} caption one sentence: what is measured, what is filled
 * @property {number} height [px]
 * @property {object[]} series uPlot's series after the time
 * @property {object[]} [bands]
 * @property {string} axis name and unit of the y axis
 * @property {number[]} [splits] where the y axis is labelled, if not by itself
 * @property {(u: any) => void} [draw] drawn over the series
 * @property {(u: any, min: number, max: number) => [number, number]} [range] of the y axis
 * @property {(index: number) => (Node|string)[]} hover what to say about a point
 * @property {string} [sync] figures of the same key share the pointer
 * @property {(from: number, to: number) => void} [select] the reader has dragged over a period [s]
 */

export class Figure {
  /** @param {HTMLElement} parent @param {FigureOptions} options */
  constructor(parent, options) {
    this.options = options;
    /** @type {any} */
    this.plot = null;
    /** @type {(number|null)[][]} */
    this.data = [];
    this.csv = element("a", { download: "", title: gettext("The data of this figure") }, "CSV");
    const picture = element("a", { role: "button", tabindex: "0", title: gettext("This figure as a picture") }, "PNG");
    const save = () => savePicture(this);
    picture.addEventListener("click", save);
    picture.addEventListener("keydown", (event) => {
      if (event instanceof KeyboardEvent && event.key === "Enter") save();
    });
    this.tools = element("span", { class: "tools" }, picture, this.csv);
    this.controls = element("span");
    this.hover = element("span", { class: "hover", "aria-live": "off" });
    this.empty = element("div", { class: "empty" });
    this.box = element("div", { class: "plot", role: "img", "aria-label": options.caption }, this.empty);
    this.caption = element("figcaption", {}, options.caption);
    this.title = element("h2", {}, options.title);
    const header = element("header", {}, this.title, this.controls, this.hover, this.tools);
    this.figure = element("figure", { class: "without" }, header, this.box, this.caption);
    parent.append(this.figure);
    /** @type {[number, number]} */
    this.range = [0, 1];
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: this.box.clientWidth, height: this.options.height };
  }

  /** Show data: seconds first, then a column a series; the x axis covers [from, to]. */
  show(/** @type {(number|null)[][]} */ data, /** @type {number} */ from, /** @type {number} */ to) {
    this.data = data;
    this.range = [from, to];
    this.empty.hidden = true;
    this.figure.classList.remove("without");
    if (!this.plot) this.make();
    else this.plot.setData(data);
    this.showHover(null);
  }

  /** Say why there is nothing to see, and what to do. */
  showEmpty(/** @type {string} */ why) {
    this.plot?.destroy();
    this.plot = null;
    this.empty.textContent = why;
    this.empty.hidden = false;
    this.figure.classList.add("without");
    this.hover.replaceChildren();
  }

  /** Make the plot anew at the next show, with other options. */
  change(/** @type {Partial<FigureOptions>} */ options) {
    Object.assign(this.options, options);
    this.title.textContent = this.options.title;
    this.caption.textContent = this.options.caption;
    this.box.setAttribute("aria-label", this.options.caption);
    this.plot?.destroy();
    this.plot = null;
  }

  make() {
    const { options } = this;
    const hours = offsetHours(page.station);
    const ink = colour("quiet");
    const time = gettext("Time");
    const line = { stroke: colour("grid"), width: 1 };
    const axis = { stroke: ink, grid: line, ticks: { ...line, size: 4 }, font: font("11px"), labelFont: font("12px") };
    this.plot = new UPlot(
      {
        ...this.size(),
        tzDate: (/** @type {number} */ seconds) => UPlot.tzDate(new Date((seconds + hours * 3600) * 1000), "Etc/UTC"),
        legend: { show: false },
        padding: [8, 24, 0, 0],
        cursor: {
          y: false,
          drag: { x: Boolean(options.select), y: false, setScale: false },
          points: { size: 7, width: 1, fill: "transparent" },
          ...(options.sync ? { sync: { key: options.sync, setSeries: false } } : {}),
        },
        scales: {
          x: { time: true, range: () => this.range },
          y: {
            range: (/** @type {any} */ u, /** @type {number} */ min, /** @type {number} */ max) =>
              (options.range || padded)(u, min, max),
          },
        },
        series: [{}, ...options.series],
        bands: options.bands || [],
        axes: [
          {
            ...axis,
            space: 72,
            size: 38,
            label: `${time} [${offsetText(hours)}]`,
            labelSize: 16,
            labelGap: 0,
            values: (
              /** @type {any} */ _u,
              /** @type {number[]} */ splits,
              /** @type {number} */ _axis,
              /** @type {number} */ _space,
              /** @type {number} */ step,
            ) => timeLabels(splits, hours, step),
          },
          {
            ...axis,
            size: Y_AXIS - 20,
            labelSize: 20,
            label: options.axis,
            ...(options.splits ? { splits: () => options.splits } : {}),
            values: (/** @type {any} */ _u, /** @type {number[]} */ splits) =>
              splits.map((value) => value.toFixed(decimalsOf(splits)).replace("-", "−")),
          },
        ],
        hooks: {
          draw: options.draw ? [options.draw] : [],
          setCursor: [(/** @type {any} */ u) => this.showHover(u.cursor.idx ?? null)],
          setSelect: [(/** @type {any} */ u) => this.choosePeriod(u)],
        },
      },
      this.data,
      this.box,
    );
  }

  choosePeriod(/** @type {any} */ u) {
    if (!this.options.select || u.select.width < 4) return;
    const from = u.posToVal(u.select.left, "x");
    const to = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.options.select(from, to);
  }

  showHover(/** @type {number|null} */ index) {
    this.hover.replaceChildren(...(index === null || !this.data.length ? [] : this.options.hover(index)));
  }
}

/** A tenth of room above and below; a flat line gets a visible range. */
export function padded(/** @type {any} */ _u, /** @type {number|null} */ min, /** @type {number|null} */ max) {
  if (min === null || max === null) return /** @type {[number, number]} */ ([0, 1]);
  const room = (max - min) * 0.08 || Math.abs(max) * 0.05 || 1;
  return /** @type {[number, number]} */ ([min - room, max + room]);
}

/** Decimals that tell the labels of an axis apart, the same for all of them. */
function decimalsOf(/** @type {number[]} */ splits) {
  const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
  const text = String(Number(step.toPrecision(6)));
  return text.includes("e-") ? Number(text.split("e-")[1]) : (text.split(".")[1] || "").length;
}

/** Times of the x axis: the date stands under the first label and under each midnight. */
function timeLabels(/** @type {number[]} */ splits, /** @type {number} */ hours, /** @type {number} */ step) {
  let shown = "";
  return splits.map((seconds) => {
    const text = timeText(seconds, hours, true);
    const [date, time] = [text.slice(0, 10), text.slice(11, step < 60 ? 19 : 16)];
    const day = step >= 86400 ? date.slice(5) : time;
    if (date === shown || (step >= 86400 && shown.slice(0, 4) === date.slice(0, 4))) return day;
    shown = date;
    return `${day}\n${step >= 86400 ? date.slice(0, 4) : date}`;
  });
}
