/** Lines over an axis as SVG, to be read on light and on dark ground. Pure. */

export interface Chart {
  readonly title: string;
  readonly x: { readonly label: string; readonly isLogarithmic: boolean };
  /** From 0. */
  readonly y: { readonly label: string };
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 64;
const RIGHT = 180;
const TOP = 40;
const BOTTOM = 52;
const TICKS = 5;
const COLOURS = ["#2f81f7", "#d29922", "#3fb950", "#db61a2", "#8957e5", "#f0883e"];
const STYLE =
  "text{font:12px sans-serif;fill:#1f2328}.title{font-size:14px;font-weight:600}.grid{stroke:#8b949e;stroke-opacity:.35}" +
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}";

/** The text of an SVG file. */
export function drawn({ title, x, y, lines }: Chart): string {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([at]) => (x.isLogarithmic ? Math.log10(at) : at));
  const [xMin, xMax] = [Math.min(...xs), Math.max(...xs)];
  const step = niceStep(Math.max(...points.map(([, value]) => value)) / TICKS);
  const yMax = step * (Math.floor(Math.max(...points.map(([, value]) => value)) / step) + 1);
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const across = (at: number) =>
    LEFT + (((x.isLogarithmic ? Math.log10(at) : at) - xMin) / (xMax - xMin || 1)) * (right - LEFT);
  const down = (value: number) => bottom - (value / yMax) * (bottom - TOP);
  const yTicks = Array.from({ length: Math.round(yMax / step) + 1 }, (_, i) => i * step);
  const shapes = [
    `<text class="title" x="${LEFT}" y="22">${title}</text>`,
    ...yTicks.flatMap((value) => [
      `<line class="grid" x1="${LEFT}" x2="${right}" y1="${px(down(value))}" y2="${px(down(value))}"/>`,
      `<text x="${LEFT - 8}" y="${px(down(value) + 4)}" text-anchor="end">${printed(value)}</text>`,
    ]),
    ...xTicks(x.isLogarithmic, xMin, xMax).map(
      (at) => `<text x="${px(across(at))}" y="${bottom + 18}" text-anchor="middle">${printed(at)}</text>`,
    ),
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${x.label}</text>`,
    `<text transform="translate(16 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>`,
    ...lines.flatMap(({ name, points: own }, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const path = own.map(([at, value]) => `${px(across(at))},${px(down(value))}`);
      const legend = TOP + 8 + i * 20;
      return [
        `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path.join(" ")}"/>`,
        `<line x1="${right + 16}" x2="${right + 36}" y1="${legend}" y2="${legend}" stroke="${colour}" stroke-width="2"/>`,
        `<text x="${right + 42}" y="${legend + 4}">${name}</text>`,
      ];
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>${STYLE}</style>
${shapes.join("\n")}
</svg>
`;
}

/** 1, 2 or 5 of some power of ten, and at least so much. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least || 1));
  return ([1, 2, 5].find((each) => each * power >= least) ?? 10) * power;
}

function xTicks(isLogarithmic: boolean, min: number, max: number): number[] {
  if (isLogarithmic)
    return Array.from({ length: Math.floor(max) - Math.ceil(min) + 1 }, (_, i) => 10 ** (Math.ceil(min) + i));
  const step = niceStep((max - min) / TICKS);
  const first = Math.ceil(min / step) * step;
  return Array.from({ length: Math.floor((max - first) / step) + 1 }, (_, i) => first + i * step);
}

function printed(number: number): string {
  return Number(number.toPrecision(6)).toLocaleString("en");
}

function px(number: number): string {
  return number.toFixed(1);
}
