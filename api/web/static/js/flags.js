/** Flags of readings: the mark beside a value, and the reasons in words, for pointer, finger and keyboard. */

import { element, gettext } from "./page.js";
import { markElement } from "./quality.js";

const [SUSPECT, BAD] = [3, 4];

/** Whether a flag is worth a mark: suspect or bad, or one that says something. */
export function qualityOfFlag(/** @type {number|null|undefined} */ flag) {
  if (flag === BAD) return /** @type {const} */ ("bad");
  return flag === SUSPECT ? /** @type {const} */ ("usable") : null;
}

/** A flag in words. */
export function flagText(/** @type {number|null|undefined} */ flag) {
  switch (flag) {
    case 1:
      return gettext("good");
    case 2:
      return gettext("not judged");
    case SUSPECT:
      return gettext("suspect");
    case BAD:
      return gettext("bad");
    case 9:
      return gettext("missing");
    default:
      return gettext("not judged yet");
  }
}

/** A check in words. */
export function checkText(/** @type {string} */ name) {
  switch (name) {
    case "range":
      return gettext("Range");
    case "climatology":
      return gettext("Climatology");
    case "spike":
      return gettext("Spike");
    case "step":
      return gettext("Step");
    case "rate":
      return gettext("Rate of change");
    case "persistence":
      return gettext("Sensor stands still");
    case "consistency":
      return gettext("Contradiction between channels");
    case "night_offset":
      return gettext("Offset at night");
    case "clock":
      return gettext("Clock");
    case "buddy":
      return gettext("Unlike the neighbours");
    case "level":
      return gettext("Leap of level");
    case "drift":
      return gettext("Drift");
    case "noise":
      return gettext("Noise");
    case "unit":
      return gettext("Unit");
    case "manual":
      return gettext("By hand");
    default:
      return name;
  }
}

/** A reason in words: its check in the page's language, and what the check says. */
export function reasonText(/** @type {string} */ reason) {
  const at = reason.indexOf(": ");
  return at < 0 ? reason : `${checkText(reason.slice(0, at))}: ${detailText(reason.slice(at + 2))}`;
}

/** What the most frequent checks say, in the page's language; other words stay as they are. */
function detailText(/** @type {string} */ detail) {
  const forms = /** @type {[RegExp, string][]} */ ([
    [/^(.+) is above (\S+)$/, gettext("{0} is above {1}")],
    [/^(.+) is below (\S+)$/, gettext("{0} is below {1}")],
    [/^(.+) is more than (.+) from the one before$/, gettext("{0} is more than {1} from the one before")],
    [/^(.+), a change of more than (.+) a minute$/, gettext("{0}, a change of more than {1} a minute")],
    [/^changed by less than (.+) for (.+) minutes$/, gettext("changed by less than {0} for {1} minutes")],
  ]);
  for (const [form, words] of forms) {
    const found = form.exec(detail);
    if (found) return words.replace(/\{(\d)\}/g, (_all, place) => found[Number(place) + 1]);
  }
  return detail;
}

/** A mark beside a value, whose reasons open on hover, focus, tap, Enter; Escape closes them. */
export class FlagMark {
  constructor(/** @type {string} */ name) {
    const id = `said-${name.replace(/\W/g, "-")}`;
    this.button = element("button", {
      type: "button",
      class: "flag",
      "aria-expanded": "false",
      "aria-describedby": id,
    });
    this.said = element("span", { class: "said", role: "tooltip", id });
    this.element = element("span", { class: "flagged", hidden: "" }, this.button, this.said);
    this.button.addEventListener("click", () => this.open(!this.element.classList.contains("open")));
    this.button.addEventListener("blur", () => this.open(false));
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.shown = "";
  }

  open(/** @type {boolean} */ open) {
    this.element.classList.toggle("open", open);
    this.element.classList.remove("closed");
    this.button.setAttribute("aria-expanded", String(open));
  }

  /** Close it also where the pointer or the focus would keep it open. */
  close() {
    this.open(false);
    this.element.classList.add("closed");
  }

  /** Show a flag; nothing is shown of a value that is good, missing or not judged, and of which nothing is said. */
  show(/** @type {number|null|undefined} */ flag, /** @type {string[]} */ reasons) {
    const key = JSON.stringify([flag, reasons]);
    if (key === this.shown) return;
    this.shown = key;
    const quality = qualityOfFlag(flag);
    this.element.hidden = !quality && !reasons.length;
    if (this.element.hidden) return;
    const text = flagText(flag);
    const mark = markElement(quality || "good");
    mark.title = "";
    this.button.replaceChildren(mark, element("span", {}, text));
    this.said.replaceChildren(
      ...(reasons.length ? reasons : [gettext("no reason is known")]).map((one) =>
        element("span", {}, reasonText(one)),
      ),
    );
  }
}
