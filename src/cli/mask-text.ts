/** A mask picture for the terminal: two pixels in each character, one above the other. */
import { COLOURS, type MaskPicture, OWNED, ZERO } from './mask-picture.js'

const RESET = '\u001b[0m'
/** Of the 256 terminal colours: a dark grey for weights that are zero. */
const ZERO_COLOUR = 236

/** @param colours whether the terminal shows 256 of them; without, owners look alike and zeros are dots */
export function maskText(picture: MaskPicture, colours: boolean): string {
  const { width, height, pixels } = picture
  const lines: string[] = []
  for (let y = 0; y < height; y += 2) {
    const cells = Array.from({ length: width }, (_, x) => {
      const upper = pixels[y * width + x]
      const lower = y + 1 < height ? pixels[(y + 1) * width + x] : 0
      return colours ? colourCell(upper, lower) : plainCell(upper, lower)
    })
    lines.push(colours ? cells.join('') + RESET : cells.join('').trimEnd())
  }
  if (colours && picture.legend.length > 0) {
    lines.push(
      '',
      picture.legend.map((name, i) => `${foreground(terminalColour(COLOURS[i]))}█${RESET} ${name}`).join('  '),
    )
  }
  return lines.join('\n')
}

function plainCell(upper: number, lower: number): string {
  if (upper < OWNED && lower < OWNED) return upper === ZERO || lower === ZERO ? '·' : ' '
  return upper < OWNED ? '▄' : lower < OWNED ? '▀' : '█'
}

function colourCell(upper: number, lower: number): string {
  const [top, bottom] = [pixelColour(upper), pixelColour(lower)]
  if (top === undefined && bottom === undefined) return `${RESET} `
  if (top === undefined) return `${RESET}${foreground(bottom as number)}▄`
  if (bottom === undefined) return `${RESET}${foreground(top)}▀`
  return `${foreground(top)}\u001b[48;5;${bottom}m▀`
}

const foreground = (colour: number): string => `\u001b[38;5;${colour}m`

/** Undefined where nothing is drawn. */
function pixelColour(pixel: number): number | undefined {
  if (pixel < ZERO) return undefined
  return pixel === ZERO ? ZERO_COLOUR : terminalColour(COLOURS[pixel - OWNED])
}

/** The steps of red, green and blue of the 6 x 6 x 6 colours that terminals have from number 16 on. */
const STEPS = [0, 95, 135, 175, 215, 255]

function terminalColour(hex: string): number {
  const nearest = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16)
    return STEPS.reduce((best, step, i) => (Math.abs(step - value) < Math.abs(STEPS[best] - value) ? i : best), 0)
  }
  return 16 + 36 * nearest(1) + 6 * nearest(3) + nearest(5)
}
