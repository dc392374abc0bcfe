/** Byte budgets: the density whose file is as large as it may be. */
import { WhiteDwarfError } from '../errors.js'
import { encodeModel } from '../format/wd.js'
import type { Model } from '../graph/model.js'
import { levelsAt, type MaskedLayer } from './levels.js'
import type { Supermask } from './supermask.js'

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, kB: 1e3, MB: 1e6, KiB: 1024, MiB: 1024 ** 2 }

/** '64kB' is 64000, '64KiB' 65536, '1.5MB' 1500000, '900' 900. @throws WhiteDwarfError E_OPTION */
export function parseBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  const bytes = match !== null && Object.hasOwn(UNITS, match[2]) ? Math.floor(Number(match[1]) * UNITS[match[2]]) : 0
  if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes
  throw new WhiteDwarfError('E_OPTION', `a size must be like 900, 64kB, 64KiB, 1.5MB or 2MiB, got '${text}'`)
}

export interface Range {
  readonly least: number
  readonly most: number
  /** Where to begin. */
  readonly guess: number
  /** Bytes below the budget that are close enough. */
  readonly slack: number
}

/**
 * The largest whole number whose size fits a budget, by secant steps with bisection in between. Sizes should grow with
 * the number; where they do so only nearly (a coder may save a byte on more weights), the result fits, and one more does not.
 * @param bytesAt called once for each number tried; costs are in here
 * @throws WhiteDwarfError E_OPTION when not even `least` fits
 */
export function largestWithin(
  budget: number,
  { least, most, guess, slack }: Range,
  bytesAt: (k: number) => number,
): { k: number; bytes: number; tries: number } {
  let low: { k: number; bytes: number } | undefined
  let high: { k: number; bytes: number } | undefined
  let k = Math.min(most, Math.max(least, Math.round(guess)))
  for (let tries = 1; ; tries++) {
    const bytes = bytesAt(k)
    if (bytes <= budget) low = { k, bytes }
    else high = { k, bytes }
    if (low === undefined && k === least) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `a budget of ${budget} bytes is too small: the file takes ${bytes} with next to no weights; allow more, or use a smaller network`,
      )
    }
    if (low !== undefined) {
      const done = low.k === most || budget - low.bytes <= slack || (high !== undefined && high.k - low.k <= 1)
      if (done) return { ...low, tries }
    }
    // Away from the only side that is known, further each time.
    const stretch = 1 + 0.01 * 2 ** Math.min(tries, 10)
    if (low === undefined) k = Math.max(least, Math.floor((k * budget) / bytes / stretch))
    else if (high === undefined) k = Math.min(most, Math.max(k + 1, Math.ceil(((k * budget) / bytes) * stretch)))
    else {
      const share = tries % 3 === 0 ? 0.5 : (budget - low.bytes) / (high.bytes - low.bytes)
      k = Math.min(high.k - 1, Math.max(low.k + 1, low.k + Math.floor(share * (high.k - low.k))))
    }
  }
}

/**
 * The share of weights that are not zero at which levels say most: all levels as frequent. Denser masks take fewer bytes and leave
 * less to choose; with one coat and seeded signs, all weights kept is no choice at all.
 */
function richestDensity({ coats, signs }: Supermask): number {
  const levels = coats * (signs === 'learned' ? 2 : 1)
  return levels / (levels + 1)
}

/** How many weights the density of a mask speaks of, and the numbers of them that a budget may keep. */
export function densityRange(
  layers: readonly MaskedLayer[],
  mask: Supermask,
): { n: number; least: number; most: number } {
  const bound = layers.filter((layer) => !Object.hasOwn(mask.densities, layer.name))
  const count = (state: (frozen: number) => boolean) =>
    bound.reduce((sum, { frozen }) => sum + (frozen?.filter(state).length ?? 0), 0)
  const n = bound.reduce((sum, { scores }) => sum + scores.length, 0)
  const least = Math.min(n, count((f) => f > 0) + 1)
  const most = Math.min(n - count((f) => f < 0), Math.ceil(n * richestDensity(mask)))
  return { n, least, most: Math.max(least, most) }
}

/** Networks above this many weights are fitted to 0.05 % of the budget instead of to the byte: encoding takes a while. */
const LARGE = 1e6

export const slackFor = (weights: number, budget: number): number => (weights > LARGE ? budget / 2000 : 0)

export interface BudgetFit {
  readonly model: Model
  /** Of the layers without a density of their own. */
  readonly density: number
  /** Of the model's file. */
  readonly bytes: number
  /** How many densities were encoded to find it. */
  readonly tries: number
}

/**
 * The model with the highest density whose file, everything counted, is within a budget.
 * @param layers scores as training left them
 * @param mask its density is where the search begins
 * @param modelWith makes the model with these levels, by names of layers
 * @throws WhiteDwarfError E_OPTION when no density fits
 */
export function fitBudget(
  budget: number,
  layers: readonly MaskedLayer[],
  mask: Supermask,
  modelWith: (levels: ReadonlyMap<string, Int8Array>) => Model,
): BudgetFit {
  const { n, least, most } = densityRange(layers, mask)
  const modelAt = (k: number) => {
    const levels = levelsAt(layers, { ...mask, density: k / n })
    return modelWith(new Map(layers.map((layer, i) => [layer.name, levels[i]])))
  }
  const range = { least, most, guess: mask.density * n, slack: slackFor(n, budget) }
  const { k, bytes, tries } = largestWithin(budget, range, (k) => encodeModel(modelAt(k)).length)
  return { model: modelAt(k), density: k / n, bytes, tries }
}
