/** The newest half-hours as numbers, with flags and their reasons in words. */

import { numberText, offsetHours, offsetText, timeText, unitText } from "./format.js";
import { markElement, qualityOf } from "./quality.js";
import { element, gettext, otherGases, page, words } from "./page.js";

const MAX_ROWS = 48;
const COLUMNS = [
  ["FC", "FC_SSITC_TEST"],
  ["LE", "LE_SSITC_TEST"],
  ["H", "H_SSITC_TEST"],
  ["TAU", "TAU_SSITC_TEST"],
  ...otherGases().map(({ name, flag }) => [name, flag]),
  ["USTAR", ""],
  ["ZL", ""],
  ["WS", ""],
  ["WD", ""],
  ["TA", ""],
];

/** Fill the table, newest first. */
export function showTable(
  /** @type {HTMLElement} */ table,
  /** @type {HTMLElement} */ caption,
  /** @type {import("./fluxes.js").HalfHour[]} */ rows,
) {
  const hours = offsetHours(page.station);
  const head = element("tr", {}, element("th", {}, gettext("Interval"), element("small", {}, offsetText(hours))));
  for (const [name, flag] of COLUMNS) {
    const facts = page.variables[name];
    head.append(
      element(
        "th",
        { class: "num", title: words(facts) },
        name,
        element("small", {}, `[${unitText(facts.unit) || "1"}]`),
      ),
    );
    if (flag) head.append(element("th", { class: "flag", title: words(page.variables[flag]) }, gettext("flag")));
  }
  head.append(element("th", {}, gettext("Why")));
  const body = element("tbody");
  for (const row of rows.slice(-MAX_ROWS).reverse()) {
    const line = element(
      "tr",
      {},
      element("td", {}, `${timeText(row.start, hours)}–${timeText(row.end, hours).slice(11)}`),
    );
    for (const [name, flag] of COLUMNS) {
      line.append(element("td", { class: "num" }, numberText(row.values[name])));
      if (flag) line.append(flagCell(row.values[flag] ?? null));
    }
    line.append(
      element(
        "td",
        { class: "why" },
        Object.entries(row.reasons)
          .map(([name, why]) => `${name}: ${why}`)
          .join("; "),
      ),
    );
    body.append(line);
  }
  table.replaceChildren(element("thead", {}, head), body);
  caption.textContent = rows.length
    ? gettext("The newest {n} of {all} intervals of the period, in FLUXNET units; flags: 0 good, 1 usable, 2 bad.", {
        n: Math.min(MAX_ROWS, rows.length),
        all: rows.length,
      })
    : gettext("No interval in this period.");
}

function flagCell(/** @type {number|null} */ flag) {
  const cell = element("td", { class: "flag" });
  if (flag !== null) cell.append(markElement(qualityOf(flag)), String(flag));
  return cell;
}
