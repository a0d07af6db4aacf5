/** The newest value of every channel, by stream, with the age of the stream's last message. */

import { ageText, numberText, unitText } from "./format.js";
import { element, gettext, page, words } from "./page.js";
import { Clock, showAge, stateOfAge } from "./states.js";

const { station } = page;
const clock = new Clock();
/** @type {Map<string, {time: string, received: string}>} */
const newest = new Map();
/** @type {Map<string, HTMLElement>} */
const places = new Map();
/** @type {Map<string, HTMLElement>} */
const ages = new Map();
/** Channels without values though messages come, by stream: when they last had one. */
/** @type {Map<string, Map<string, string|null>>} */
const missing = new Map();

/** Draw a block of readouts a stream. */
export function makeValues(/** @type {HTMLElement} */ parent) {
  for (const stream of station.streams) {
    const age = element("span", { class: "state" });
    ages.set(stream.name, age);
    const rate =
      stream.kind === "block"
        ? gettext("samples, {rate} Hz", { rate: Number((1 / stream.step_s).toPrecision(4)) })
        : gettext("readings, every {n} s", { n: stream.step_s });
    const list = element(
      "dl",
      { class: "readouts" },
      ...stream.channels.map((channel) => {
        const value = element("span", { class: "value" }, "–");
        if (channel.variable.startsWith("DIAG")) value.dataset.word = "yes"; // bits, not a measure
        places.set(`${stream.name} ${channel.name}`, value);
        return element(
          "div",
          {},
          element(
            "dt",
            {},
            element("span", {}, channel.variable),
            element("span", { class: "quiet", title: gettext("Name in the logger") }, channel.name),
          ),
          element("dd", {}, value, element("span", { class: "quiet" }, unitText(channel.unit))),
          element("dd", { class: "what" }, words(channel)),
        );
      }),
    );
    parent.append(
      element(
        "div",
        { class: "stream" },
        element("header", {}, element("h2", {}, stream.name), element("span", { class: "quiet" }, rate), age),
        list,
      ),
    );
  }
  for (const one of page.latest) {
    clock.learn(one.received, one.age_s);
    newest.set(one.stream, one);
    showValue(one.stream, one.channel, one.value, false);
    if (one.missing) {
      const channels = missing.get(one.stream) ?? new Map();
      missing.set(one.stream, channels.set(one.channel, one.last_value));
    }
  }
  tick();
  setInterval(tick, 1000);
}

/** Take a stream's newest vector from the live feed. */
export function showLatest(
  /** @type {{stream: string, time: string, received: string, values: Record<string, number|null>}} */ message,
) {
  newest.set(message.stream, message);
  for (const [channel, value] of Object.entries(message.values)) {
    showValue(message.stream, channel, value, true);
    if (value !== null) missing.get(message.stream)?.delete(channel);
  }
  tick();
}

function showValue(
  /** @type {string} */ stream,
  /** @type {string} */ channel,
  /** @type {number|null} */ value,
  /** @type {boolean} */ live,
) {
  const place = places.get(`${stream} ${channel}`);
  const text = place?.dataset.word && value !== null ? String(value) : numberText(value);
  if (!place || place.textContent === text) return;
  place.textContent = text;
  if (!live) return;
  place.classList.add("changed");
  requestAnimationFrame(() => requestAnimationFrame(() => place.classList.remove("changed")));
}

/** Name a stream's channels without values behind its age. */
function showMissing(/** @type {HTMLElement} */ place, /** @type {string} */ stream) {
  const channels = [...(missing.get(stream) ?? [])].map(([name, last]) =>
    last === null ? name : gettext("{channel} (last {age})", { channel: name, age: ageText(clock.age(last)) }),
  );
  if (!channels.length) return;
  const text = gettext("no values of {channels}", { channels: channels.join(", ") });
  place.append(element("span", { class: "age-text silent" }, ` ${text}`));
}

function tick() {
  let overall = { state: "none", age: Infinity, newest: /** @type {{time: string, received: string}|null} */ (null) };
  const order = ["none", "ok", "late", "silent"];
  for (const stream of station.streams) {
    const last = newest.get(stream.name);
    const age = last ? clock.age(last.received) : null;
    const state = stateOfAge(age, stream.expected_s);
    const place = ages.get(stream.name);
    if (place) {
      showAge(place, last || { time: null, received: null }, state, age || 0, station);
      showMissing(place, stream.name);
    }
    if (order.indexOf(state) > order.indexOf(overall.state)) overall.state = state;
    if (last && age !== null && age < overall.age) Object.assign(overall, { age, newest: last });
  }
  const top = document.getElementById("state");
  if (top) showAge(top, overall.newest || { time: null, received: null }, overall.state, overall.age, station);
}
