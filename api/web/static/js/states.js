/** Is a stream on time? The words and marks of its age, by the limits that came with the page. */

import { ageText, offsetHours, offsetText, secondsOf, timeText } from "./format.js";
import { element, gettext, page } from "./page.js";

/** State of a message of that age [s] where one is expected every so many seconds. */
export function stateOfAge(/** @type {number|null} */ age, /** @type {number} */ expected) {
  if (age === null) return "none";
  if (age <= page.limits.late * expected) return "ok";
  return age <= page.limits.silent * expected ? "late" : "silent";
}

/** State in words. */
export function stateText(/** @type {string} */ state) {
  switch (state) {
    case "ok":
      return gettext("on time");
    case "late":
      return gettext("late");
    case "silent":
      return gettext("silent");
    default:
      return gettext("never sent");
  }
}

const SHAPES = {
  ok: '<circle cx="5" cy="5" r="4" fill="currentColor"/>',
  late: '<path d="M5 1 9.4 9H.6z" fill="currentColor"/>',
  silent: '<path d="m1.5 1.5 7 7m0-7-7 7" stroke="currentColor" stroke-width="2.2"/>',
  none: '<circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor"/>',
};

/** A small mark whose shape says the same as its colour. */
export function stateMark(/** @type {string} */ state) {
  const mark = element("i", { class: `mark ${state}` });
  mark.innerHTML = `<svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">${
    SHAPES[/** @type {"ok"} */ (state)]
  }</svg>`;
  return mark;
}

/**
 * Say how old the last message is, and of when its data are where that differs by more than the message's age explains.
 * @param {HTMLElement} target
 * @param {{time: string|null, received: string|null}} newest
 * @param {string} state
 * @param {number} age seconds
 * @param {{utc_offset: number}} station
 */
export function showAge(target, newest, state, age, station) {
  if (!newest.time || !newest.received) {
    target.replaceChildren(stateMark("none"), element("span", {}, gettext("no message yet")));
    return;
  }
  const hours = offsetHours(station);
  const time = `${timeText(secondsOf(newest.time), hours, true)} ${offsetText(hours)}`;
  const data = gettext("(data of {time})", { time });
  target.replaceChildren(
    stateMark(state),
    element(
      "span",
      { class: `age-text ${state}` },
      state === "ok" ? "" : `${stateText(state)}, `,
      gettext("last message {age}", { age: ageText(age) }),
    ),
    element("span", { class: "quiet" }, ` ${data}`),
  );
}

/** Counts ages from the server's clock: the reader's may be wrong. */
export class Clock {
  constructor() {
    this.ahead = 0;
  }

  /** Learn from an age that the server has just told. */
  learn(/** @type {string} */ received, /** @type {number} */ age) {
    this.ahead = Date.now() / 1000 - (secondsOf(received) + age);
  }

  /** Age of a message. [s] */
  age(/** @type {string} */ received) {
    return Math.max(0, Date.now() / 1000 - this.ahead - secondsOf(received));
  }
}
