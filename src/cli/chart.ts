/**
 * Line charts as SVG files: panels below each other that share the x axis. They carry a title and a description for
 * screen readers, tell lines apart by dashes and labels as well as by colour, and follow the reader's light or dark mode.
 */

export interface ChartSeries {
  readonly name: string
  /** [x, y] in rising x. */
  readonly points: readonly (readonly [number, number])[]
}

export interface ChartPanel {
  readonly yLabel: string
  /** A logarithmic axis; all values must be above 0. */
  readonly log?: boolean
  /** How a value is written on the axis and at the end of its line. */
  readonly format: (y: number) => string
  /** Up to LINES of them can be told apart. */
  readonly series: readonly ChartSeries[]
  /** Values that the axis covers besides those of the lines. */
  readonly covers?: readonly number[]
}

export const LINES = 6

export interface Chart {
  readonly title: string
  readonly description: string
  readonly xLabel: string
  readonly panels: readonly ChartPanel[]
}

const PANEL = 190
const TOP = 56
const GAP = 44
const BOTTOM = 52
const LEFT = 72
/** Where the panels end and the labels of lines begin. */
const RIGHT = 544
/** From there to the text of a label, and about the width of a character. */
const LABEL = 40
const CHARACTER = 7
/** Lines of at most so many points show each of them. */
const MARKED = 24

// Colours that keep their distance for colour-blind readers; darker ones for light pages, lighter ones for dark pages.
export const STYLE = `
    svg { color: #1f2933; --grid: #d9dee3; --paper: #ffffff; --s0: #0b61a4; --s1: #b8450b; --s2: #1f7a4d; --s3: #6b3fa0; --s4: #8a6a00; --s5: #a61e69; }
    @media (prefers-color-scheme: dark) {
      svg { color: #e4e7eb; --grid: #3a4450; --paper: #14181d; --s0: #6db8f2; --s1: #f29b68; --s2: #74d3a4; --s3: #b9a0f2; --s4: #e0c050; --s5: #f08fc2; }
    }
    text { font: 13px system-ui, sans-serif; fill: currentColor; }
    .title { font-size: 17px; font-weight: 600; }
    .tick { font-size: 12px; font-variant-numeric: tabular-nums; opacity: 0.8; }
    .grid { stroke: var(--grid); stroke-width: 1; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .c0 { stroke: var(--s0); } .c1 { stroke: var(--s1); stroke-dasharray: 7 4; } .c2 { stroke: var(--s2); stroke-dasharray: 2 4; }
    .c3 { stroke: var(--s3); stroke-dasharray: 12 4 2 4; } .c4 { stroke: var(--s4); stroke-dasharray: 14 4; } .c5 { stroke: var(--s5); stroke-dasharray: 5 3 2 3; }
    .d0 { fill: var(--s0); } .d1 { fill: var(--s1); } .d2 { fill: var(--s2); } .d3 { fill: var(--s3); } .d4 { fill: var(--s4); } .d5 { fill: var(--s5); }`

/** @returns a complete SVG document */
export function lineChart(chart: Chart): string {
  const height = TOP + chart.panels.length * PANEL + (chart.panels.length - 1) * GAP + BOTTOM
  const xs = chart.panels.flatMap((p) => p.series.flatMap((s) => s.points.map(([x]) => x)))
  const xTicks = ticks(Math.min(...xs), Math.max(...xs), 8)
  const low = Math.min(...xs)
  const span = Math.max(...xs) - low || 1
  const xOf = (x: number) => LEFT + ((x - low) / span) * (RIGHT - LEFT)
  const longest = Math.max(...chart.panels.flatMap((p) => p.series.map((s) => labelOf(s, p).length)))
  const width = Math.max(720, RIGHT + LABEL + CHARACTER * longest)
  const panels = chart.panels.map((panel, i) => panelSvg(panel, TOP + i * (PANEL + GAP), xOf, xTicks))
  const axisY = height - BOTTOM
  const xAxis = xTicks.map(
    (x) => `<text class="tick" x="${px(xOf(x))}" y="${axisY + 18}" text-anchor="middle">${x}</text>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(chart.title)}</title>`,
    `  <desc id="desc">${xml(chart.description)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect width="100%" height="100%" fill="var(--paper)"/>`,
    `  <text class="title" x="${LEFT}" y="26">${xml(chart.title)}</text>`,
    ...panels,
    `  ${xAxis.join('')}`,
    `  <text x="${px((LEFT + RIGHT) / 2)}" y="${axisY + 40}" text-anchor="middle">${xml(chart.xLabel)}</text>`,
    '</svg>\n',
  ].join('\n')
}

function panelSvg(panel: ChartPanel, top: number, xOf: (x: number) => number, xTicks: readonly number[]): string {
  const ys = [...panel.series.flatMap((s) => s.points.map(([, y]) => y)), ...(panel.covers ?? [])]
  const scale = panel.log === true ? Math.log : (y: number) => y
  const yTicks =
    panel.log === true
      ? logTicks(Math.min(...ys), Math.max(...ys))
      : ticks(Math.min(...ys), Math.max(...ys), 5, 'around')
  const low = scale(yTicks[0])
  const high = scale(yTicks[yTicks.length - 1])
  const yOf = (y: number) => top + PANEL - ((scale(y) - low) / (high - low)) * PANEL
  const grid = [
    ...yTicks.map(
      (y) =>
        `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${px(yOf(y))}" y2="${px(yOf(y))}"/>` +
        `<text class="tick" x="${LEFT - 8}" y="${px(yOf(y) + 4)}" text-anchor="end">${xml(panel.format(y))}</text>`,
    ),
    ...xTicks.map((x) => `<line class="grid" x1="${px(xOf(x))}" x2="${px(xOf(x))}" y1="${top}" y2="${top + PANEL}"/>`),
  ]
  const ends = spread(panel.series.map((s) => yOf(s.points[s.points.length - 1][1])))
  const lines = panel.series.map((s, i) => {
    const path = s.points.map(([x, y]) => `${px(xOf(x))},${px(yOf(y))}`).join(' ')
    const dots = (s.points.length <= MARKED ? s.points : s.points.slice(-1)).map(
      ([x, y]) => `<circle class="d${i % LINES}" cx="${px(xOf(x))}" cy="${px(yOf(y))}" r="3.5"/>`,
    )
    return (
      `<polyline class="line c${i % LINES}" points="${path}"/>${dots.join('')}` +
      `<line class="line c${i % LINES}" x1="${RIGHT + 12}" x2="${RIGHT + 34}" y1="${px(ends[i])}" y2="${px(ends[i])}"/>` +
      `<text x="${RIGHT + LABEL}" y="${px(ends[i] + 4)}">${xml(labelOf(s, panel))}</text>`
    )
  })
  return `  <g>\n    <text x="${LEFT}" y="${top - 10}">${xml(panel.yLabel)}</text>\n    ${[...grid, ...lines].join('\n    ')}\n  </g>`
}

/** A line's name and its last value. */
const labelOf = (s: ChartSeries, panel: ChartPanel) => `${s.name} ${panel.format(s.points[s.points.length - 1][1])}`

/** Heights for the labels at the lines' ends, at least 17 pixels apart, in the order of the lines. */
function spread(heights: readonly number[]): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b])
  const placed = [...heights]
  for (let k = 1; k < order.length; k++) {
    placed[order[k]] = Math.max(placed[order[k]], placed[order[k - 1]] + 17)
  }
  return placed
}

/** About `count` round numbers within [low, high], or with the first and last `around` it. */
export function ticks(low: number, high: number, count: number, place: 'within' | 'around' = 'within'): number[] {
  const rough = (high - low) / Math.max(1, count - 1)
  if (!(rough > 0)) return place === 'within' ? [low] : [low - 1, low, low + 1]
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) as number
  const [down, up] = place === 'within' ? [Math.ceil, Math.floor] : [Math.floor, Math.ceil]
  const slack = place === 'within' ? 1e-9 : -1e-9
  const first = down(low / step - slack)
  const last = up(high / step + slack)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** 1, 2 and 5 times powers of ten, from the last at or below `low` to the first at or above `high`, at least two. */
export function logTicks(low: number, high: number): number[] {
  const all: number[] = []
  const first = Math.floor(Math.log10(low))
  const last = Math.ceil(Math.log10(high))
  for (let power = first; power <= last; power++) {
    for (const m of [1, 2, 5]) all.push(Number((m * 10 ** power).toPrecision(12)))
  }
  const from = all.filter((t) => t <= low).length - 1
  const to = all.findIndex((t) => t >= high)
  return all.slice(from, Math.max(to, from + 1) + 1)
}

export const px = (value: number): string => String(Math.round(value * 10) / 10)

export const xml = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
