/** Marks of quality: a shape and a colour each, so that neither is needed to read the other. */

import { element, gettext } from "./page.js";

/** The computed value of a colour of the style sheet (a canvas cannot read `var(...)`). */
export function colour(/** @type {string} */ name) {
  const probe = document.body.appendChild(element("i", { hidden: "" }));
  probe.style.color = `var(--${name})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** A font of the page for a canvas, e.g. `11px`. */
export function font(/** @type {string} */ size) {
  return `${size} ${getComputedStyle(document.body).fontFamily}`;
}

/** @typedef {"good"|"usable"|"bad"|"filled"} Quality */

/** Quality of a flag: 0 good, 1 usable, 2 bad; a value without a flag counts as good. */
export function qualityOf(/** @type {number|null} */ flag) {
  return /** @type {Quality} */ (flag === null || flag < 1 ? "good" : flag < 2 ? "usable" : "bad");
}

/** A quality in words. */
export function qualityText(/** @type {Quality} */ quality) {
  switch (quality) {
    case "good":
      return gettext("good");
    case "usable":
      return gettext("usable");
    case "bad":
      return gettext("bad");
    default:
      return gettext("filled");
  }
}

/**
 * Draw a mark.
 * @param {CanvasRenderingContext2D} context
 * @param {Quality} quality
 * @param {number} x
 * @param {number} y
 * @param {number} r radius
 */
export function drawMark(context, quality, x, y, r) {
  context.beginPath();
  if (quality === "usable") {
    context.moveTo(x, y - 1.25 * r);
    context.lineTo(x + 1.2 * r, y + r);
    context.lineTo(x - 1.2 * r, y + r);
    context.closePath();
    context.fill();
  } else if (quality === "bad") {
    context.moveTo(x - r, y - r);
    context.lineTo(x + r, y + r);
    context.moveTo(x - r, y + r);
    context.lineTo(x + r, y - r);
    context.stroke();
  } else {
    context.arc(x, y, r, 0, 7);
    if (quality === "good") context.fill();
    else context.stroke();
  }
}

/** A mark for text, as it is drawn in the figures. */
export function markElement(/** @type {Quality} */ quality) {
  const side = 10;
  const canvas = document.createElement("canvas");
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(side * ratio);
  canvas.className = "mark";
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  context.fillStyle = context.strokeStyle = colour(quality);
  context.lineWidth = 1.6;
  drawMark(context, quality, side / 2, side / 2, 3.4);
  canvas.title = qualityText(quality);
  return canvas;
}
