/** ONNX's conformance tests: a model, what it is fed, and what must come out, run as users run models. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { InferenceSession, Tensor } from 'whitedwarf'
import { type FloatModel, type HostTensor, importOnnx, type OnnxModel, readOnnx, readOnnxTensor } from 'whitedwarf/onnx'

/** Files as they lie in a test's folder. */
export interface OnnxTest {
  readonly name: string
  readonly model: Uint8Array
  /** Inputs and outputs in the model's order, each an ONNX tensor. */
  readonly sets: readonly { readonly inputs: readonly Uint8Array[]; readonly outputs: readonly Uint8Array[] }[]
}

export type Verdict =
  | { readonly kind: 'passed' }
  /** Importing or running it ended in one of the library's errors. */
  | { readonly kind: 'refused'; readonly code: string; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string }

/** Folders of tests below `onnx/backend/test/data` of the ONNX repository. */
export const KINDS = ['node', 'simple', 'pytorch-operator', 'pytorch-converted'] as const

/** The tests in a folder that holds those of KINDS, or in a checkout of the ONNX repository; those without data are left out. */
export function* readTests(folder: string, kinds: readonly string[] = KINDS): Generator<OnnxTest & { kind: string }> {
  const inside = join(folder, 'onnx/backend/test/data')
  const root = existsSync(inside) ? inside : folder
  for (const kind of kinds) {
    const path = join(root, kind)
    if (!existsSync(path)) continue
    for (const name of readdirSync(path).sort()) {
      const sets = existsSync(join(path, name, 'model.onnx')) ? readSets(join(path, name)) : []
      if (sets.length > 0) yield { kind, name, model: readFileSync(join(path, name, 'model.onnx')), sets }
    }
  }
}

function readSets(folder: string): OnnxTest['sets'] {
  const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set_'))
  return sets.sort().map((set) => {
    const all = readdirSync(join(folder, set))
    const files = (kind: string) => {
      const number = (name: string) => Number(/\d+/.exec(name)?.[0])
      const names = all.filter((name) => name.startsWith(`${kind}_`)).sort((a, b) => number(a) - number(b))
      return names.map((name) => readFileSync(join(folder, set, name)))
    }
    return { inputs: files('input'), outputs: files('output') }
  })
}

/** The tests of test/fixtures/onnx-node, as scripts/onnx-fixture.mjs packs them. */
export function unpackTests(file: Uint8Array): OnnxTest[] {
  type Packed = { name: string; model: string; sets: { inputs: string[]; outputs: string[] }[] }
  const tests = JSON.parse(gunzipSync(file).toString()) as Packed[]
  const bytes = (base64: string) => Buffer.from(base64, 'base64')
  return tests.map(({ name, model, sets }) => ({
    name,
    model: bytes(model),
    sets: sets.map(({ inputs, outputs }) => ({ inputs: inputs.map(bytes), outputs: outputs.map(bytes) })),
  }))
}

export const testBytes = ({ model, sets }: OnnxTest): number =>
  [model, ...sets.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])].reduce((n, file) => n + file.length, 0)

/** The operator that a test is about; undefined where its model has several nodes or cannot be read. */
export function operatorOf({ model }: OnnxTest): string | undefined {
  try {
    const [node, ...others] = readOnnx(model).nodes
    return others.length === 0 ? node?.op : undefined
  } catch {
    return undefined
  }
}

/** ONNX's own runner compares with these. */
const RELATIVE = 1e-3
const ABSOLUTE = 1e-7

export async function runTest(test: OnnxTest): Promise<Verdict> {
  try {
    const model = readOnnx(test.model)
    for (const { inputs, outputs } of test.sets) {
      if (inputs.length < model.inputs.length) return { kind: 'refused', code: '', why: 'the test has no input data' }
      const given = new Map(model.inputs.map(({ name }, i) => [name, readOnnxTensor(inputs[i])]))
      const results = await run(importTest(test.model, model, given), given)
      for (const [i, { name }] of model.outputs.entries()) {
        const why = difference(results[name], readOnnxTensor(outputs[i]))
        if (why !== undefined) return { kind: 'failed', why: `output '${name}' ${why}` }
      }
    }
    return { kind: 'passed' }
  } catch (error) {
    const { code, message, stack } = error as Error & { code?: string }
    return code?.startsWith('E_') ? { kind: 'refused', code, why: message } : { kind: 'failed', why: `${stack}` }
  }
}

/** Imports a test's model. Inputs that must be constants, as errors name them, become constants. */
function importTest(bytes: Uint8Array, model: OnnxModel, given: ReadonlyMap<string, HostTensor>): FloatModel {
  const sizes: Record<string, number> = {}
  for (const { name, dims } of model.inputs) {
    dims.forEach((d, i) => {
      if (typeof d === 'string') sizes[d] = given.get(name)?.dims[i] ?? 1
    })
  }
  const constants: Record<string, HostTensor> = {}
  for (;;) {
    try {
      return importOnnx(bytes, { sizes, constants })
    } catch (error) {
      const [, name] = /\(input '([^']*)'\)/.exec((error as Error).message) ?? []
      const tensor = given.get(name ?? '')
      if (tensor !== undefined && constants[name] === undefined) constants[name] = tensor
      // What is computed from inputs is a constant if all but the first of them are.
      else if (name !== undefined && Object.keys(constants).length < given.size - 1)
        for (const [key, value] of [...given].slice(1)) constants[key] = value
      else throw error
    }
  }
}

async function run(model: FloatModel, given: ReadonlyMap<string, HostTensor>) {
  const session = await InferenceSession.create(model, { precision: 'f32' })
  const feeds = session.inputNames.map((name): [string, Tensor] => {
    const { data, dims } = given.get(name) as HostTensor
    return [name, new Tensor('float32', Float32Array.from(data), dims)]
  })
  try {
    return await session.run(Object.fromEntries(feeds))
  } finally {
    session.dispose()
  }
}

/** What is wrong with a result, if anything is. Where the model's input has a batch, results have one too. */
function difference(got: Tensor, want: HostTensor): string | undefined {
  const dims = want.dims.join()
  if (got.dims.join() !== dims && got.dims.join() !== [1, ...want.dims].join()) {
    return `has shape [${got.dims.join(', ')}], expected [${want.dims.join(', ')}]`
  }
  const wrong = want.data.findIndex((w: number, i: number) => {
    const g = got.data[i]
    return !(Object.is(g, w) || g === w || Math.abs(g - w) <= ABSOLUTE + RELATIVE * Math.abs(w))
  })
  return wrong < 0 ? undefined : `is ${got.data[wrong]} at ${wrong}, expected ${want.data[wrong]}`
}
