/** What sparsity patterns cost in accuracy: one network trained with each of them at the same density. */
import {
  channelStatistics,
  exportModel,
  isWeighted,
  type PatternOptions,
  resnetCifar,
  type SupermaskOptions,
  type TrainTest,
  train,
  withNormalisation,
} from 'whitedwarf/compress'
import { encodeModel } from 'whitedwarf/format'
import { type Pattern, parsePattern, violation } from 'whitedwarf/patterns'
import { round } from '../machine.js'
import { accuracy, loadCifar10 } from '../models.js'
import type { Claim, Detail } from './claim.js'
import { resumable } from './resumable.js'

const DENSITY = 0.25
const EPOCHS = 5

const rule = (rule: Pattern): PatternOptions => ({ rule })

/** Nine taps over a period of four kernels, 2, 2, 2 and 3: a quarter of them, each tap once. */
const QUARTER: Pattern = {
  kind: 'periodic',
  kernel: 3,
  taps: [
    [0, 1],
    [2, 5],
    [3, 6],
    [4, 7, 8],
  ],
  rotate: true,
}

/** What is left of normal weights by the best quantiser of seven steps: the rest rounds to zero. */
const ALL_LEVELS = 0.75

/** Rows of the table. 'unstructured' keeps the largest scores of a layer wherever they are. */
const METHODS: Readonly<Record<string, PatternOptions | 'unstructured' | 'all levels' | 'f32'>> = {
  'f32, dense': 'f32',
  'INT3, dense': 'all levels',
  unstructured: 'unstructured',
  'complementary, 1 of 4 filters': rule(parsePattern('complementary:4')),
  'N:M, 1:4': rule(parsePattern('1:4')),
  'periodic, 9 of 36 taps': rule(QUARTER),
  'CGS, 1 of 4 blocks of 4': rule(parsePattern('cgs:4/4')),
}

interface Row {
  readonly method: string
  readonly accuracy: number
  /** Per cent of the weights of the layers that the method is about that are not zero. */
  readonly density: number
}

async function measureRow(method: string, data: TrainTest, onProgress: (line: string) => void): Promise<Row> {
  const graph = withNormalisation(resnetCifar({ depth: 8, widths: [16, 32, 64] }), channelStatistics(data.train))
  const weighted = graph.nodes.filter(isWeighted).map((node) => node.name)
  const [first, last] = [weighted[0], weighted[weighted.length - 1]]
  const how = METHODS[method]
  const common: SupermaskOptions = { coats: 3, thresholds: 'adaptive', scope: 'layer' }
  const supermask = (): SupermaskOptions | 'none' => {
    if (how === 'f32') return 'none'
    if (how === 'all levels') return { ...common, density: ALL_LEVELS }
    if (how === 'unstructured') return { ...common, density: DENSITY, densities: { [first]: 1, [last]: 1 } }
    return { ...common, pattern: how }
  }
  let epoch = 0
  const result = await train({
    graph,
    ...data,
    supermask: supermask(),
    epochs: EPOCHS,
    learningRate: how === 'f32' ? 0.1 : 0.4,
    ...(how === 'f32' && { weightDecay: 5e-4 }),
    warmup: 0.02,
    labelSmoothing: 0,
    ramp: 0.4,
    rampShape: 'cubic',
    augment: { flip: true, shift: 4 },
    seed: 1,
    workers: 'auto',
    onProgress: (e) => {
      if (e.testAccuracy === undefined || e.epoch === epoch) return
      epoch = e.epoch
      onProgress(`${method}: epoch ${epoch} of ${EPOCHS}, ${round(100 * e.testAccuracy)} % in f32`)
    },
  })
  if (how === 'f32') return { method, accuracy: round(100 * (result.testAccuracy as number)), density: 100 }
  const inner = weighted.slice(1, -1).map((name) => result.tensors[name])
  const wrong = inner.map((t) => t.pattern && violation(t.pattern, t.shape, t.levels)).find((w) => w !== undefined)
  if (wrong !== undefined) throw new Error(`${method}: ${wrong}`)
  const [kept, all] = inner.reduce(
    ([k, n], { levels }) => [k + levels.filter((level) => level !== 0).length, n + levels.length],
    [0, 0],
  )
  const bytes = encodeModel(await exportModel(result, { calibration: data.train }))
  const right = await accuracy(bytes, data.test, { precision: 'int8' })
  return { method, accuracy: round(right), density: round((100 * kept) / all) }
}

const table: Claim = {
  name: 'pattern-table',
  title: `CIFAR-10, ResNet-8 of 16, 32 and 64 channels, INT3 levels, all layers but the first and the last at density ${100 * DENSITY} %, ${EPOCHS} epochs: what the worst pattern that training chooses the places of loses against unstructured sparsity, 1,000 test images, int8`,
  unit: 'points',
  bar: { op: '<=', value: 4 },
  minutes: 42,
  async measure(onProgress) {
    const data = await loadCifar10()
    const rows = await resumable<Row>('pattern-table', 'method', Object.keys(METHODS), (method) =>
      measureRow(method, data, onProgress),
    )
    // Of a share of the test images, in points.
    const error = (percent: number) => round(Math.sqrt((percent * (100 - percent)) / data.test.labels.length))
    const of = (method: string) => (rows.find((r) => r.method === method) as Row).accuracy
    const chosen = rows.filter(({ method }) => {
      const how = METHODS[method]
      return typeof how === 'object' && how.rule.kind === 'groups'
    })
    return {
      value: round(of('unstructured') - Math.min(...chosen.map((r) => r.accuracy))),
      details: { seed: 1, rows: rows.map((row): Detail => ({ ...row, standardError: error(row.accuracy) })) },
    }
  },
}

export const patternClaims: readonly Claim[] = [table]
