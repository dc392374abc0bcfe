/** ONNX: the conformance tests of its operators, and whole models beside onnxruntime. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'whitedwarf'
import { Rng } from 'whitedwarf/kernels'
import { exportOnnx, type FloatModel, importOnnx, onnxOperators, readOnnx } from 'whitedwarf/onnx'
import { inRepository, loadMnist } from '../models.js'
import { type OnnxTest, readTests, runTest, type Verdict } from '../onnx-tests.js'
import { type Claim, type Detail, NotMeasured } from './claim.js'

/** @throws NotMeasured where it is not there */
function folderOf(variable: string, what: string): string {
  const folder = process.env[variable]
  if (folder !== undefined && existsSync(folder)) return folder
  throw new NotMeasured(`put the path of ${what} into the environment variable ${variable}`)
}

/**
 * Tests that contradict the specification: they were made with a product that wraps where QLinearMatMul saturates ("y = saturate(x /
 * y_scale + y_zero_point)"). onnxruntime 1.30 answers as we do.
 */
const DISPUTED = ['2D', '3D'].flatMap((d) => ['16', '32'].map((bits) => `test_qlinearmatmul_${d}_int8_float${bits}`))

/** Why a test was refused, in a few words. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/has element type (\w+)/, 'element type $1'],
  [/NaN or infinite/, 'fed NaN or infinity'],
  [/is fed nothing/, 'nothing is fed'],
  [/training mode/, 'training mode'],
  [/images of 3 dimensions/, '3-D images'],
  [/its second result, the indices/, 'indices of the largest'],
  [/sizes must be whole numbers from 1/, 'a result without elements'],
  [/operators that cannot be imported/, 'other operators in its function body'],
  [/is not a tensor/, 'sequences'],
  [/a cast to element type 16/, 'cast to bfloat16'],
  [/does not say which operator set/, 'no operator set'],
  [/no input data/, 'no input data'],
]

function reasonOf(why: string): string {
  for (const [pattern, words] of REASONS) {
    const found = pattern.exec(why)
    if (found !== null) return words.replace('$1', found[1] ?? '')
  }
  return why.replace(/'[^']*'/g, "'...'").slice(0, 80)
}

interface Row {
  passed: number
  failed: number
  refused: number
  readonly why: Map<string, number>
}

function count(row: Row, verdict: Verdict): void {
  row[verdict.kind]++
  if (verdict.kind === 'passed') return
  const why = verdict.kind === 'failed' ? 'wraps where the specification saturates' : reasonOf(verdict.why)
  row.why.set(why, (row.why.get(why) ?? 0) + 1)
}

const SEVERAL = 'graphs of several nodes'
const OTHERS = 'operators that are not imported'
const UNREAD = 'types and forms that are not read'
const LAST = [SEVERAL, OTHERS, UNREAD]

function rowName({ model }: OnnxTest, known: ReadonlySet<string>): string {
  try {
    const [node, ...more] = readOnnx(model).nodes
    if (more.length > 0) return SEVERAL
    return known.has(node.op) ? node.op : OTHERS
  } catch {
    return UNREAD
  }
}

const nodeTests: Claim = {
  name: 'onnx-node-tests',
  title:
    "ONNX's conformance tests (operators, and models exported from PyTorch) whose results are wrong, those aside that contradict the specification; what cannot be imported is refused by name",
  unit: 'wrong results',
  bar: { op: '<=', value: 0 },
  also: [{ figure: 'passed', unit: 'passed', bar: { op: '>=', value: 1000 } }],
  minutes: 0.5,
  async measure(onProgress) {
    const folder = folderOf('ONNX_TESTS', 'a checkout of https://github.com/onnx/onnx, or of its folder of test data')
    const rows = new Map<string, Row>()
    const rowOf = (name: string) => {
      const row = rows.get(name) ?? { passed: 0, failed: 0, refused: 0, why: new Map() }
      rows.set(name, row)
      return row
    }
    const known = new Set(onnxOperators)
    const totals = { tests: 0, passed: 0, failed: 0, refused: 0 }
    const wrong: string[] = []
    for (const test of readTests(folder)) {
      const verdict = await runTest(test)
      totals.tests++
      totals[verdict.kind]++
      count(rowOf(rowName(test, known)), verdict)
      if (verdict.kind === 'failed' && !DISPUTED.includes(test.name)) wrong.push(`${test.name}: ${verdict.why}`)
      if (totals.tests % 200 === 0) onProgress(`${totals.tests} tests, ${totals.passed} passed`)
    }
    if (totals.tests === 0) throw new NotMeasured(`there are no tests in ${folder}`)
    const names = [...rows.keys()].filter((name) => !LAST.includes(name)).sort()
    return {
      value: wrong.length,
      details: {
        ...totals,
        disputed: DISPUTED.length,
        ...(wrong.length > 0 && { wrong }),
        rows: [...names, ...LAST.filter((name) => rows.has(name))].map((name): Detail => {
          const { passed, failed, refused, why } = rowOf(name)
          const reasons = [...why].sort(([, a], [, b]) => b - a).map(([text, n]) => `${n} ${text}`)
          return { operator: name, passed, failed, refused, why: name === OTHERS ? '' : reasons.join(', ') }
        }),
      },
    }
  },
}

/** What bench/peers/onnx-golden.mjs writes: results of onnxruntime, every so many of them. */
interface Golden {
  readonly onnxruntime: string
  readonly models: readonly {
    readonly file: string
    /** Inputs are noise: seed, and whether it is bytes or normally distributed. */
    readonly seeds: readonly number[]
    readonly noise: 'bytes' | 'normal'
    readonly every: number
    /** For each seed, each output. */
    readonly results: readonly Readonly<
      Record<string, { readonly dims: readonly number[]; readonly values: number[] }>
    >[]
  }[]
}

const MNIST = 'qonnx-data/src/qonnx/data/onnx/mnist-conv/model.onnx'

/** The same noise as bench/peers/onnx-golden.mjs makes. */
function noise(seed: number, kind: 'bytes' | 'normal', length: number): Float32Array {
  const rng = new Rng(seed)
  return Float32Array.from({ length }, () => (kind === 'bytes' ? rng.below(256) : rng.normal()))
}

/** Largest difference from the golden values, as a share of the largest of their output. */
async function distance(model: FloatModel, golden: Golden['models'][number]): Promise<number> {
  const session = await InferenceSession.create(model, { precision: 'f32' })
  const [{ name, shape }] = session.inputs
  const dims = [1, ...shape]
  let worst = 0
  for (const [i, seed] of golden.seeds.entries()) {
    const data = noise(
      seed,
      golden.noise,
      dims.reduce((a, b) => a * b, 1),
    )
    const results = await session.run({ [name]: new Tensor('float32', data, dims) })
    for (const [output, { dims: wanted, values }] of Object.entries(golden.results[i])) {
      const got = results[output]
      if (got.dims.join() !== wanted.join()) return Infinity
      const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      values.forEach((v, k) => {
        worst = Math.max(worst, Math.abs(got.data[k * golden.every] - v) / largest)
      })
    }
  }
  session.dispose()
  return worst
}

async function mnistAccuracy(model: FloatModel): Promise<number> {
  const { test } = await loadMnist()
  const session = await InferenceSession.create(model, { precision: 'f32', batch: 16 })
  const images = new Tensor('uint8', test.images, [test.labels.length, ...test.shape])
  const [{ data }] = Object.values(await session.run({ [session.inputNames[0]]: images }))
  session.dispose()
  const right = test.labels.reduce((n, label, i) => {
    const row = data.subarray(10 * i, 10 * i + 10)
    return n + Number(row.indexOf(Math.max(...row)) === label)
  }, 0)
  return Number(((100 * right) / test.labels.length).toFixed(2))
}

const realModels: Claim = {
  name: 'onnx-real-models',
  title:
    'Real ONNX models (MNIST-8 and UltraFace slim 320) in f32 against onnxruntime, the largest difference over the largest result, on images of noise; MNIST-8 on all MNIST test images; the same after writing the models as ONNX files and reading them again',
  unit: 'relative',
  bar: { op: '<=', value: 1e-4 },
  also: [
    { figure: 'afterRoundTrip', unit: 'relative', bar: { op: '<=', value: 1e-4 } },
    { figure: 'mnistAccuracy', unit: '%', bar: { op: '>=', value: 98.9 } },
  ],
  minutes: 0.3,
  async measure(onProgress) {
    const folder = folderOf('MODELS', 'a folder with the models that bench/golden/onnx-models.json.golden names')
    const golden: Golden = JSON.parse(readFileSync(inRepository('bench/golden/onnx-models.json.golden'), 'utf8'))
    const [direct, again]: [Record<string, number>, Record<string, number>] = [{}, {}]
    for (const one of golden.models) {
      const path = join(folder, one.file)
      if (!existsSync(path)) throw new NotMeasured(`there is no ${path}`)
      const model = importOnnx(readFileSync(path))
      direct[one.file] = await distance(model, one)
      again[one.file] = await distance(importOnnx(exportOnnx(model)), one)
      onProgress(`${one.file}: ${direct[one.file].toExponential(1)}`)
    }
    const most = (of: Record<string, number>) => Number(Math.max(...Object.values(of)).toPrecision(2))
    return {
      value: most(direct),
      details: {
        onnxruntime: golden.onnxruntime,
        afterRoundTrip: most(again),
        mnistAccuracy: await mnistAccuracy(importOnnx(readFileSync(join(folder, MNIST)))),
        models: direct,
      },
    }
  },
}

export const onnxClaims: readonly Claim[] = [nodeTests, realModels]
