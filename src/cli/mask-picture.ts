/** The mask of a layer as a picture: a row of kernels for each filter, a column for each input, and a colour for each owner. */
import { type BlockPattern, dimsOf, eachGroup, type Pattern, slotOf } from '../patterns.js'

export interface MaskPicture {
  readonly width: number
  readonly height: number
  /** By rows: GAP between kernels, ZERO for weights that are zero, OWNED + c for others, of colour c. */
  readonly pixels: Uint8Array
  /** What of the layer is drawn, and how. */
  readonly note: string
  /** What each colour means; empty where there is one only. */
  readonly legend: readonly string[]
}

export const GAP = 0
export const ZERO = 1
export const OWNED = 2

/** Colours that are told apart; owners beyond them begin again. (Paul Tol's, for colour-blind readers.) */
export const COLOURS = [
  '#4477aa',
  '#ee6677',
  '#228833',
  '#ccbb44',
  '#66ccee',
  '#aa3377',
  '#ee8866',
  '#44aa99',
  '#332288',
  '#999933',
  '#117733',
  '#ddcc77',
  '#882255',
  '#88ccee',
  '#cc6677',
  '#777777',
] as const

/**
 * @param mask what is not 0 is drawn
 * @param pattern that the colours are of; undefined: one colour
 * @param limit most pixels across and down: blocks are scaled to fit, of other patterns the first filters and inputs are drawn
 */
export function maskPicture(
  mask: ArrayLike<number>,
  shape: readonly number[],
  pattern: Pattern | undefined,
  limit: { readonly width: number; readonly height: number },
): MaskPicture {
  return pattern?.kind === 'blocks' ? scaled(mask, shape, pattern, limit) : kernels(mask, shape, pattern, limit)
}

interface Limit {
  readonly width: number
  readonly height: number
}

/** One pixel for each weight; between kernels of several taps a gap. */
function kernels(
  mask: ArrayLike<number>,
  shape: readonly number[],
  pattern: Pattern | undefined,
  limit: Limit,
): MaskPicture {
  const { out, in: ins } = dimsOf(shape)
  const [kh, kw] = [shape[2] ?? 1, shape[3] ?? 1]
  const gap = kh * kw > 1 ? 1 : 0
  const order = pattern?.kind === 'groups' ? pattern.order : undefined
  const across = Math.min(ins, Math.max(1, Math.floor((limit.width + gap) / (kw + gap))))
  const fitting = Math.min(out, Math.max(1, Math.floor((limit.height + gap) / (kh + gap))))
  const down = wholeGroups(pattern, fitting, out)
  const width = across * (kw + gap) - gap
  const height = down * (kh + gap) - gap
  const pixels = new Uint8Array(width * height)
  const colours = owners(mask.length, shape, pattern)
  for (let row = 0; row < down; row++) {
    const n = order?.[row] ?? row
    for (let c = 0; c < across; c++) {
      for (let y = 0; y < kh; y++) {
        for (let x = 0; x < kw; x++) {
          const place = ((n * ins + c) * kh + y) * kw + x
          const at = (row * (kh + gap) + y) * width + c * (kw + gap) + x
          pixels[at] = mask[place] === 0 ? ZERO : OWNED + colours[place]
        }
      }
    }
  }
  const part = (drawn: number, all: number, what: string) => {
    const name = all === 1 ? what : `${what}s`
    return drawn < all ? `the first ${drawn} of ${all} ${name}` : `${all} ${name}`
  }
  const sorted = order === undefined ? '' : ', filters in the order of their groups'
  return {
    width,
    height,
    pixels,
    note: `${part(down, out, 'filter')} down, ${part(across, ins, 'input')} across${sorted}`,
    legend: legendOf(pattern),
  }
}

/** Of filters that share groups whole groups are drawn, if at least one fits. */
function wholeGroups(pattern: Pattern | undefined, fitting: number, out: number): number {
  if (pattern?.kind !== 'groups' || pattern.axis !== 'out' || fitting === out || fitting < pattern.of) return fitting
  return fitting - (fitting % pattern.of)
}

/** The colour of each weight. */
function owners(count: number, shape: readonly number[], pattern: Pattern | undefined): Uint8Array {
  const colours = new Uint8Array(count)
  if (pattern?.kind === 'groups') {
    eachGroup(pattern, shape, (places, size) => {
      for (let j = 0; j < size; j++) colours[places[j]] = j % COLOURS.length
    })
  }
  if (pattern?.kind === 'periodic') {
    const { in: ins, taps } = dimsOf(shape)
    for (let i = 0; i < count; i++) {
      const kernel = Math.floor(i / taps)
      colours[i] = slotOf(pattern, Math.floor(kernel / ins), kernel % ins) % COLOURS.length
    }
  }
  return colours
}

function legendOf(pattern: Pattern | undefined): string[] {
  if (pattern === undefined || pattern.kind === 'blocks') return []
  const [what, count] =
    pattern.kind === 'periodic'
      ? ['set', pattern.taps.length]
      : [{ out: 'filter', in: 'input', 'in-strided': 'segment' }[pattern.axis], pattern.of]
  return Array.from({ length: Math.min(count, COLOURS.length) }, (_, i) => `${what} ${i + 1}`)
}

/** One pixel for each square of inputs by outputs, drawn where at least half of its weights are kept. */
function scaled(mask: ArrayLike<number>, shape: readonly number[], pattern: BlockPattern, limit: Limit): MaskPicture {
  const { out, in: ins, taps } = dimsOf(shape)
  const { block } = pattern.inner ?? pattern
  let side = Math.max(1, Math.ceil(ins / limit.width), Math.ceil(out / limit.height))
  // Edges of blocks are edges of pixels.
  while (block % side !== 0 && side % block !== 0) side++
  const width = Math.ceil(ins / side)
  const height = Math.ceil(out / side)
  const pixels = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let kept = 0
      let all = 0
      for (let n = y * side; n < Math.min(out, (y + 1) * side); n++) {
        for (let k = x * side * taps; k < Math.min(ins, (x + 1) * side) * taps; k++) {
          if (mask[n * ins * taps + k] !== 0) kept++
          all++
        }
      }
      pixels[y * width + x] = 2 * kept >= all ? OWNED : ZERO
    }
  }
  const scale = side === 1 ? '' : `, ${side} x ${side} in one`
  return { width, height, pixels, note: `${out} filters down, ${ins} inputs across${scale}`, legend: [] }
}
