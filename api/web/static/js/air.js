/** The page of a station's calibrated mole fractions: newest value, hours, curve, targets, tanks, events. */

import { makeCurve } from "./air_curve.js";
import { makeEnhancement } from "./air_enhancement.js";
import { makeHours } from "./air_hours.js";
import { flagMark, flagText, reasonText } from "./air_marks.js";
import { showComparisons, showEvents, showTanks } from "./air_tables.js";
import { makeTargets } from "./air_targets.js";
import { ageText, offsetHours, offsetText, secondsOf, timeText, unitText } from "./format.js";
import { byId, element, getJson, gettext, page, setState, stateOf } from "./page.js";
import { makePeriod } from "./period.js";
import { throttle } from "./traces.js";

const { air, station } = page;
const HOUR = 3600;
const LOOK_MS = 60000;
const AGE_MS = 5000;

/** @typedef {{name: string, intake: string, method: string, unit: string, scale: string, goal: number}} Choice */

const period = makePeriod();
const gas = choice(
  "gas",
  air.gases.map((one) => [one.name, one.name]),
  air.gases[0].name,
);
const intake = choice(
  "intake",
  air.intakes.map((one) => [one.name, `${one.name} (${one.height} m)`]),
  air.intakes[0].name,
);
const method = choice(
  "method",
  air.methods.map((one) => [one, one === air.method ? gettext("{method} (station file)", { method: one }) : one]),
  air.method,
);
const hours = makeHours(byId("hours"), period);
const enhancement = air.others.length ? makeEnhancement(byId("enhancement"), period) : null;
const curve = makeCurve(byId("curve"));
const targets = makeTargets(byId("targets"));

/** End of the newest hour, null without any. [s] @type {number|null} */
let newest = null;
/** Time of the newest value. [s] @type {number|null} */
let valueTime = null;

function chosen() {
  const facts = air.gases.find((one) => one.name === gas.value) || air.gases[0];
  return { ...facts, intake: intake.value, method: method.value };
}

function choice(/** @type {string} */ id, /** @type {string[][]} */ options, /** @type {string} */ standard) {
  const select = /** @type {HTMLSelectElement} */ (byId(id));
  for (const [value, text] of options) select.add(new Option(text, value));
  const asked = stateOf(id);
  select.value = options.some(([value]) => value === asked) ? asked || standard : standard;
  select.addEventListener("change", () => {
    setState({ [id]: select.value === standard ? null : select.value });
    refresh();
  });
  return select;
}

const refresh = throttle(async () => {
  const now = chosen();
  await showNewest(now);
  const query = period.query(newest);
  const end = Number(query ? secondsOf(new URLSearchParams(query).get("to") || "") : NaN);
  showDownloads(now, query);
  await Promise.all([
    hours.load(now, query),
    enhancement?.load(now, query),
    targets.load(now, end),
    curve.load(now),
    showTanks(byId("tank-table"), now),
    showEvents(byId("event-table"), byId("event-caption"), end),
    showComparisons(byId("comparison-table"), byId("comparison-caption"), end),
  ]);
}, 500);

async function showNewest(/** @type {Choice} */ now) {
  const list = byId("newest");
  const asked = `${page.root}/api/v1/stations/${station.id}/mole-fractions?gas=${now.name}&intake=${now.intake}`;
  try {
    const { data, to } = await getJson(asked);
    newest = data.time.length ? secondsOf(to) : null;
    if (newest === null) {
      list.replaceChildren(
        newestLine(gettext("Newest minute"), null, now),
        newestLine(gettext("Newest hour"), null, now),
      );
      byId("newest-reason").textContent = gettext(
        "No calibrated value yet. They are made as raw data come; make them now with: {command}",
        { command: `fluxtower mole-fractions make ${station.id} --from ... --to ...` },
      );
      return;
    }
    const limits = `&from=${new Date((newest - 6 * HOUR) * 1000).toISOString()}&to=${to}`;
    const minutes = await getJson(`${asked}&step=minute${limits}`);
    const minute = lastOf(minutes.data);
    valueTime = minute ? minute.time + 60 : null;
    list.replaceChildren(
      newestLine(gettext("Newest minute"), minute, now),
      newestLine(gettext("Newest hour"), lastOf(data), now),
    );
    byId("newest-reason").textContent = minute?.reasons.map(reasonText).join("; ") || "";
    showAge();
  } catch (error) {
    byId("newest-reason").textContent = error instanceof Error ? error.message : String(error);
  }
}

/** The last row with a value. */
function lastOf(/** @type {any} */ data) {
  for (let i = data.time.length - 1; i >= 0; i--) {
    if (data.value[i] === null) continue;
    return {
      time: secondsOf(data.time[i]),
      value: Number(data.value[i]),
      u: /** @type {number|null} */ (data.u[i]),
      flag: Number(data.flag[i]),
      reasons: /** @type {string[]} */ (data.reasons[i]),
    };
  }
  return null;
}

function newestLine(
  /** @type {string} */ title,
  /** @type {ReturnType<typeof lastOf>} */ row,
  /** @type {Choice} */ now,
) {
  const head = element(
    "dt",
    {},
    element("span", {}, `${now.name} ${now.intake}`),
    element("span", { class: "quiet" }, title),
  );
  if (!row) return element("div", {}, head, element("dd", {}, element("span", { class: "value" }, "–")));
  const clock = offsetHours(station);
  const u = row.u === null ? "" : `± ${row.u.toFixed(3)} `;
  return element(
    "div",
    {},
    head,
    element(
      "dd",
      {},
      element("span", { class: "value" }, row.value.toFixed(2)),
      element("span", { class: "quiet" }, `${u}${unitText(now.unit)}`),
    ),
    element("dd", { class: "what" }, now.scale),
    element("dd", { class: "what" }, flagMark(row.flag), flagText(row.flag)),
    element(
      "dd",
      { class: "what" },
      `${timeText(row.time, clock)} ${offsetText(clock)} `,
      ...(title === gettext("Newest minute") ? [element("span", { class: "age" })] : []),
    ),
  );
}

function showAge() {
  const shown = document.querySelector("#newest .age");
  if (!shown || valueTime === null) return;
  const age = Date.now() / 1000 - valueTime;
  const { late, silent } = page.limits;
  shown.className = `age state ${age > silent * HOUR ? "silent" : age > late * HOUR ? "late" : ""}`;
  shown.textContent = ageText(age);
}

function showDownloads(/** @type {Choice} */ now, /** @type {string} */ query) {
  const path = `${page.root}/api/v1/stations/${station.id}`;
  const of = `gas=${now.name}&intake=${now.intake}${query ? `&${query}` : ""}`;
  const links = [
    [gettext("Hours CSV"), `${path}/mole-fractions?${of}&format=csv`],
    [gettext("Minutes CSV"), `${path}/mole-fractions?${of}&step=minute&format=csv`],
    ["ICOS CSV", `${path}/mole-fractions?${of}&format=icos`],
    ["ObsPack netCDF", `${path}/mole-fractions?${of}&format=obspack`],
    [gettext("Background CSV"), `${path}/background?${of}&method=${now.method}&format=csv`],
    [gettext("Curve CSV"), `${path}/curve?gas=${now.name}&intake=${now.intake}&method=${now.method}&format=csv`],
  ];
  byId("downloads").replaceChildren(...links.map(([text, href]) => element("a", { href, download: "" }, text)));
}

period.onChange(refresh);
setInterval(showAge, AGE_MS);
setInterval(() => period.follows && refresh(), LOOK_MS);
refresh();
