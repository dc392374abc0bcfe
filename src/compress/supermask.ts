/**
 * The scalar supermask: real scores become small integer levels by comparing their size with thresholds, one per coat.
 *
 *   |level| = number of coats i with |score| >= threshold[i],   sign: the score's (learned) or a generator's (seeded)
 *
 * One coat is a signed supermask (edge-popup's mask with learned signs), three and seven coats give INT3 and INT4 levels
 * (multicoated supermasks, Okoshi et al., ICML 2022). docs/compression.md explains the options together.
 */
import { WhiteDwarfError } from '../errors.js'
import { type PatternOptions, type PatternTraining, patternTraining } from './patterns.js'

export type Coats = 1 | 3 | 7

/** A seeded random part of every layer that training does not choose (Otsuka et al., TMLR 2025). */
export interface Frozen {
  /** Share of the weights that stay zero, 0..1. Default 0. */
  readonly pruned?: number
  /** Share of the weights that are never zero, with signs from the generator, 0..1. Default 0. */
  readonly locked?: number
  /** Whole number that determines which. Default 1. */
  readonly seed?: number
}

export interface SupermaskOptions {
  /** Levels run from -coats to coats. Default 1. */
  readonly coats?: Coats
  /**
   * Share of levels that are not zero, in (0, 1]; layers named in `densities` do not count. A layer with a pattern has at most what its
   * pattern allows. Default 0.1; with a pattern and no budget 1: all that is allowed.
   */
  readonly density?: number
  /**
   * 'global': the density holds for all layers together; layers compete with |score| * sqrt(fan-in). 'layer': it holds
   * in each. 'fixed': thresholds stay where `threshold` puts them and the density is an outcome, of weight decay above
   * all (signed supermasks, Koster et al., ICLR 2022). Default 'global', but 'layer' where `density` is 1 by default.
   */
  readonly scope?: 'global' | 'layer' | 'fixed'
  /**
   * Where the thresholds of further coats lie. 'linear': threshold i is i times the first, which makes the level a
   * uniform quantiser of the score. 'uniform': coat i keeps (coats - i + 1) / coats of the weights that the first one
   * keeps. 'adaptive': c * level is the closest to the scores, in the least squares sense, over all c. Default 'linear'; with a
   * pattern 'adaptive', because the smallest score that a pattern keeps may be anything.
   */
  readonly thresholds?: 'linear' | 'uniform' | 'adaptive'
  /** Scope 'fixed': the first threshold of a layer over its largest initial |score|. Between 0 and 1, default 0.4. */
  readonly threshold?: number
  /**
   * Scope 'layer': 'uniform' gives each layer the same density; 'erk' more to small layers, (out + in + kh + kw) / (out *
   * in * kh * kw) times a common factor (Erdos-Renyi-kernel, Evci et al., ICML 2020). Default 'uniform'.
   */
  readonly allocation?: 'uniform' | 'erk'
  /** Own densities of layers, by the names of their nodes, in (0, 1]: they do not compete with the others. Default none. */
  readonly densities?: Readonly<Record<string, number>>
  /** Each row (the weights of one output) keeps at least so many, even below the threshold. 0..65535, default 0. */
  readonly leastPerRow?: number
  readonly frozen?: Frozen
  /** A sparsity pattern that layers keep to. Not together with `frozen`. */
  readonly pattern?: PatternOptions
  /** 'learned': a level has its score's sign. A number 0..62: signs come from this seed, and cost no bytes. Default 'learned'. */
  readonly signs?: 'learned' | number
  /**
   * Initial scores. 'he-normal': N(0, 2 / fan-in). 'xavier-uniform': U(-b, b), b^2 = 6 / (fan-in + fan-out).
   * 'kaiming-uniform': U(-b, b), b^2 = 1 / fan-in, as edge-popup. Default 'he-normal'.
   */
  readonly init?: 'he-normal' | 'xavier-uniform' | 'kaiming-uniform'
  /**
   * Most bytes of the model's file, everything counted. The density is then found while training: `density` only says where
   * to begin. Not for scope 'fixed'.
   */
  readonly budget?: number
  /** Bits of a scale or bias in the file as it will be exported, 1..8: what a budget sets aside for them. Default 8. */
  readonly constantBits?: number
  /** Whether the gradient of a score is divided by the number of coats. Default false. */
  readonly normalise?: boolean
}

export interface Supermask extends Required<Omit<SupermaskOptions, 'frozen' | 'pattern' | 'budget'>> {
  readonly frozen: Required<Frozen>
  readonly pattern?: PatternTraining
  readonly budget?: number
}

/** Fills in defaults. @throws WhiteDwarfError E_OPTION naming the allowed range */
export function supermask(options: SupermaskOptions = {}): Supermask {
  const { pattern } = options
  const allAllowed = pattern !== undefined && options.density === undefined && options.budget === undefined
  const mask: Supermask = {
    coats: options.coats ?? 1,
    density: options.density ?? (allAllowed ? 1 : 0.1),
    scope: options.scope ?? (allAllowed ? 'layer' : 'global'),
    thresholds: options.thresholds ?? (pattern === undefined ? 'linear' : 'adaptive'),
    threshold: options.threshold ?? 0.4,
    allocation: options.allocation ?? 'uniform',
    densities: options.densities ?? {},
    leastPerRow: options.leastPerRow ?? 0,
    frozen: { pruned: 0, locked: 0, seed: 1, ...options.frozen },
    signs: options.signs ?? 'learned',
    init: options.init ?? 'he-normal',
    constantBits: options.constantBits ?? 8,
    normalise: options.normalise ?? false,
    ...(pattern !== undefined && { pattern: patternTraining(pattern) }),
    ...(options.budget !== undefined && { budget: options.budget }),
  }
  checkOneOf('coats', mask.coats, [1, 3, 7])
  checkOneOf('scope', mask.scope, ['global', 'layer', 'fixed'])
  checkOneOf('thresholds', mask.thresholds, ['linear', 'uniform', 'adaptive'])
  checkOneOf('allocation', mask.allocation, ['uniform', 'erk'])
  checkOneOf('init', mask.init, ['he-normal', 'xavier-uniform', 'kaiming-uniform'])
  checkOneOf('normalise', mask.normalise, [true, false])
  checkDensity('density', mask.density)
  for (const [name, density] of Object.entries(mask.densities)) checkDensity(`densities['${name}']`, density)
  const { threshold, leastPerRow, signs } = mask
  if (!(threshold > 0 && threshold < 1)) refuse('threshold', 'above 0 and below 1', threshold)
  if (!whole(leastPerRow, 0, 65535)) refuse('leastPerRow', 'a whole number from 0 to 65535', leastPerRow)
  if (signs !== 'learned' && !whole(signs, 0, 62)) refuse('signs', "'learned' or a whole number from 0 to 62", signs)
  checkFrozen(mask)
  checkBudget(mask)
  if (mask.allocation === 'erk' && mask.scope !== 'layer')
    refuse('allocation', "'uniform' unless scope is 'layer'", 'erk')
  if (mask.scope === 'fixed' && Object.keys(mask.densities).length > 0) {
    refuse('densities', "absent where scope is 'fixed', which prescribes no density", Object.keys(mask.densities))
  }
  return mask
}

function checkFrozen({ frozen: { pruned, locked, seed }, density, scope, pattern }: Supermask): void {
  for (const [name, share] of Object.entries({ pruned, locked })) {
    if (!(share >= 0 && share < 1)) refuse(`frozen.${name}`, 'at least 0 and below 1', share)
  }
  if (!Number.isInteger(seed)) refuse('frozen.seed', 'a whole number', seed)
  if (pattern !== undefined && pruned + locked > 0) {
    refuse(
      'frozen',
      'absent with a pattern, which says itself which weights stay zero',
      `pruned ${pruned}, locked ${locked}`,
    )
  }
  if (pruned + locked >= 1) refuse('frozen', 'less than 1 in sum, so that something is left to train', pruned + locked)
  if (scope !== 'fixed' && (density <= locked || density > 1 - pruned)) {
    refuse('density', `above frozen.locked (${locked}) and at most 1 - frozen.pruned (${1 - pruned})`, density)
  }
}

function checkBudget({ budget, constantBits, scope, density }: Supermask): void {
  if (!whole(constantBits, 1, 8)) refuse('constantBits', 'a whole number from 1 to 8', constantBits)
  if (budget === undefined) return
  if (!whole(budget, 1, Number.MAX_SAFE_INTEGER)) refuse('budget', 'a whole number of bytes', budget)
  if (scope === 'fixed') refuse('budget', "absent where scope is 'fixed': the density is an outcome", budget)
  if (density === 1) refuse('density', 'below 1 with a budget', density)
}

function checkDensity(name: string, value: number): void {
  if (!(value > 0 && value <= 1)) refuse(name, 'above 0 and at most 1', value)
}

function checkOneOf(name: string, value: unknown, allowed: readonly (string | number | boolean)[]): void {
  if ((allowed as readonly unknown[]).includes(value)) return
  const words = allowed.map((v) => (typeof v === 'string' ? `'${v}'` : String(v)))
  refuse(name, `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`, value)
}

const whole = (value: number, min: number, max: number) => Number.isInteger(value) && value >= min && value <= max

function refuse(name: string, allowed: string, got: unknown): never {
  throw new WhiteDwarfError('E_OPTION', `supermask.${name} must be ${allowed}, got ${String(got)}`)
}
