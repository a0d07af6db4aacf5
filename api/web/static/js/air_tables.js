/** Tanks, events and comparisons of an analyser as tables. */

import { signed } from "./air_targets.js";
import { isoOf, offsetHours, offsetText, secondsOf, timeText, unitText } from "./format.js";
import { markElement } from "./quality.js";
import { element, getJson, gettext, page } from "./page.js";

const { air, station } = page;
const LENGTH = 90 * 86400;
const MAX_EVENTS = 40;
const ALARM = "mole fraction ";

/** @typedef {{gas: string, scale: string, c0: number, c1: number, u_c0: number, start: string}} Assignment */

/** Fill the table of tanks; assignments of the gas that is shown. */
export async function showTanks(/** @type {HTMLElement} */ table, /** @type {import("./air.js").Choice} */ now) {
  const { tanks } = await getJson(`${page.root}/api/v1/stations/${station.id}/tanks`);
  fill(
    table,
    [
      gettext("Tank"),
      gettext("Role"),
      gettext("Port"),
      gettext("Since"),
      gettext("Assigned {gas}", { gas: now.name }),
      gettext("History"),
    ],
    tanks.map((/** @type {any} */ tank) => [
      tank.serial,
      air.roles[tank.role] || tank.role,
      String(tank.port),
      (day(tank.start) || gettext("the beginning")) + (tank.end ? ` – ${day(tank.end)}` : ""),
      list(
        tank.assignments
          .filter((/** @type {Assignment} */ one) => one.gas === now.name)
          .map((/** @type {Assignment} */ one) => assignmentText(one, now.unit)),
        gettext("not registered, or nothing assigned"),
      ),
      list(
        tank.history.map(
          (/** @type {{time: string, what: string, where: string}} */ one) =>
            `${day(one.time)} ${one.what}${one.where ? ` (${one.where})` : ""}`,
        ),
        "–",
      ),
    ]),
  );
}

/** Fill the table of events of the 90 days before an end, newest first. */
export async function showEvents(
  /** @type {HTMLElement} */ table,
  /** @type {HTMLElement} */ caption,
  /** @type {number} */ end,
) {
  const { events } = await getJson(`${page.root}/api/v1/stations/${station.id}/mole-fraction-events${limits(end)}`);
  const shown = events.slice(-MAX_EVENTS).reverse();
  const clock = offsetHours(station);
  if (shown.length) {
    fill(
      table,
      [clockText(), gettext("What"), gettext("Found or done"), gettext("What to do")],
      shown.map((/** @type {any} */ one) => [
        timeText(secondsOf(one.time), clock),
        severity(one.severity, nameOf(one.kind)),
        messageOf(one),
        one.remedy ? air.remedies[nameOf(one.kind)] || one.remedy : "",
      ]),
    );
  } else table.replaceChildren();
  caption.textContent = events.length
    ? gettext("The newest {n} of {all} alarms, recomputations, tests and visits of 90 days.", {
        n: shown.length,
        all: events.length,
      })
    : gettext("No alarm, test or visit in these 90 days. Enter one with: {command}", {
        command: `fluxtower mole-fractions event ${station.id}`,
      });
}

/** Fill the table of comparisons with other laboratories. */
export async function showComparisons(
  /** @type {HTMLElement} */ table,
  /** @type {HTMLElement} */ caption,
  /** @type {number} */ end,
) {
  const { comparisons } = await getJson(`${page.root}/api/v1/stations/${station.id}/comparisons${limits(end)}`);
  const clock = offsetHours(station);
  if (comparisons.length) {
    fill(
      table,
      [
        clockText(),
        gettext("What"),
        gettext("Where"),
        gettext("Laboratory"),
        gettext("Theirs"),
        gettext("Ours"),
        gettext("Ours minus theirs"),
      ],
      comparisons.map((/** @type {any} */ one) => [
        timeText(secondsOf(one.time), clock),
        `${air.kinds[one.kind]} ${one.gas}`,
        one.where,
        one.laboratory || "–",
        `${one.their_value.toFixed(2)} ± ${one.their_u.toFixed(2)} ${unitText(one.unit)} (${one.scale})`,
        one.value === null ? gettext("no value at that time") : `${one.value.toFixed(2)} (n ${one.n})`,
        one.difference === null ? "–" : compared(one),
      ]),
    );
  } else table.replaceChildren();
  caption.textContent = comparisons.length
    ? gettext("Differences on our scale with the uncertainty of both.")
    : gettext("No flask and no round-robin tank in these 90 days. Enter one with: {command}", {
        command: `fluxtower mole-fractions compare ${station.id}`,
      });
}

function clockText() {
  const time = gettext("Time");
  return `${time} ${offsetText(offsetHours(station))}`;
}

function compared(/** @type {any} */ one) {
  const words = one.within_goal ? gettext("within the goal") : gettext("beyond the goal");
  return element(
    "span",
    {},
    `${signed(one.difference)} ± ${one.u.toFixed(3)} `,
    markElement(one.within_goal ? "good" : "bad"),
    words,
  );
}

function severity(/** @type {string} */ level, /** @type {string} */ name) {
  const quality = level === "critical" ? "bad" : level === "warning" ? "usable" : "good";
  const mark = markElement(quality);
  mark.title = air.severities[level] || level;
  return element("span", {}, mark, `${air.kinds[name] || name}`, level === "info" ? "" : `: ${mark.title}`);
}

/** What an event says; in Chinese an alarm is told by its numbers. */
function messageOf(/** @type {{kind: string, message: string, data: any}} */ one) {
  const words = one.kind.startsWith(ALARM) ? air.alarms[nameOf(one.kind)] : "";
  const { about, gas, value } = one.data;
  if (!words || typeof value !== "number") return one.message;
  const text = words.replace("{about}", about).replace("{gas}", gas).replace("{value}", signed(value));
  return element("span", { title: one.message }, text);
}

function nameOf(/** @type {string} */ kind) {
  return kind.startsWith(ALARM) ? kind.slice(ALARM.length) : kind;
}

function assignmentText(/** @type {Assignment} */ one, /** @type {string} */ unit) {
  const drift = one.c1 ? ` ${signed(one.c1)} a⁻¹` : "";
  const since = gettext("since {day}", { day: day(one.start) });
  return `${one.c0.toFixed(2)}${drift} ± ${one.u_c0.toFixed(2)} ${unitText(unit)} (${one.scale}, ${since})`;
}

function limits(/** @type {number} */ end) {
  return Number.isFinite(end) ? `?from=${isoOf(end - LENGTH)}&to=${isoOf(end)}` : "";
}

function day(/** @type {string|null} */ time) {
  return time ? timeText(secondsOf(time), offsetHours(station)).slice(0, 10) : "";
}

function list(/** @type {string[]} */ lines, /** @type {string} */ nothing) {
  return lines.length ? element("ul", {}, ...lines.map((line) => element("li", {}, line))) : nothing;
}

function fill(
  /** @type {HTMLElement} */ table,
  /** @type {string[]} */ heads,
  /** @type {(string|HTMLElement)[][]} */ rows,
) {
  const head = element("tr", {}, ...heads.map((text) => element("th", {}, text)));
  const lines = rows.map((cells) =>
    element(
      "tr",
      {},
      ...cells.map((cell) =>
        element("td", typeof cell === "string" && cell.length > 48 ? { class: "wide" } : {}, cell),
      ),
    ),
  );
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...lines));
}
