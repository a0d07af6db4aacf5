/** A figure as a PNG: title, plot and caption, with the page's colours. */

import { colour, font } from "./quality.js";
import { page } from "./page.js";

const MARGIN = 16;
const LINE_HEIGHT = 18;

/** Save a figure's picture. */
export function savePicture(/** @type {import("./figure.js").Figure} */ figure) {
  const plot = figure.plot;
  if (!plot) return;
  const ratio = window.devicePixelRatio || 1;
  const source = /** @type {HTMLCanvasElement} */ (plot.ctx.canvas);
  const width = source.width / ratio + 2 * MARGIN;
  const canvas = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.font = font("12px");
  const lines = wrap(context, figure.options.caption, width - 2 * MARGIN);
  const top = MARGIN + LINE_HEIGHT + 6;
  const height = top + source.height / ratio + 6 + lines.length * LINE_HEIGHT + MARGIN;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  context.scale(ratio, ratio);
  context.fillStyle = colour("ground");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour("ink");
  context.font = font("600 14px");
  context.fillText(`${page.station.id}: ${figure.options.title}`, MARGIN, MARGIN + 12);
  context.drawImage(source, MARGIN, top, source.width / ratio, source.height / ratio);
  context.fillStyle = colour("quiet");
  context.font = font("12px");
  lines.forEach((line, i) => context.fillText(line, MARGIN, height - MARGIN - (lines.length - 1 - i) * LINE_HEIGHT));
  canvas.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${page.station.id}_${figure.options.name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

/** Break a text into lines of at most that width; Chinese breaks anywhere. */
function wrap(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {string} */ text,
  /** @type {number} */ width,
) {
  const lines = [""];
  for (const piece of text.match(/[⺀-￯]|[^\s⺀-￯]+\s*|\s+/g) || []) {
    if (context.measureText(lines[lines.length - 1] + piece).width > width) lines.push("");
    lines[lines.length - 1] += piece;
  }
  return lines;
}
