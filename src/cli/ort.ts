/** onnxruntime-web, where the user has it installed: the package itself never depends on it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { WhiteDwarfError } from '../errors.js'

/** What is used of it. */
interface OrtTensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
}
interface OrtSession {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>>
}
interface Ort {
  readonly env: { wasm: { numThreads: number }; logLevel: string }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<OrtSession> }
}

export interface Peer {
  readonly name: string
  /** @param inputs f32, in the order of the model's inputs; returns the outputs in their order */
  readonly run: (inputs: readonly { data: Float32Array; dims: readonly number[] }[]) => Promise<Float32Array[]>
}

const PACKAGE = 'onnxruntime-web'

export const INSTALL = `npm install ${PACKAGE}`

/**
 * An ONNX model in onnxruntime-web, WebAssembly, one thread; undefined where it cannot be found from a folder.
 * @throws WhiteDwarfError E_GRAPH when it does not take the model
 */
export async function openPeer(folder: string, onnx: Uint8Array): Promise<Peer | undefined> {
  const require = createRequire(join(resolve(folder), 'package.json'))
  let entry: string
  try {
    entry = require.resolve(PACKAGE)
  } catch {
    return undefined
  }
  const module = (await import(pathToFileURL(entry).href)) as Ort & { default?: Ort }
  const ort = module.default ?? module
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  let session: OrtSession
  try {
    session = await ort.InferenceSession.create(onnx, { executionProviders: ['wasm'], logSeverityLevel: 3 })
  } catch (cause) {
    throw new WhiteDwarfError('E_GRAPH', `${PACKAGE} does not take the model: ${(cause as Error).message}`, { cause })
  }
  return {
    name: `${PACKAGE} ${versionOf(entry)}`,
    run: async (inputs) => {
      const feeds = inputs.map(({ data, dims }, i) => [session.inputNames[i], new ort.Tensor('float32', data, dims)])
      const results = await session.run(Object.fromEntries(feeds))
      return session.outputNames.map((name) => results[name].data)
    },
  }
}

/** Of the package that a file belongs to. */
function versionOf(entry: string): string {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (name === PACKAGE) return version
    } catch {
      // Not this folder.
    }
  }
  return ''
}
