/** What checks found of whole stretches of time: clock, drift, level, neighbours. */

import { checkText, flagText, qualityOfFlag, reasonText } from "./flags.js";
import { offsetHours, secondsOf, timeText } from "./format.js";
import { element, getJson, gettext, page } from "./page.js";
import { markElement } from "./quality.js";

const { station } = page;
const MOST = 50;

/**
 * @typedef {{check: string, stream: string, channel: string, start: string, end: string, flag: number,
 *   reason: string}} Finding
 */

/** List the newest findings in a section that stays hidden while there are none, or where readings are private. */
export async function showFindings(/** @type {HTMLElement} */ parent) {
  /** @type {Finding[]} */
  let findings = [];
  try {
    ({ findings } = await getJson(`${page.root}/api/v1/stations/${station.id}/findings?limit=${MOST}`));
  } catch {
    // whatever keeps them away is told where the readings are
  }
  parent.hidden = !findings.length;
  const hours = offsetHours(station);
  const time = (/** @type {string} */ text) => timeText(secondsOf(text), hours);
  const names = [
    gettext("Check"),
    gettext("Channel"),
    gettext("From"),
    gettext("To"),
    gettext("Flag"),
    gettext("Reason"),
  ];
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const rows = findings.map((one) => {
    const cells = [checkText(one.check), `${one.stream} ${one.channel}`, time(one.start), time(one.end)];
    const quality = qualityOfFlag(one.flag);
    return element(
      "tr",
      {},
      ...cells.map((text) => element("td", { class: "word" }, text)),
      element("td", { class: "word" }, ...(quality ? [markElement(quality)] : []), flagText(one.flag)),
      element("td", { class: "word" }, reasonText(one.reason)),
    );
  });
  const table = element("table", { class: "data" }, element("thead", {}, head), element("tbody", {}, ...rows));
  parent.replaceChildren(
    element("h2", {}, gettext("Findings")),
    element("div", { class: "scroll" }, table),
    element(
      "p",
      { class: "caption" },
      gettext("What checks say of stretches of time; the readings in them are marked."),
    ),
  );
}
