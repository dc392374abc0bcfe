/** Bars, one below the other: as text, and as SVG files like those of chart.ts. */
import { px, STYLE, ticks, xml } from './chart.js'

export interface Bar {
  readonly name: string
  /** From 0. Parts lie behind each other in the order given. */
  readonly parts: readonly number[]
  /** What stands behind the bar. */
  readonly label: string
}

export interface BarChart {
  readonly title: string
  readonly description: string
  /** Below the title. */
  readonly subtitle?: string
  /** What the parts are. */
  readonly parts: readonly string[]
  /** Which of COLOURS the parts have. Default: one after the other. */
  readonly colours?: readonly number[]
  readonly bars: readonly Bar[]
  /** What the length of a bar is, and how numbers are written along it. Default: no axis. */
  readonly axis?: { readonly label: string; readonly format: (value: number) => string }
}

/** Of parts: those of lines, and lighter ones. */
export const COLOURS = 12

const LIGHTER = `
    svg { --s6: #7db4de; --s7: #e3a579; --s8: #8fcba9; --s9: #a3aeb9; --s10: #bfa8e0; --s11: #e29cc2; }
    @media (prefers-color-scheme: dark) { svg { --s6: #2f6f9f; --s7: #a85c2c; --s8: #37845b; --s9: #6b7783; --s10: #7a5fb0; --s11: #a8508a; } }
    .d6 { fill: var(--s6); } .d7 { fill: var(--s7); } .d8 { fill: var(--s8); } .d9 { fill: var(--s9); } .d10 { fill: var(--s10); } .d11 { fill: var(--s11); }`

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** @param width characters of the longest bar */
export function textBar(value: number, longest: number, width: number): string {
  const eighths = longest > 0 ? Math.round((8 * width * value) / longest) : 0
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]
}

const LEFT = 190
const WIDTH = 400
const TOP = 84
const ROW = 26
const THICK = 17
const LEGEND_ROW = 22
/** Below the bars: numbers and name of the axis. */
const AXIS = 44
/** About the width of a character. */
const CHARACTER = 7.5

/** @returns a complete SVG document */
export function barChart(chart: BarChart): string {
  const { title, subtitle, description, parts, colours = parts.map((_, k) => k), bars, axis } = chart
  const longest = Math.max(...bars.map(lengthOf)) || 1
  const long = Math.max(...bars.map((bar) => bar.name.length)) * CHARACTER + 30
  const left = Math.max(LEFT, long)
  const labels = Math.max(...bars.map((bar) => bar.label.length))
  const width = Math.ceil(
    Math.max(left + WIDTH + 24 + CHARACTER * labels, 40 + 10 * title.length, 40 + 7 * (subtitle?.length ?? 0)),
  )
  const legendTop = subtitle === undefined ? 48 : 72
  const legend = legendOf(parts, colours, subtitle === undefined ? LEFT : 20, legendTop, width)
  const top = Math.max(TOP, legend.bottom + 24)
  const bottom = top + ROW * bars.length
  const height = bottom + (axis === undefined ? 16 : AXIS + 12)
  const lines = axis === undefined ? [] : gridOf(axis, longest, left, top, bottom)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${xml(description)}</desc>`,
    `  <style>${STYLE}${colours.some((c) => c > 5) ? LIGHTER : ''}\n  </style>`,
    `  <rect width="100%" height="100%" fill="var(--paper)"/>`,
    `  <text class="title" x="20" y="28">${xml(title)}</text>`,
    ...(subtitle === undefined ? [] : [`  <text x="20" y="50">${xml(subtitle)}</text>`]),
    `  ${legend.text}`,
    ...lines.map((line) => `  ${line}`),
    ...bars.map((bar, i) => `  ${barOf(bar, { parts, colours, left, y: top + ROW * i, scale: WIDTH / longest })}`),
    '</svg>\n',
  ].join('\n')
}

const lengthOf = (bar: Bar): number => bar.parts.reduce((a, b) => a + b, 0)

interface Place extends Required<Pick<BarChart, 'parts' | 'colours'>> {
  readonly left: number
  readonly y: number
  readonly scale: number
}

function barOf(bar: Bar, { parts, colours, left, y, scale }: Place): string {
  let x = left
  const pieces = bar.parts.map((part, k) => {
    const length = part * scale
    // A line of paper keeps neighbours apart whose colours some eyes cannot tell.
    const inner = Math.max(length - (length > 3 && parts.length > 3 ? 1 : 0), 0)
    const name = parts.length > 3 ? `><title>${xml(parts[k])}</title></rect>` : '/>'
    const piece = `<rect class="d${colours[k] ?? k}" x="${px(x)}" y="${y}" width="${px(inner)}" height="${THICK}"${name}`
    x += length
    return part > 0 ? piece : ''
  })
  return (
    `<text x="${left - 10}" y="${y + 13}" text-anchor="end">${xml(bar.name)}</text>${pieces.join('')}` +
    `<text class="tick" x="${px(x + 8)}" y="${y + 13}">${xml(bar.label)}</text>`
  )
}

function gridOf(
  { label, format }: NonNullable<BarChart['axis']>,
  longest: number,
  left: number,
  top: number,
  bottom: number,
): string[] {
  const lines = ticks(0, longest, 5).map((value) => {
    const x = px(left + (value / longest) * WIDTH)
    return (
      `<line class="grid" x1="${x}" x2="${x}" y1="${top - 6}" y2="${bottom}"/>` +
      `<text class="tick" x="${x}" y="${bottom + 16}" text-anchor="middle">${xml(format(value))}</text>`
    )
  })
  return [...lines, `<text x="${px(left + WIDTH / 2)}" y="${bottom + 38}" text-anchor="middle">${xml(label)}</text>`]
}

/** Squares with their names, in as many rows as they need. */
function legendOf(parts: readonly string[], colours: readonly number[], left: number, top: number, width: number) {
  let x = left
  let y = top
  const entries = parts.map((name, k) => {
    const size = Math.max(parts.length > 3 ? 0 : 130, 34 + CHARACTER * name.length)
    if (x + size > width && x > left) {
      x = left
      y += LEGEND_ROW
    }
    const entry = `<rect class="d${colours[k]}" x="${x}" y="${y}" width="12" height="12"/><text x="${x + 18}" y="${y + 11}">${xml(name)}</text>`
    x += size
    return entry
  })
  return { text: entries.join(''), bottom: y + 12 }
}
