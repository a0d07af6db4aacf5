/** What was sent: the raw trace of fast channels, and slow readings. */

import { Figure, padded } from "./figure.js";
import { flagText, qualityOfFlag, reasonText } from "./flags.js";
import { axisText, isoOf, numberText, offsetHours, secondsOf, timeText, unitText } from "./format.js";
import { colour, drawMark, markElement } from "./quality.js";
import { element, getJson, gettext, page, setState, stateOf, words } from "./page.js";

const { station } = page;
const FOLLOW_MS = 1500; // least time between two requests for what is new [ms]
const MAX_POINTS = 1500;

/** @typedef {import("./page.js").Stream} Stream */
/** @typedef {import("./page.js").Channel} Channel */

/** Draw the figures of all streams. */
export function makeTraces(/** @type {HTMLElement} */ parent, /** @type {import("./period.js").Period} */ period) {
  const figures = station.streams.map((stream) =>
    stream.kind === "block" ? rawTrace(parent, stream) : readingSeries(parent, stream, period),
  );
  return {
    refresh: () => figures.forEach((figure) => figure.refresh()),
    follow: (/** @type {string} */ name) => figures.forEach((figure) => figure.name === name && figure.follow()),
  };
}

/** Call at most once in so many milliseconds, and once more at the end; not while nobody sees the page. */
export function throttle(/** @type {() => Promise<void>} */ act, /** @type {number} */ pause) {
  let busy = false;
  let again = false;
  document.addEventListener("visibilitychange", () => again && run());
  return run;

  async function run() {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    await act();
    setTimeout(() => {
      busy = false;
      if (again) void run();
    }, pause);
  }
}

function rawTrace(/** @type {HTMLElement} */ parent, /** @type {Stream} */ stream) {
  const lengths = new Map([
    [60, "1 min"],
    [300, "5 min"],
    [900, "15 min"],
    [1800, "30 min"],
    [7200, "2 h"],
  ]);
  const length = selector(
    `${stream.name}.length`,
    gettext("Length"),
    [...lengths].map(([n, text]) => [String(n), text]),
    "300",
  );
  const figure = new Figure(parent, {
    name: stream.name,
    title: "",
    caption: "",
    height: 220,
    axis: "",
    sync: undefined,
    series: [
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colour("accent"), width: 1, points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: colour("band") }],
    hover: () => [],
  });
  const channel = channelSelector(stream, () => change());
  figure.controls.append(channel.label, " ", length.label);
  length.select.addEventListener("change", () => void load());

  function change() {
    figure.change(
      titles(
        stream,
        channel.chosen(),
        gettext("Raw trace"),
        gettext(
          "as sent; where a point holds several samples, the line is their mean and the band runs from the " +
            "smallest to the largest.",
        ),
      ),
    );
    void load();
  }
  async function load() {
    const chosen = channel.chosen();
    const query = `stream=${stream.name}&channels=${encodeURIComponent(chosen.name)}&max_points=${MAX_POINTS}`;
    const path = `${page.root}/api/v1/stations/${station.id}/samples?${query}`;
    try {
      const newest = await newestOf(stream.name);
      if (newest === null) {
        figure.showEmpty(gettext("No samples yet. Start the logger, or replay a file: fluxtower replay."));
        return;
      }
      const range = `&from=${isoOf(newest - Number(length.select.value))}&to=${isoOf(newest)}`;
      figure.csv.setAttribute("href", `${path}${range}&format=csv`);
      const trace = await getJson(path + range);
      const start = secondsOf(trace.from);
      const [one] = trace.channels;
      const times = one.mean.map(
        (/** @type {number} */ _, /** @type {number} */ i) => start + (i + 0.5) * trace.step_s,
      );
      figure.options.hover = (i) =>
        hoverText(
          times[i],
          one.mean[i],
          chosen,
          trace.samples_per_point > 1 ? `${numberText(one.min[i])} … ${numberText(one.max[i])}` : "",
        );
      if (one.mean.every((/** @type {number|null} */ value) => value === null)) {
        figure.showEmpty(
          gettext(
            "No sample of {channel} in this stretch: the newest blocks hold no valid value. Look at the " +
              "sensor, or choose a longer stretch.",
            { channel: chosen.name },
          ),
        );
        return;
      }
      figure.show([times, one.min, one.max, one.mean], start, secondsOf(trace.to));
    } catch (error) {
      figure.showEmpty(error instanceof Error ? error.message : String(error));
    }
  }
  const follow = throttle(load, FOLLOW_MS);
  change();
  return { name: stream.name, refresh: follow, follow };
}

function readingSeries(
  /** @type {HTMLElement} */ parent,
  /** @type {Stream} */ stream,
  /** @type {import("./period.js").Period} */ period,
) {
  /** @type {Judged} */
  let judged = { flags: [], reasons: [] };
  const figure = new Figure(parent, {
    name: stream.name,
    title: "",
    caption: "",
    height: 180,
    axis: "",
    series: [{ stroke: colour("accent"), width: 1, points: { show: true, size: 4, filter: isolatedPoints } }],
    hover: () => [],
    range: (u, min, max) => rangeWithoutBad(u, judged.flags, min, max),
    draw: (u) => drawFlags(u, judged.flags),
    sync: "period",
    select: (from, to) => period.choose([from, to]),
  });
  const channel = channelSelector(stream, () => change());
  figure.controls.append(channel.label);

  function change() {
    figure.change(
      titles(
        stream,
        channel.chosen(),
        gettext("Readings"),
        gettext("as sent, unfilled: a gap is a gap; suspect (triangle) and bad (cross) ones are marked."),
      ),
    );
    void load();
  }
  async function load() {
    const chosen = channel.chosen();
    const asked = `stream=${stream.name}&channels=${encodeURIComponent(chosen.name)}`;
    const path = `${page.root}/api/v1/stations/${station.id}/readings?${asked}`;
    try {
      const newest = await newestOf(stream.name);
      if (newest === null) {
        figure.showEmpty(gettext("No readings yet. They come by MQTT; `fluxtower status` shows the collector."));
        return;
      }
      const query = `&${period.query(newest)}`;
      figure.csv.setAttribute("href", `${path}${query}&format=csv`);
      const { data, flags, reasons } = await getJson(path + query);
      const [times, values, places] = withGaps(data.time.map(secondsOf), data[chosen.name], stream.step_s);
      judged = {
        flags: places.map((i) => (i === null ? null : flags[chosen.name][i])),
        reasons: places.map((i) => (i === null ? [] : reasons[chosen.name][i] || [])),
      };
      if (!times.length) {
        figure.showEmpty(gettext("No reading in this period. Choose another one, or the newest."));
        return;
      }
      figure.options.hover = (i) => [
        ...hoverText(times[i], values[i], chosen, ""),
        ...hoverFlag(judged.flags[i], judged.reasons[i]),
      ];
      const [from, to] = period.limits(times[0], times[times.length - 1]);
      figure.show([times, values], from, to);
      if (!station.flux_stream) period.showLimits(times[0], times[times.length - 1]);
    } catch (error) {
      figure.showEmpty(error instanceof Error ? error.message : String(error));
    }
  }
  const follow = throttle(load, 2 * FOLLOW_MS);
  change();
  return { name: stream.name, refresh: follow, follow: () => period.follows && follow() };
}

/** Which values need a point to be seen: those without a neighbour, or all where there are few. */
function isolatedPoints(/** @type {any} */ u, /** @type {number} */ series) {
  /** @type {(number|null)[]} */
  const values = u.data[series];
  const has = (/** @type {number} */ i) => (values[i] ?? null) !== null;
  return [...values.keys()].filter((i) => has(i) && (values.length < 80 || !(has(i - 1) || has(i + 1))));
}

/** Time just after a stream's newest data, null if it never sent. [s] */
async function newestOf(/** @type {string} */ stream) {
  const { values } = await getJson(`${page.root}/api/v1/stations/${station.id}/latest`);
  const one = values.find((/** @type {{stream: string}} */ value) => value.stream === stream);
  return one ? secondsOf(one.time) + 0.001 : null;
}

/** @typedef {{flags: (number|null)[], reasons: string[][]}} Judged */

/** What is said of the reading that the pointer is on; nothing of a good one. */
function hoverFlag(/** @type {number|null} */ flag, /** @type {string[]} */ reasons) {
  const quality = qualityOfFlag(flag);
  if (!quality && !reasons.length) return [];
  return ["  ", ...(quality ? [markElement(quality)] : []), [flagText(flag), ...reasons.map(reasonText)].join("; ")];
}

/** The axis fits what is not bad; bad values do not stretch it more than twofold. */
function rangeWithoutBad(
  /** @type {any} */ u,
  /** @type {(number|null)[]} */ flags,
  /** @type {number} */ min,
  /** @type {number} */ max,
) {
  /** @type {(number|null)[]} */
  const values = u.data[1] || [];
  let [low, high] = [Infinity, -Infinity];
  values.forEach((value, i) => {
    if (value === null || qualityOfFlag(flags[i]) === "bad") return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  });
  if (low > high || min === null) return padded(u, min, max);
  const room = (high - low || Math.abs(high) || 1) / 2;
  return padded(u, Math.max(min, low - room), Math.min(max, high + room));
}

/** Mark suspect and bad readings; one beyond the axis stands at its edge. */
function drawFlags(/** @type {any} */ u, /** @type {(number|null)[]} */ flags) {
  const { ctx: context, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  context.save();
  context.lineWidth = 1.5 * ratio;
  flags.forEach((flag, i) => {
    const quality = qualityOfFlag(flag);
    const value = u.data[1][i];
    if (!quality || value === null) return;
    const x = u.valToPos(u.data[0][i], "x", true);
    const y = Math.min(bbox.top + bbox.height, Math.max(bbox.top, u.valToPos(value, "y", true)));
    context.fillStyle = context.strokeStyle = colour(quality);
    drawMark(context, quality, x, y, 3.2 * ratio);
  });
  context.restore();
}

/** Break the line where more than two readings are missing; the places among the readings come along. */
function withGaps(/** @type {number[]} */ times, /** @type {(number|null)[]} */ values, /** @type {number} */ step) {
  /** @type {[number[], (number|null)[], (number|null)[]]} */
  const out = [[], [], []];
  times.forEach((time, i) => {
    if (i && time - times[i - 1] > 2.5 * step) {
      out[0].push(times[i - 1] + step);
      out[1].push(null);
      out[2].push(null);
    }
    out[0].push(time);
    out[1].push(values[i]);
    out[2].push(i);
  });
  return out;
}

function titles(
  /** @type {Stream} */ stream,
  /** @type {Channel} */ channel,
  /** @type {string} */ what,
  /** @type {string} */ how,
) {
  return {
    name: `${stream.name}-${channel.name}`,
    title: `${what} ${channel.variable}`,
    axis: axisText(channel.variable, channel.unit),
    caption: gettext("{what} ({channel} of stream {stream}), {how}", {
      what: words(channel),
      channel: channel.name,
      stream: stream.name,
      how,
    }),
  };
}

function hoverText(
  /** @type {number} */ time,
  /** @type {number|null} */ value,
  /** @type {Channel} */ channel,
  /** @type {string} */ range,
) {
  const stamp = timeText(time, offsetHours(station), true);
  const text = value === null ? gettext("missing") : `${numberText(value)} ${unitText(channel.unit)}`;
  return [
    element("span", { class: "quiet" }, `${stamp}  `),
    `${channel.variable} ${text}`,
    ...(range ? [element("span", { class: "quiet" }, `  (${range})`)] : []),
  ];
}

function channelSelector(/** @type {Stream} */ stream, /** @type {() => void} */ changed) {
  const options = stream.channels.map((channel) => [
    channel.name,
    channel.name === channel.variable ? channel.name : `${channel.variable} (${channel.name})`,
  ]);
  const preferred = stream.channels.find((channel) => channel.variable === "W") || stream.channels[0];
  const { label, select } = selector(`${stream.name}.channel`, gettext("Channel"), options, preferred.name);
  select.addEventListener("change", changed);
  const chosen = () => stream.channels.find((channel) => channel.name === select.value) || preferred;
  return { label, chosen };
}

function selector(
  /** @type {string} */ key,
  /** @type {string} */ text,
  /** @type {string[][]} */ options,
  /** @type {string} */ preferred,
) {
  const select = document.createElement("select");
  for (const [value, shown] of options) select.add(new Option(shown, value));
  const asked = stateOf(key);
  select.value = options.some(([value]) => value === asked) ? asked || preferred : preferred;
  select.addEventListener("change", () => setState({ [key]: select.value === preferred ? null : select.value }));
  return { label: element("label", { class: "quiet" }, `${text} `, select), select };
}
