/** Sparsity patterns as the supermask trains them: options, and which layer gets which. */
import { WhiteDwarfError } from '../errors.js'
import { isDynamic } from '../patterns/mask.js'
import { checkPattern, misfit, type Pattern } from '../patterns/pattern.js'

export interface PatternOptions {
  /** What the weights keep to. Patterns of blocks get a seed of their own in every layer: theirs plus the layer's number, from 0. */
  readonly rule: Pattern
  /**
   * Which layers keep to it. 'inner': all but the first and the last with weights of their own; 'all'; both only as far as the pattern
   * fits. Or names of nodes, which it must fit. Default 'inner'.
   */
  readonly layers?: 'inner' | 'all' | readonly string[]
  /**
   * How the network comes to the pattern. 'projected': it keeps to it from the first step on; the places of groups are those of the
   * largest scores, and all scores are trained (SR-STE, Zhou et al., ICLR 2021). 'transfer', groups only: only scores that have a place
   * are trained, and the smallest of them give theirs to members of their group with large gradients. 'penalty': the network begins
   * dense, and scores off the pattern are pulled towards 0 ever harder until they are cut. Default 'projected'.
   */
  readonly evolve?: 'projected' | 'transfer' | 'penalty'
  /**
   * What is added to the slope of a score off the pattern, as a multiple of the score: in the end with 'penalty'. 0..1, default 2e-4,
   * with 'penalty' 0.1.
   */
  readonly pull?: number
  /** Share of all steps after which the places stay as they are and what is off the pattern is cut. 0.1..1, default 0.75, with 'penalty' 0.5. */
  readonly settle?: number
  /**
   * Groups along the outputs: whether filters are grouped anew, once, after a tenth of the steps. Default: yes, unless the pattern has
   * an order.
   */
  readonly regroup?: boolean
  /**
   * Periodic patterns: each layer has sets of its own, found once, after a tenth of the steps in which it is dense: as many taps for each
   * place in the period as the rule has, those with the most energy over all its kernels. Default: no.
   */
  readonly mine?: boolean
}

export type PatternTraining = Required<PatternOptions>

/** Fills in defaults. @throws WhiteDwarfError E_OPTION */
export function patternTraining(options: PatternOptions): PatternTraining {
  const { rule, evolve = 'projected' } = options
  checkPattern(rule)
  const canRegroup = rule.kind === 'groups' && rule.axis === 'out'
  const training: PatternTraining = {
    rule,
    layers: options.layers ?? 'inner',
    evolve,
    pull: options.pull ?? (evolve === 'penalty' ? 0.1 : 2e-4),
    settle: options.settle ?? (evolve === 'penalty' ? 0.5 : 0.75),
    regroup: options.regroup ?? (canRegroup && rule.order === undefined),
    mine: options.mine ?? false,
  }
  const { layers, pull, settle, mine } = training
  if (!Array.isArray(layers) && layers !== 'inner' && layers !== 'all') {
    refuse('layers', "'inner', 'all' or a list of names", layers)
  }
  if (!['projected', 'transfer', 'penalty'].includes(evolve)) {
    refuse('evolve', "'projected', 'transfer' or 'penalty'", evolve)
  }
  if (evolve === 'transfer' && !isDynamic(rule)) {
    refuse('evolve', "'projected' or 'penalty': the pattern's places are given", evolve)
  }
  if (!(pull >= 0 && pull <= 1)) refuse('pull', 'a number from 0 to 1', pull)
  if (!(settle >= 0.1 && settle <= 1)) refuse('settle', 'a number from 0.1 to 1', settle)
  if (training.regroup && !canRegroup) refuse('regroup', 'false but for groups along the outputs', true)
  if (mine !== true && mine !== false) refuse('mine', 'true or false', mine)
  if (mine && rule.kind !== 'periodic') refuse('mine', 'false but for periodic patterns', mine)
  return training
}

/**
 * The pattern of each layer, undefined where it has none.
 * @param layers those with weights of their own, in order
 * @throws WhiteDwarfError E_OPTION when a named layer is not there or the pattern does not fit it, or when no layer gets the pattern
 */
export function layerPatterns(
  layers: readonly { readonly name: string; readonly shape: readonly number[] }[],
  { rule, layers: chosen }: PatternTraining,
): (Pattern | undefined)[] {
  const names = layers.map((layer) => layer.name)
  if (typeof chosen !== 'string') {
    const unknown = chosen.find((name) => !names.includes(name))
    if (unknown !== undefined) {
      refuse('layers', `names of nodes that have weights of their own (${names.join(', ')})`, `'${unknown}'`)
    }
  }
  const reasons: string[] = []
  const patterns = layers.map(({ name, shape }, i): Pattern | undefined => {
    const isInner = i > 0 && i < layers.length - 1
    if (typeof chosen === 'string' ? chosen === 'inner' && !isInner : !chosen.includes(name)) return undefined
    const own = rule.kind === 'blocks' ? { ...rule, seed: (rule.seed + i) % 2 ** 32 } : rule
    const why = misfit(own, shape)
    if (why === undefined) return own
    reasons.push(`'${name}' [${shape.join(', ')}]: ${why}`)
    return undefined
  })
  const wanting = typeof chosen !== 'string' && reasons.length > 0
  if (wanting || patterns.every((p) => p === undefined)) {
    const why = reasons.length > 0 ? reasons.join('; ') : `'${chosen}' names none of ${names.join(', ')}`
    throw new WhiteDwarfError('E_OPTION', `supermask.pattern does not fit ${wanting ? 'layers' : 'any layer'}: ${why}`)
  }
  return patterns
}

function refuse(field: string, expected: string, got: unknown): never {
  throw new WhiteDwarfError('E_OPTION', `supermask.pattern.${field} must be ${expected}, got ${String(got)}`)
}
