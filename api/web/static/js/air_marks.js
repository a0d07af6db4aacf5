/** Marks and words of mole fractions: flags 1 to 4, background air, states of a selection. */

import { colour, drawMark, markElement } from "./quality.js";
import { gettext, page } from "./page.js";

/** @typedef {import("./quality.js").Quality} Quality */

/** Which mark a flag has: 1 a disc, 2 a ring, 3 a triangle, 4 a cross. */
export function qualityOfFlag(/** @type {number} */ flag) {
  const marks = /** @type {Record<number, Quality>} */ ({ 1: "good", 2: "filled", 3: "usable" });
  return marks[flag] || /** @type {Quality} */ ("bad");
}

/** A flag in words. */
export function flagText(/** @type {number} */ flag) {
  switch (flag) {
    case 1:
      return gettext("good");
    case 2:
      return gettext("provisional");
    case 3:
      return gettext("suspect");
    default:
      return gettext("bad");
  }
}

/** The mark of a flag for text. */
export function flagMark(/** @type {number} */ flag) {
  const mark = markElement(qualityOfFlag(flag));
  mark.title = flagText(flag);
  return mark;
}

/** What became of an hour in the selection of background air. */
export function stateText(/** @type {string} */ state) {
  switch (state) {
    case "kept":
      return gettext("background");
    case "variable":
      return gettext("not background: too variable");
    case "step":
      return gettext("not background: a step beside it");
    case "alone":
      return gettext("not background: no other hour nearby is");
    default:
      return gettext("not background: wind, time of day, or no good value");
  }
}

/** A reason in the page's language. */
export function reasonText(/** @type {string} */ reason) {
  return page.air.reasons[reason] || reason;
}

/** Draw the square that tells background air, around a mark. */
export function drawSquare(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number} */ x,
  /** @type {number} */ y,
  /** @type {number} */ r,
) {
  context.strokeStyle = colour("kept");
  context.strokeRect(x - r, y - r, 2 * r, 2 * r);
}

/** The mark of background air for text. */
export function squareMark() {
  const side = 12;
  const canvas = document.createElement("canvas");
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(side * ratio);
  canvas.className = "mark";
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  context.lineWidth = 1.4;
  context.fillStyle = colour("good");
  drawMark(context, "good", side / 2, side / 2, 2.4);
  drawSquare(context, side / 2, side / 2, 5);
  return canvas;
}

/** Draw marks at points: value, quality, spread, and whether it is background air. */
export function drawMarks(
  /** @type {any} */ u,
  /** @type {{value: number|null, quality: Quality, u: number|null, kept: boolean}[]} */ points,
) {
  const { ctx: context, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  const radius = (points.length > 2000 ? 1.4 : points.length > 400 ? 2 : 3) * ratio;
  const kept = colour("kept");
  const colours = { good: colour("good"), usable: colour("usable"), bad: colour("bad"), filled: colour("filled") };
  context.save();
  context.beginPath();
  context.rect(bbox.left - radius, bbox.top - radius, bbox.width + 2 * radius, bbox.height + 2 * radius);
  context.clip();
  points.forEach((point, i) => {
    if (point.value === null) return;
    const x = u.valToPos(u.data[0][i], "x", true);
    const y = u.valToPos(point.value, "y", true);
    context.fillStyle = context.strokeStyle = colours[point.quality];
    context.lineWidth = 1.4 * ratio;
    if (point.u !== null) {
      context.beginPath();
      context.moveTo(x, u.valToPos(point.value - point.u, "y", true));
      context.lineTo(x, u.valToPos(point.value + point.u, "y", true));
      context.stroke();
    }
    drawMark(context, point.quality, x, y, radius);
    if (!point.kept) return;
    context.strokeStyle = kept;
    const half = 1.8 * radius;
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  });
  context.restore();
}
