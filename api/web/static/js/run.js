/** The page of a season run: how its sum grew, all of it at a glance, its half-hours. */

import { makeCumulativeSum } from "./cumulative.js";
import { makeFingerprints } from "./fingerprint.js";
import { secondsOf } from "./format.js";
import { markElement, qualityText } from "./quality.js";
import { byId, element, gettext, page } from "./page.js";
import { makePeriod } from "./period.js";
import { makeSeason } from "./season.js";
import { throttle } from "./traces.js";

const id = page.run?.id;
const end = page.run?.period?.[1];
const period = makePeriod("30d");
const season = makeSeason(byId("season-figures"), period, `${page.root}/api/v1/runs/${id}/product?`);
byId("legend").replaceChildren(
  element("span", {}, markElement("good"), gettext("measured")),
  element("span", {}, markElement("filled"), qualityText("filled")),
);
makeCumulativeSum(byId("course"));
void makeFingerprints(byId("course"));

const refresh = throttle(async () => {
  try {
    const product = await season.get(period.query(end ? secondsOf(end) : null));
    const starts = product.data.start.map(secondsOf);
    const [first, last] = [starts[0], starts[starts.length - 1] + product.averaging_minutes * 60];
    const [from, to] = period.limits(first, last);
    period.showLimits(first, last);
    season.show(product, from, to);
  } catch (error) {
    season.showEmpty(error instanceof Error ? error.message : String(error));
  }
}, 500);
period.onChange(refresh);
refresh();
