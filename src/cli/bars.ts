/** Bars, one below the other: as text, and as SVG files like those of chart.ts. */
import { px, STYLE, xml } from './chart.js'

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
  /** What the parts are, at most three. */
  readonly parts: readonly string[]
  readonly bars: readonly Bar[]
}

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
/** About the width of a character. */
const CHARACTER = 7.5

/** @returns a complete SVG document */
export function barChart({ title, description, parts, bars }: BarChart): string {
  const total = (bar: Bar) => bar.parts.reduce((a, b) => a + b, 0)
  const longest = Math.max(...bars.map(total)) || 1
  const height = TOP + ROW * bars.length + 16
  const labels = Math.max(...bars.map((bar) => bar.label.length))
  const width = Math.ceil(Math.max(LEFT + WIDTH + 24 + CHARACTER * labels, 40 + 10 * title.length))
  const row = (bar: Bar, i: number): string => {
    const y = TOP + ROW * i
    let x = LEFT
    const pieces = bar.parts.map((part, k) => {
      const length = (part / longest) * WIDTH
      const piece = `<rect class="d${k}" x="${px(x)}" y="${y}" width="${px(length)}" height="${THICK}"/>`
      x += length
      return part > 0 ? piece : ''
    })
    return (
      `<text x="${LEFT - 10}" y="${y + 13}" text-anchor="end">${xml(bar.name)}</text>${pieces.join('')}` +
      `<text class="tick" x="${px(x + 8)}" y="${y + 13}">${xml(bar.label)}</text>`
    )
  }
  const legend = parts.map((name, k) => {
    const x = LEFT + 130 * k
    return `<rect class="d${k}" x="${x}" y="48" width="12" height="12"/><text x="${x + 18}" y="59">${xml(name)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${xml(description)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect width="100%" height="100%" fill="var(--paper)"/>`,
    `  <text class="title" x="20" y="28">${xml(title)}</text>`,
    `  ${legend.join('')}`,
    ...bars.map((bar, i) => `  ${row(bar, i)}`),
    '</svg>\n',
  ].join('\n')
}
