// Values of named rows as dots on one axis that need not begin at 0, with bars of their standard errors: an SVG document.
import { px, STYLE, xml } from '../dist/cli/chart.js'

const LEFT = 220
const WIDTH = 400
const TOP = 64
const ROW = 26

/** @param rows { name, value, error }[] */
export function dotPlot({ title, description, unit, rows }) {
  const low = Math.floor(Math.min(...rows.map((r) => r.value - r.error)))
  const high = Math.ceil(Math.max(...rows.map((r) => r.value + r.error)))
  const step = [1, 2, 5, 10, 20].find((s) => (high - low) / s <= 8) ?? 50
  const [from, to] = [step * Math.floor(low / step), step * Math.ceil(high / step)]
  const x = (value) => LEFT + ((value - from) / (to - from)) * WIDTH
  const bottom = TOP + ROW * rows.length
  const ticks = Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step)
  const height = bottom + 52
  const width = LEFT + WIDTH + 70
  const grid = (tick) =>
    `  <line class="grid" x1="${px(x(tick))}" x2="${px(x(tick))}" y1="${TOP - 12}" y2="${bottom}"/>` +
    `<text class="tick" x="${px(x(tick))}" y="${bottom + 16}" text-anchor="middle">${tick}</text>`
  const row = ({ name, value, error }, i) => {
    const y = TOP + ROW * i + 4
    return (
      `  <text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${xml(name)}</text>` +
      `<line class="error" x1="${px(x(value - error))}" x2="${px(x(value + error))}" y1="${y}" y2="${y}"/>` +
      `<circle class="d0" cx="${px(x(value))}" cy="${y}" r="5"/>` +
      `<text class="tick" x="${px(LEFT + WIDTH + 12)}" y="${y + 4}">${value}</text>`
    )
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${xml(description)}</desc>`,
    `  <style>${STYLE}\n    .error { stroke: var(--s0); stroke-width: 2; opacity: 0.45; }\n  </style>`,
    '  <rect width="100%" height="100%" fill="var(--paper)"/>',
    `  <text class="title" x="20" y="28">${xml(title)}</text>`,
    ...ticks.map(grid),
    `  <text x="${LEFT + WIDTH / 2}" y="${bottom + 38}" text-anchor="middle">${xml(unit)}</text>`,
    ...rows.map(row),
    '</svg>\n',
  ].join('\n')
}
