/**
 * What every page knows: the data that came with it, its words, and its state in the address.
 */

/**
 * @typedef {{name: string, variable: string, unit: string, en: string, zh: string}} Channel
 * @typedef {{name: string, kind: "block"|"reading", step_s: number, expected_s: number, channels: Channel[]}} Stream
 * @typedef {{id: string, utc_offset: number, status: string, time: string|null, received: string|null,
 *   age_s: number|null}} StationLine
 * @typedef {StationLine & {streams: Stream[], flux_stream: string|null, averaging_minutes: number|null,
 *   lateness_s: number|null}} Station
 * @typedef {{stream: string, channel: string, value: number|null, unit: string, time: string, received: string,
 *   age_s: number, missing: boolean, last_value: string|null, flag: number|null, reasons: string[]}} LatestValue
 * @typedef {{end: string[], NEE_F: (number|null)[], NEE_F_JOINTUNC: (number|null)[], missing: number,
 *   unit: string}} CumulativeSum
 * @typedef {{id: number, kind: string, period: [string, string]|null, course: CumulativeSum|null,
 *   not_done: Record<string, string>}} Run
 * @typedef {{name: string, unit: string, scale: string, goal: number}} Gas
 * @typedef {{gases: Gas[], intakes: {name: string, height: number}[], method: string, methods: string[],
 *   others: {id: string, name: string}[], reasons: Record<string, string>, kinds: Record<string, string>,
 *   alarms: Record<string, string>,
 *   remedies: Record<string, string>, severities: Record<string, string>, roles: Record<string, string>}} Air
 * @typedef {{lang: "en"|"zh", tz: "local"|"utc", theme: string}} State
 */

const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("page")).textContent || "{}");

/** @type {{root: string, state: State, messages: Record<string, string>, station: Station, stations: StationLine[],
 *   limits: {late: number, silent: number}, latest: LatestValue[], run: Run|null, air: Air,
 *   variables: Record<string, {unit: string, en: string, zh: string}>}} */
export const page = data;

/** Translate a message; `{name}` in it is replaced by the value of that name. */
export function gettext(/** @type {string} */ message, /** @type {Record<string, string|number>} */ values = {}) {
  const words = page.messages[message] || message;
  return words.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** The words of a variable or channel in the page's language. */
export function words(/** @type {{en: string, zh: string}} */ facts) {
  return facts[page.state.lang] || facts.en;
}

/** The fluxes of gases beside CO2 and water vapour that the station has, each with its flag. */
export function otherGases() {
  const judged = Object.keys(page.variables).filter(
    (name) => name.startsWith("F") && `${name}_SSITC_TEST` in page.variables,
  );
  return judged.filter((name) => name !== "FC").map((name) => ({ name, flag: `${name}_SSITC_TEST` }));
}

/** A value of the page's state, as the address has it. */
export function stateOf(/** @type {string} */ name) {
  return new URLSearchParams(location.search).get(name);
}

/** Write state into the address, so that it can be shared; null takes a value out. */
export function setState(/** @type {Record<string, string|number|null>} */ change) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

/** An element with a class and children. */
export function element(
  /** @type {string} */ tag,
  /** @type {Record<string, string>} */ attributes = {},
  /** @type {(Node|string)[]} */ ...children
) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The element of that id, which the template has. */
export function byId(/** @type {string} */ id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Get JSON; an error of the API is thrown with its detail and remedy. */
export async function getJson(/** @type {string} */ path, /** @type {AbortSignal|undefined} */ signal = undefined) {
  const response = await fetch(path, { signal });
  const body = await response.json().catch(() => ({ detail: response.statusText }));
  if (!response.ok) throw new Error([body.detail, body.remedy].filter(Boolean).join(". "));
  return body;
}

/** Listen to the live feed: a handler an event name; `open` is called at every (re)connection. */
export function listen(
  /** @type {string} */ path,
  /** @type {Record<string, (message: any) => void>} */ handlers,
  /** @type {() => void} */ open,
) {
  const problem = byId("problem");
  const source = new EventSource(path);
  const showProblem = (/** @type {string} */ text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  source.onopen = () => {
    showProblem("");
    open();
  };
  source.onerror = () => {
    showProblem(gettext("The live connection is lost; the values below are the last ones received. Trying again."));
  };
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("problem", (event) => {
    showProblem(gettext("The database is away, trying again: {detail}", { detail: JSON.parse(event.data).detail }));
  });
  source.addEventListener("well", () => {
    showProblem("");
    open();
  });
  window.addEventListener("pagehide", () => source.close());
}

// language, time and light are switched by a new page that keeps the rest of the state as it is by then
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("[data-switch]") : null;
  if (!(link instanceof HTMLElement)) return;
  event.preventDefault();
  setState({ [link.dataset.switch || ""]: link.dataset.value || "" });
  location.reload();
});
