/** A mask picture as an SVG file, with a title, a legend, and a description for screen readers. */
import { xml } from './chart.js'
import { COLOURS, type MaskPicture, OWNED, ZERO } from './mask-picture.js'

const LEFT = 44
const TOP = 106
const MARGIN = 20
/** The picture is about so wide; a pixel of it is a whole number of units in this range. */
const WIDTH = 760
const [LEAST_PIXEL, MOST_PIXEL] = [2, 14]
/** Legend: distance of rows, width of a letter, of the square before the text and what is after it. */
const ROW = 22
const LETTER = 7.5
const SQUARE = 36

const STYLE = `
    svg { color: #1f2933; --paper: #ffffff; --zero: #e4e7eb; }
    @media (prefers-color-scheme: dark) { svg { color: #e4e7eb; --paper: #14181d; --zero: #2b333c; } }
    text { font: 13px system-ui, sans-serif; fill: currentColor; }
    .title { font-size: 17px; font-weight: 600; }
    .zero { fill: var(--zero); }`

export interface MaskTexts {
  readonly title: string
  /** Below the title. */
  readonly subtitle: string
}

/** @returns a complete SVG document */
export function maskSvg(picture: MaskPicture, { title, subtitle }: MaskTexts): string {
  const side = Math.max(LEAST_PIXEL, Math.min(MOST_PIXEL, Math.floor(WIDTH / picture.width)))
  const [across, down] = [picture.width * side, picture.height * side]
  const width = Math.max(
    LEFT + across + MARGIN,
    560,
    ...[title, subtitle, picture.note].map((t) => LEFT + t.length * LETTER),
  )
  const entries = picture.legend.length > 0 ? picture.legend : ['not zero']
  const legend = legendSvg([...entries, 'zero'], TOP + down + 26, width)
  const height = legend.bottom + MARGIN
  const classes = [...new Set(picture.pixels)].filter((pixel) => pixel >= ZERO).sort((a, b) => a - b)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${xml(title)}</title>`,
    `  <desc id="desc">${xml(`${subtitle}. Drawn: ${picture.note}.`)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect width="100%" height="100%" fill="var(--paper)"/>`,
    `  <text class="title" x="${LEFT}" y="28">${xml(title)}</text>`,
    `  <text x="${LEFT}" y="49">${xml(subtitle)}</text>`,
    `  <text x="${LEFT}" y="${TOP - 12}">inputs →</text>`,
    `  <text transform="translate(${LEFT - 12} ${TOP}) rotate(-90)" text-anchor="end">← filters</text>`,
    `  <g transform="translate(${LEFT} ${TOP}) scale(${side})" shape-rendering="crispEdges">`,
    ...classes.map((pixel) => `    <path ${paint(pixel)} d="${areas(picture, pixel)}"/>`),
    '  </g>',
    `  <text x="${LEFT}" y="70">${xml(picture.note)}</text>`,
    ...legend.lines,
    '</svg>\n',
  ].join('\n')
}

const paint = (pixel: number): string => (pixel === ZERO ? 'class="zero"' : `fill="${COLOURS[pixel - OWNED]}"`)

/** Rectangles of one colour: runs of a row, as far down as rows have the same run. */
function areas({ width, height, pixels }: MaskPicture, pixel: number): string {
  const done = new Uint8Array(pixels.length)
  const path: string[] = []
  const free = (at: number) => pixels[at] === pixel && done[at] === 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!free(y * width + x)) continue
      let right = x
      while (right < width && free(y * width + right)) right++
      let bottom = y
      const same = (row: number) => {
        for (let i = x; i < right; i++) if (!free(row * width + i)) return false
        return true
      }
      do {
        done.fill(1, bottom * width + x, bottom * width + right)
        bottom++
      } while (bottom < height && same(bottom))
      path.push(`M${x} ${y}h${right - x}v${bottom - y}h${x - right}z`)
    }
  }
  return path.join('')
}

/** Squares with their names, in as many rows as they need; the last one is that of zeros. */
function legendSvg(names: readonly string[], top: number, width: number): { lines: string[]; bottom: number } {
  let x = LEFT
  let y = top
  const lines = names.map((name, i) => {
    const size = SQUARE + name.length * LETTER
    if (x + size > width && x > LEFT) {
      x = LEFT
      y += ROW
    }
    const square = `<rect ${paint(i === names.length - 1 ? ZERO : OWNED + i)} x="${x}" y="${y - 11}" width="13" height="13"/>`
    const line = `  ${square}<text x="${x + 19}" y="${y}">${xml(name)}</text>`
    x += size
    return line
  })
  return { lines, bottom: y }
}
