/** The entropy coder: how close to the entropy, and how fast. */
import type { Model } from 'whitedwarf/compress'
import { encodeModel, entropyBits, tensorBytes } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import { measureEntropy } from '../suites/entropy.js'
import type { Claim } from './claim.js'

const DENSITIES = [0.5, 0.1, 0.01]
const SIZE = 1000

/** A chain of dense layers of independent ternary levels, one for each density. */
function randomModel(): Model {
  const rng = new Rng(1)
  const names = DENSITIES.map((_, i) => `fc${i + 1}`)
  const constants = { kind: 'uniform', bits: 1, lo: 1, step: 0, codes: new Uint8Array(SIZE) } as const
  const tensor = (density: number) => ({
    shape: [SIZE, SIZE],
    maxLevel: 1 as const,
    levels: Int8Array.from({ length: SIZE * SIZE }, () => (rng.float() < density ? (rng.u32() & 1 ? 1 : -1) : 0)),
  })
  return {
    graph: {
      inputs: [{ name: 'input', shape: [SIZE], scale: [1], offset: [0] }],
      nodes: names.map((name, i) => ({ op: 'dense', name, inputs: [i === 0 ? 'input' : names[i - 1]], units: SIZE })),
      outputs: [names[names.length - 1]],
    },
    tensors: Object.fromEntries(names.map((name, i) => [name, tensor(DENSITIES[i])])),
    layers: Object.fromEntries(names.map((name) => [name, { tensor: name, scale: constants, bias: constants }])),
    ranges: Object.fromEntries(['input', ...names.slice(0, -1)].map((name) => [name, 128])),
  }
}

export const entropyClaims: readonly Claim[] = [
  {
    name: 'entropy-bound',
    title:
      'Coded size of 1,000,000 independent ternary levels above their order-0 entropy, the worst of densities 50 %, 10 % and 1 %',
    unit: '%',
    bar: { op: '<=', value: 2 },
    minutes: 0.2,
    async measure() {
      const model = randomModel()
      const details: Record<string, number> = {}
      for (const [i, { name, bytes }] of tensorBytes(encodeModel(model)).entries()) {
        const ratio = (8 * bytes) / entropyBits(model.tensors[name].levels)
        details[`density ${DENSITIES[i]}`] = Math.round(1000 * (100 * ratio - 100)) / 1000
      }
      return { value: Math.max(...Object.values(details)), details }
    },
  },
  {
    name: 'entropy-decode',
    title: 'Decoding 1,000,000 ternary levels, 90 % zeros, one core, zeros counted, mode runs',
    unit: 'M weights/s',
    bar: { op: '>=', value: 100 },
    minutes: 0.1,
    async measure() {
      const { rate, spread, warnings } = await measureEntropy(0.1, 'runs')
      const context = await measureEntropy(0.1, 'context')
      const [int3, int4] = [await measureEntropy(0.1, 'runs', 3), await measureEntropy(0.1, 'runs', 7)]
      return {
        value: rate,
        spread,
        details: { contextMode: context.rate, int3: int3.rate, int4: int4.rate },
        warnings: [...warnings, ...context.warnings, ...int3.warnings, ...int4.warnings],
      }
    },
  },
]
