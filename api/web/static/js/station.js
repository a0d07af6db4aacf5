/** The live page of a station. */

import { makeCumulativeSum } from "./cumulative.js";
import { showFindings } from "./findings.js";
import { makeFluxes } from "./fluxes.js";
import { byId, listen, page } from "./page.js";
import { makePeriod } from "./period.js";
import { makeTraces } from "./traces.js";
import { makeValues, showLatest } from "./values.js";

const { station } = page;
const period = makePeriod();
makeValues(byId("values"));
void showFindings(byId("findings"));
const traces = makeTraces(byId("traces"), period);
if (station.flux_stream) makeCumulativeSum(byId("course"));
const fluxes = station.flux_stream ? makeFluxes(byId("fluxes"), period) : null;

period.onChange(() => {
  fluxes?.refresh();
  traces.refresh();
});

listen(
  `${page.root}/api/v1/stations/${station.id}/live`,
  {
    latest: (message) => {
      showLatest(message);
      traces.follow(message.stream);
    },
    flux: () => fluxes?.follow(),
  },
  () => {
    traces.refresh();
    fluxes?.refresh();
  },
);
