/** Charts of points, lines and bands over two axes, linear or logarithmic, as SVG files like those of chart.ts. */
import { logTicks, px, STYLE, ticks, xml } from './chart.js'

export interface Axis {
  readonly label: string
  readonly log?: boolean
  readonly format: (value: number) => string
}

export interface XyPoint {
  readonly x: number
  readonly y: number
  /** What stands beside the point. */
  readonly label?: string
  /** What a pointer on it shows. */
  readonly title?: string
}

export type XySeries = {
  readonly name: string
  /** 0 to 5. */
  readonly colour: number
} & (
  | { readonly kind: 'points' | 'line' | 'steps'; readonly points: readonly XyPoint[] }
  | {
      readonly kind: 'band'
      readonly points: readonly { readonly x: number; readonly low: number; readonly high: number }[]
    }
)

export interface XyChart {
  readonly title: string
  readonly subtitle: string
  readonly description: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly XySeries[]
}

const LEFT = 78
const TOP = 112
const WIDTH = 600
const HEIGHT = 360
const BOTTOM = 58
const MARGIN = 56
/** About the width of a character. */
const CHARACTER = 7

const EXTRA = `
    .band { opacity: 0.22; }
    .dot { stroke: var(--paper); stroke-width: 1; }
    .small { font-size: 12px; }`

/** @returns a complete SVG document */
export function xyChart({ title, subtitle, description, x, y, series }: XyChart): string {
  const xs = series.flatMap((s) => s.points.map((p) => p.x))
  const ys = series.flatMap((s) =>
    s.kind === 'band' ? s.points.flatMap((p) => [p.low, p.high]) : s.points.map((p) => p.y),
  )
  const [across, up] = [scaleOf(x, xs), scaleOf(y, ys)]
  const xOf = (value: number) => LEFT + across.share(value) * WIDTH
  const yOf = (value: number) => TOP + (1 - up.share(value)) * HEIGHT
  const width = Math.max(LEFT + WIDTH + MARGIN, 40 + 10 * title.length, 40 + CHARACTER * subtitle.length)
  const height = TOP + HEIGHT + BOTTOM
  const grid = [
    ...across.ticks.map(
      (value) =>
        `<line class="grid" x1="${px(xOf(value))}" x2="${px(xOf(value))}" y1="${TOP}" y2="${TOP + HEIGHT}"/>` +
        `<text class="tick" x="${px(xOf(value))}" y="${TOP + HEIGHT + 18}" text-anchor="middle">${xml(x.format(value))}</text>`,
    ),
    ...up.ticks.map(
      (value) =>
        `<line class="grid" x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${px(yOf(value))}" y2="${px(yOf(value))}"/>` +
        `<text class="tick" x="${LEFT - 8}" y="${px(yOf(value) + 4)}" text-anchor="end">${xml(y.format(value))}</text>`,
    ),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${xml(description)}</desc>`,
    `  <style>${STYLE}${EXTRA}\n  </style>`,
    `  <rect width="100%" height="100%" fill="var(--paper)"/>`,
    `  <text class="title" x="20" y="28">${xml(title)}</text>`,
    `  <text x="20" y="50">${xml(subtitle)}</text>`,
    `  ${legendOf(series)}`,
    ...grid.map((line) => `  ${line}`),
    ...series.map((s) => `  ${seriesOf(s, xOf, yOf)}`),
    ...labelsOf(series, xOf, yOf).map((label) => `  ${label}`),
    `  <text x="${LEFT}" y="${TOP - 10}">${xml(y.label)}</text>`,
    `  <text x="${LEFT + WIDTH / 2}" y="${TOP + HEIGHT + 42}" text-anchor="middle">${xml(x.label)}</text>`,
    '</svg>\n',
  ].join('\n')
}

/** Numbers of an axis, and where between 0 and 1 a value lies on it. */
function scaleOf({ log = false }: Axis, values: readonly number[]) {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const all = log ? logTicks(least, most) : ticks(Math.min(0, least), most, 6, 'around')
  const of = log ? Math.log : (value: number) => value
  const [low, high] = [of(all[0]), of(all[all.length - 1])]
  // Over many decades 1, 2 and 5 are too many numbers.
  const shown = all.length > 13 ? all.filter((t) => /^(1e[-+]?\d+|0\.0*1|10*)$/.test(String(t))) : all
  return { ticks: shown, share: (value: number) => (of(value) - low) / (high - low) }
}

const LEGEND_LINE = 26

function legendOf(series: readonly XySeries[]): string {
  let at = 20
  const named = series.filter((s) => s.name !== '')
  return named
    .map((s) => {
      const mark =
        s.kind === 'points'
          ? `<circle class="dot d${s.colour}" cx="${at + 10}" cy="73" r="5"/>`
          : s.kind === 'band'
            ? `<rect class="band d${s.colour}" x="${at}" y="66" width="20" height="14"/>`
            : `<line class="line c${s.colour}" x1="${at}" x2="${at + 20}" y1="73" y2="73"/>`
      const entry = `${mark}<text x="${at + LEGEND_LINE}" y="78">${xml(s.name)}</text>`
      at += LEGEND_LINE + 6.8 * s.name.length + 18
      return entry
    })
    .join('')
}

type Place = (value: number) => number

function seriesOf(s: XySeries, xOf: Place, yOf: Place): string {
  const at = (x: number, y: number) => `${px(xOf(x))},${px(yOf(y))}`
  if (s.kind === 'band') {
    const down = [...s.points].reverse()
    const outline = [...s.points.map((p) => at(p.x, p.low)), ...down.map((p) => at(p.x, p.high))]
    return `<polygon class="band d${s.colour}" points="${outline.join(' ')}"/>`
  }
  if (s.kind === 'points') {
    return s.points
      .map(({ x, y, title }) => {
        const name = title === undefined ? '/>' : `><title>${xml(title)}</title></circle>`
        return `<circle class="dot d${s.colour}" cx="${px(xOf(x))}" cy="${px(yOf(y))}" r="5"${name}`
      })
      .join('')
  }
  const corners = s.points.flatMap(({ x, y }, i) => [
    ...(s.kind === 'steps' && i > 0 ? [at(x, s.points[i - 1].y)] : []),
    at(x, y),
  ])
  return `<polyline class="line c${s.colour}" points="${corners.join(' ')}"/>`
}

/** Labels that would lie on one another are moved down. */
function labelsOf(series: readonly XySeries[], xOf: Place, yOf: Place): string[] {
  const placed: { x: number; y: number; width: number }[] = []
  const labelled = series.flatMap((s) => (s.kind === 'band' ? [] : s.points.filter((p) => p.label !== undefined)))
  return labelled.map((point) => {
    const label = point.label as string
    const width = CHARACTER * label.length
    const right = xOf(point.x) + 9 + width > LEFT + WIDTH + MARGIN
    const x = right ? xOf(point.x) - 9 - width : xOf(point.x) + 9
    let y = yOf(point.y) + 4
    const meets = () => placed.some((o) => Math.abs(o.y - y) < 14 && x < o.x + o.width && o.x < x + width)
    while (meets()) y += 4
    placed.push({ x, y, width })
    return `<text class="small" x="${px(x)}" y="${px(y)}">${xml(label)}</text>`
  })
}
