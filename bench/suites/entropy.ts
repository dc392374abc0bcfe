/**
 * Decoding level tensors: 1000 x 1000 independent ternary levels at three densities, in both modes, from the coded stream
 * to int8 levels; and the size of the stream against the order-0 entropy. Weights count whether they are zero or not.
 */
import { decodeModel, encodeModel, entropyBits, entropyStateBytes, type Mode, readWd } from 'whitedwarf/format'
import { Arena, bestIsa, instantiate, Rng } from 'whitedwarf/kernels'
import { compare } from '../harness.js'
import { round } from '../machine.js'
import type { Suite, SuiteResult } from '../suite.js'

const ROWS = 1000
const COLS = 1000
const DENSITIES = [0.5, 0.1, 0.01] as const
const MODES: readonly Mode[] = ['runs', 'context']

export interface EntropyFigure {
  readonly mode: Mode
  readonly density: number
  /** Weights per second, in millions, at the median of time. */
  readonly rate: number
  readonly spread: number
  /** Coded bits over the order-0 entropy. */
  readonly overhead: number
  readonly warnings: readonly string[]
}

type MaxLevel = 1 | 3 | 7

/** A file with one dense layer of random levels, all non-zero ones equally likely. */
function randomFile(density: number, mode: Mode, maxLevel: MaxLevel): Uint8Array {
  const rng = new Rng(1)
  const level = () => (rng.u32() & 1 ? 1 : -1) * (maxLevel === 1 ? 1 : 1 + rng.below(maxLevel))
  const levels = Int8Array.from({ length: ROWS * COLS }, () => (rng.float() < density ? level() : 0))
  const constants = { kind: 'uniform', bits: 1, lo: 1, step: 0, codes: new Uint8Array(ROWS) } as const
  return encodeModel(
    {
      graph: {
        inputs: [{ name: 'input', shape: [COLS], scale: [1 / 255], offset: [0] }],
        nodes: [{ op: 'dense', name: 'fc1', inputs: ['input'], units: ROWS }],
        outputs: ['fc1'],
      },
      tensors: { fc1: { shape: [ROWS, COLS], maxLevel, levels } },
      layers: { fc1: { tensor: 'fc1', scale: constants, bias: constants } },
      ranges: { input: 128 },
    },
    { mode },
  )
}

export async function measureEntropy(density: number, mode: Mode, maxLevel: MaxLevel = 1): Promise<EntropyFigure> {
  const bytes = randomFile(density, mode, maxLevel)
  const file = readWd(bytes)
  const tensor = file.tensors[0]
  const { exports, memory } = await instantiate(await bestIsa())
  const arena = new Arena(memory)
  const state = arena.alloc(entropyStateBytes(COLS, ROWS))
  const stream = arena.alloc(bytes.length)
  const classes = arena.alloc(ROWS)
  const levels = arena.alloc(ROWS * COLS)
  new Uint8Array(memory.buffer, stream, bytes.length).set(bytes)
  new Uint8Array(memory.buffer, classes, ROWS).set(tensor.rowClasses)
  const { range, code, next, end } = file.levels
  const run = () => {
    exports.entropy_begin(state, range, code, stream + next, stream + end, COLS, ROWS)
    exports.entropy_tensor(state, ...tensor.kernelArguments, classes)
    return exports.entropy_decode_dense(state, 0, ROWS, levels)
  }
  run()
  const expected = decodeModel(bytes).tensors.fc1.levels
  const got = new Int8Array(memory.buffer, levels, ROWS * COLS)
  if (expected.some((level, i) => level !== got[i]))
    throw new Error(`${mode}, density ${density}: decoded wrong levels`)
  const comparison = await compare([{ name: mode, run, work: ROWS * COLS }])
  const m = comparison.measurements[0]
  return {
    mode,
    density,
    rate: round(m.rate! / 1e6),
    spread: m.spread,
    overhead: round((8 * file.size.levels) / entropyBits(expected)),
    warnings: comparison.warnings,
  }
}

/** All figures of this suite. */
export async function entropyDecodeSpeed(): Promise<EntropyFigure[]> {
  const figures: EntropyFigure[] = []
  for (const mode of MODES) for (const density of DENSITIES) figures.push(await measureEntropy(density, mode))
  return figures
}

export const entropySuite: Suite = {
  name: 'entropy',
  title: `decoding ${ROWS} x ${COLS} independent ternary levels, one core`,
  async run(): Promise<SuiteResult> {
    const all = await entropyDecodeSpeed()
    return {
      figures: all.flatMap((f) => [
        { name: `${f.mode}, density ${f.density}`, value: f.rate, unit: 'M weights/s', spread: f.spread },
        { name: `${f.mode}, density ${f.density}: bits over entropy`, value: f.overhead, unit: 'x' },
      ]),
      warnings: all.flatMap((f) => f.warnings),
    }
  },
}
