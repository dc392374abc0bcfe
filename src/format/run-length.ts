/**
 * Levels as zero runs in Golomb-Rice code: a form that a decoder of a few gates and no tables reads, for memories next to
 * processing elements. It takes a few per cent more than the order-0 entropy. The file form is format/, not this.
 *
 *   tensor   | parameter k: 5 bits | run, level | run, level | ... | run
 *   run      r zeros: r >> k ones, a zero, the low k bits of r        (Rice 1979; Golomb 1966)
 *   level    sign, 1 bit (1: negative; none with given signs) | a one for each further coat, a zero unless it is the last;
 *            of 8-bit levels seven bits of its size
 *
 * Bits fill bytes from the highest. The last run reaches the end of the tensor and no level follows it; where nothing is
 * left there is no run.
 */
import { WhiteDwarfError } from '../errors.js'
import type { MaxLevel } from '../kernels/levels.js'

const PARAMETER_BITS = 5
export const MAX_PARAMETER = 2 ** PARAMETER_BITS - 1

export interface RunLengthOptions {
  readonly maxLevel: MaxLevel
  /** Signs that the decoder knows anyway: they are not coded. */
  readonly signs?: Int8Array
}

/** Bits of the size of an 8-bit level. */
const BYTE_BITS = 7

/** Bits of a level's size: 0, 10, 110, ..., and only ones for the largest. */
const magnitudeBits = (level: number, maxLevel: MaxLevel): number =>
  maxLevel === 127 ? BYTE_BITS : Math.min(Math.abs(level), maxLevel - 1)

/**
 * The parameter that suits a density: log2(0.69 / density), rounded up (runs are geometric; Golomb's rule for their code
 * with powers of two). `runLengthBits` finds the best one for given levels.
 */
export function riceParameter(density: number): number {
  return Math.min(MAX_PARAMETER, Math.max(0, Math.ceil(Math.log2(Math.LN2 / density))))
}

/** Size in bits, with the parameter that makes it smallest. */
export function runLengthBits(
  levels: Int8Array,
  { maxLevel, signs }: RunLengthOptions,
): { bits: number; parameter: number } {
  const runs: number[] = []
  let nonZeros = 0
  let levelBits = 0
  eachRun(levels, (run, level) => {
    runs.push(run)
    if (level === 0) return
    nonZeros++
    levelBits += (signs === undefined ? 1 : 0) + magnitudeBits(level, maxLevel)
  })
  const size = (k: number) => runs.reduce((sum, run) => sum + Math.floor(run / 2 ** k), 0) + runs.length * (k + 1)
  // The size as a function of the parameter falls, then rises.
  let parameter = riceParameter(Math.max(1, nonZeros) / Math.max(1, levels.length))
  let bits = size(parameter)
  for (const step of [-1, 1]) {
    for (let k = parameter + step; k >= 0 && k <= MAX_PARAMETER; k += step) {
      const other = size(k)
      if (other >= bits) break
      bits = other
      parameter = k
    }
  }
  return { bits: PARAMETER_BITS + bits + levelBits, parameter }
}

/** Visits each run of zeros with the level behind it; 0 behind the last run, if it reaches the end. */
function eachRun(levels: Int8Array, visit: (run: number, level: number) => void): void {
  let begin = 0
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] === 0) continue
    visit(i - begin, levels[i])
    begin = i + 1
  }
  if (begin < levels.length) visit(levels.length - begin, 0)
}

/** @throws WhiteDwarfError E_OPTION for a level beyond maxLevel, or whose sign is not the given one */
export function encodeRunLength(levels: Int8Array, options: RunLengthOptions): Uint8Array {
  const { maxLevel, signs } = options
  const wrong = levels.findIndex((l, i) => Math.abs(l) > maxLevel || (signs !== undefined && l * signs[i] < 0))
  if (wrong >= 0) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `level ${levels[wrong]} at ${wrong}: expected -${maxLevel} to ${maxLevel}${signs === undefined ? '' : ', with the given sign'}`,
    )
  }
  const { bits, parameter } = runLengthBits(levels, options)
  const out = new BitWriter(Math.ceil(bits / 8))
  out.write(parameter, PARAMETER_BITS)
  eachRun(levels, (run, level) => {
    for (let q = Math.floor(run / 2 ** parameter); q > 0; q--) out.write(1, 1)
    out.write(0, 1)
    out.write(run % 2 ** parameter, parameter)
    if (level === 0) return
    if (signs === undefined) out.write(level < 0 ? 1 : 0, 1)
    if (maxLevel === 127) {
      out.write(Math.abs(level), BYTE_BITS)
      return
    }
    for (let coat = 1; coat < maxLevel; coat++) {
      out.write(Math.abs(level) > coat ? 1 : 0, 1)
      if (Math.abs(level) === coat) break
    }
  })
  return out.bytes
}

/**
 * @param n how many levels there are
 * @throws WhiteDwarfError E_FORMAT when the bytes do not hold exactly n levels
 */
export function decodeRunLength(bytes: Uint8Array, n: number, { maxLevel, signs }: RunLengthOptions): Int8Array {
  const input = new BitReader(bytes)
  const levels = new Int8Array(n)
  const parameter = input.read(PARAMETER_BITS)
  for (let i = 0; i < n; i++) {
    let run = 0
    while (run <= n && input.read(1) === 1) run += 2 ** parameter
    run += input.read(parameter)
    i += run
    if (i > n) throw damaged(`a run of zeros goes past the ${n} levels`)
    if (i === n) break
    const negative = signs === undefined ? input.read(1) === 1 : signs[i] < 0
    let magnitude = maxLevel === 127 ? input.read(BYTE_BITS) : 1
    while (maxLevel !== 127 && magnitude < maxLevel && input.read(1) === 1) magnitude++
    levels[i] = negative ? -magnitude : magnitude
  }
  if (input.bytesRead !== bytes.length) throw damaged(`${bytes.length - input.bytesRead} bytes are left over`)
  return levels
}

const damaged = (what: string) => new WhiteDwarfError('E_FORMAT', `damaged run-length code: ${what}`)

class BitWriter {
  readonly bytes: Uint8Array
  private at = 0

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes)
  }

  write(value: number, bits: number): void {
    for (let b = bits - 1; b >= 0; b--, this.at++) {
      if ((value >>> b) & 1) this.bytes[this.at >>> 3] |= 128 >>> (this.at & 7)
    }
  }
}

class BitReader {
  private at = 0

  constructor(private readonly bytes: Uint8Array) {}

  get bytesRead(): number {
    return (this.at + 7) >>> 3
  }

  read(bits: number): number {
    let value = 0
    for (let i = 0; i < bits; i++, this.at++) {
      if (this.at >= 8 * this.bytes.length) throw damaged('it ends in the middle of a level')
      value = value * 2 + ((this.bytes[this.at >>> 3] >>> (7 - (this.at & 7))) & 1)
    }
    return value
  }
}
