/** The list of stations: which one needs care. */

import { ageText, offsetHours, offsetText, secondsOf, timeText } from "./format.js";
import { getJson, listen, page } from "./page.js";
import { Clock, stateMark, stateText } from "./states.js";

/** @typedef {import("./page.js").StationLine} StationLine */

const REFRESH_MS = 10000;
const clock = new Clock();
/** @type {Map<string, StationLine>} */
const lines = new Map(page.stations.map((line) => [line.id, line]));
const rows = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#stations tbody tr"));

function show() {
  for (const row of rows) {
    const line = lines.get(row.dataset.station || "");
    if (!line) continue;
    const [state, age, time] = [".state", ".age", ".time"].map(
      (name) => /** @type {HTMLElement} */ (row.querySelector(name)),
    );
    state.replaceChildren(stateMark(line.status), stateText(line.status));
    age.textContent = line.received ? ageText(clock.age(line.received)) : "–";
    const hours = offsetHours(line);
    time.textContent = line.time ? `${timeText(secondsOf(line.time), hours)} ${offsetText(hours)}` : "–";
  }
}

function update(/** @type {StationLine[]} */ stations) {
  for (const line of stations) {
    lines.set(line.id, line);
    if (line.received && line.age_s !== null) clock.learn(line.received, line.age_s);
  }
  show();
}

async function refresh() {
  try {
    update(await getJson(`${page.root}/api/v1/stations`));
  } catch (error) {
    console.warn(error); // the live feed tells the reader
  }
}

update(page.stations);
setInterval(show, 1000);
setInterval(refresh, REFRESH_MS);
listen(
  `${page.root}/api/v1/live`,
  {
    latest: (message) => {
      const line = lines.get(message.station);
      if (!line || (line.received && line.received > message.received)) return;
      if (line.status === "none" || line.status === "silent") void refresh();
      line.received = message.received;
      line.time = line.time && line.time > message.time ? line.time : message.time;
      show();
    },
  },
  refresh,
);
