/** Training options on the command line: which there are, and what they set. */
import {
  type ConstantBits,
  type ExportOptions,
  type PatternOptions,
  parseBytes,
  type SupermaskOptions,
  type TrainOptions,
} from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { parsePattern } from '../patterns.js'
import { ACTIVATIONS } from '../train/activations.js'
import type { Arguments, OptionSpec } from './args.js'
import { parseAugmentation } from './data.js'

interface NumberOption extends OptionSpec {
  readonly key: keyof TrainOptions
  readonly min: number
  readonly max?: number
  readonly whole?: boolean
}

interface ChoiceOption extends OptionSpec {
  readonly key: keyof TrainOptions
  readonly choices: readonly string[]
}

const number = (
  name: string,
  key: keyof TrainOptions,
  help: string,
  range: { min: number; max?: number; whole?: boolean },
): NumberOption => ({ name, value: range.whole ? 'N' : 'X', help, key, ...range })

const choice = (
  name: string,
  key: keyof TrainOptions,
  choices: readonly string[],
  help: string,
  shown = choices.join(', '),
): ChoiceOption => ({
  name,
  value: 'KIND',
  help: `${help}: ${shown}`,
  key,
  choices,
})

const NUMBERS: readonly NumberOption[] = [
  number('epochs', 'epochs', 'passes over the training images', { min: 1, max: 10000, whole: true }),
  number('batch', 'batch', 'images per step', { min: 2, max: 4096, whole: true }),
  number('lr', 'learningRate', 'peak learning rate', { min: 1e-6, max: 100 }),
  number('norm-rate', 'normRate', "learning rate of batch normalisation, times the scores'", { min: 0, max: 1000 }),
  number('momentum', 'momentum', 'of SGD', { min: 0, max: 0.999 }),
  number('weight-decay', 'weightDecay', 'of scores', { min: 0, max: 1 }),
  number('clip', 'clip', 'largest norm of the gradients, 0 for none', { min: 0, max: 1e6 }),
  number('label-smoothing', 'labelSmoothing', '0 to 0.9', { min: 0, max: 0.9 }),
  number('warmup', 'warmup', 'share of training in which the learning rate rises', { min: 0, max: 0.5 }),
  number('gamma', 'gamma', 'factor of the schedules step and exponential', { min: 1e-12, max: 1 }),
  number('ramp', 'ramp', 'share of training over which the density falls to its end value', { min: 0, max: 1 }),
  number('freeze', 'freeze', 'share of training, at the end, in which levels stay as they are', { min: 0, max: 0.9 }),
  number('ema', 'ema', 'train averages: their decay per step, for example 0.999', { min: 0, max: 0.99999 }),
  number('round-from', 'roundFrom', 'share of training before activations are rounded', { min: 0, max: 1 }),
  number('test-every', 'testEvery', 'epochs between two tests', { min: 1, max: 10000, whole: true }),
  number('seed', 'seed', 'determines every bit of the result', { min: 0, whole: true }),
]

const CHOICES: readonly ChoiceOption[] = [
  choice('optimiser', 'optimiser', ['sgd', 'adamw'], 'what moves the scores'),
  choice('decay', 'decay', ['coupled', 'decoupled'], 'weight decay through the gradient or beside it'),
  choice(
    'schedule',
    'schedule',
    ['cosine', 'linear', 'one-cycle', 'step', 'exponential', 'constant'],
    'of the learning rate',
  ),
  choice('ramp-shape', 'rampShape', ['linear', 'cubic'], 'how the density falls'),
  choice(
    'activations',
    'activations',
    ACTIVATIONS,
    'rounding of activations while training',
    'f32 (none), int8 to int1, e4m3, e5m2, e3m4, e2m5',
  ),
]

const SUPERMASK: readonly OptionSpec[] = [
  { name: 'density', value: 'X', help: 'share of weights that stay, above 0 and at most 1' },
  { name: 'coats', value: 'N', help: 'levels from -N to N: 1, 3 or 7' },
  { name: 'budget', value: 'SIZE', help: 'most bytes of the file, for example 64kB or 64KiB: finds the density' },
  { name: 'thresholds', value: 'KIND', help: 'of the coats: linear (default), uniform or adaptive' },
  { name: 'scope', value: 'KIND', help: 'density holds global (default) or in each layer; fixed: it is an outcome' },
  { name: 'threshold', value: 'X', help: 'scope fixed: first threshold over the largest initial score, default 0.4' },
  {
    name: 'allocation',
    value: 'KIND',
    help: 'scope layer: uniform (default) densities, or erk: more for small layers',
  },
  { name: 'least-per-row', value: 'N', help: 'weights that each output keeps at least' },
  { name: 'init', value: 'KIND', help: 'of scores: he-normal (default), xavier-uniform or kaiming-uniform' },
  {
    name: 'pattern',
    value: 'NAME',
    help: 'that weights keep to: 2:4, complementary:4, segments:4, cgs:16/8, PS4_P4, none',
  },
  { name: 'pattern-layers', value: 'WHICH', help: 'inner (default), all, or names of layers with commas in between' },
  { name: 'evolve', value: 'KIND', help: 'how weights come to the pattern: projected (default), transfer or penalty' },
  { name: 'pull', value: 'X', help: 'of scores off the pattern towards 0, default 0.0002, with penalty 0.1' },
  {
    name: 'settle',
    value: 'X',
    help: 'share of training after which the pattern stays as it is, default 0.75, with penalty 0.5',
  },
  { name: 'mine', help: 'find the taps of periodic patterns in training, with as many as the named pattern has' },
  {
    name: 'signs',
    value: 'KIND',
    help: 'learned (default), or the seed, 0 to 62, of generated ones: no bytes',
  },
]

export const recipeOptions: readonly OptionSpec[] = [
  ...SUPERMASK,
  ...NUMBERS,
  ...CHOICES,
  { name: 'workers', value: 'N', help: 'threads that train together, or auto; the result is the same' },
  { name: 'bits', value: 'N', help: 'bits of a scale or bias in the file, 1 to 8' },
]

export interface Recipe {
  readonly options: Partial<TrainOptions>
  readonly supermask: SupermaskOptions
  readonly constants: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

/** What the arguments say, and nothing else. @throws WhiteDwarfError E_OPTION */
export function parseRecipe(args: Arguments): Recipe {
  const workers = args.string('workers') === 'auto' ? 'auto' : args.number('workers', { min: 1, max: 64, whole: true })
  const bits = args.number('bits', { min: 1, max: 8, whole: true }) as ConstantBits | undefined
  return {
    options: given({
      ...Object.fromEntries(NUMBERS.map((o) => [o.key, args.number(o.name, o)])),
      ...Object.fromEntries(CHOICES.map((o) => [o.key, args.choice(o.name, o.choices)])),
      workers,
      augment: parseAugmentation(args),
    }),
    supermask: parseSupermask(args),
    constants: given({ scaleBits: bits, biasBits: bits }),
  }
}

function parseSupermask(args: Arguments): SupermaskOptions {
  const coats = args.choice('coats', ['1', '3', '7'])
  const budget = args.string('budget')
  return given({
    density: args.number('density', { min: 1e-6, max: 1 }),
    coats: coats === undefined ? undefined : (Number(coats) as 1 | 3 | 7),
    budget: budget === undefined ? undefined : parseBytes(budget),
    thresholds: args.choice('thresholds', ['linear', 'uniform', 'adaptive']),
    scope: args.choice('scope', ['global', 'layer', 'fixed']),
    threshold: args.number('threshold', { min: 1e-6, max: 1 - 1e-6 }),
    allocation: args.choice('allocation', ['uniform', 'erk']),
    leastPerRow: args.number('least-per-row', { min: 0, max: 65535, whole: true }),
    init: args.choice('init', ['he-normal', 'xavier-uniform', 'kaiming-uniform']),
    signs: args.string('signs') === 'learned' ? 'learned' : args.number('signs', { min: 0, max: 62, whole: true }),
    pattern: parsePatternOptions(args),
  })
}

/** Blocks are drawn by the training's own seed. */
function parsePatternOptions(args: Arguments): PatternOptions | undefined {
  const name = args.string('pattern')
  const layers = args.string('pattern-layers')
  const options = given({
    layers: layers === 'inner' || layers === 'all' ? (layers as 'inner' | 'all') : layers?.split(','),
    evolve: args.choice('evolve', ['projected', 'transfer', 'penalty']),
    pull: args.number('pull', { min: 0, max: 1 }),
    settle: args.number('settle', { min: 0.1, max: 1 }),
    mine: args.flag('mine') ? true : undefined,
  })
  if (name === 'none') return undefined
  if (name !== undefined) {
    const seed = args.number('seed', { min: 0, whole: true }) ?? 1
    return { rule: parsePattern(name, seed % 2 ** 32), ...options }
  }
  const lonely = Object.hasOwn(options, 'mine')
    ? 'mine'
    : ['pattern-layers', 'evolve', 'pull', 'settle'].find((option) => args.string(option) !== undefined)
  if (lonely !== undefined) throw new WhiteDwarfError('E_OPTION', `--${lonely} needs --pattern: which one?`)
  return undefined
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the entries that are undefined. */
const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as Given<T>
