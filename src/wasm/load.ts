/**
 * Loading the wasm modules. The bytes are embedded in JavaScript as base64, one module per build, imported on demand:
 * no asset paths, no fetch, nothing for a bundler or a strict content security policy to stumble over (only
 * 'wasm-unsafe-eval' is needed).
 */
import { WhiteDwarfError } from '../errors.js'
import type { WasmExports, WasmInstance } from './exports.js'
import { passesKnownAnswer } from './known-answer.js'

/** Builds of the inference module, those of the training module (for one thread, and for a memory that threads share), of array models. */
export type Isa = 'simd' | 'relaxed'
export type Build = Isa | 'tensor' | 'train' | 'train-threads' | 'pe'

const EMBEDDED: Record<Build, () => Promise<{ base64: string }>> = {
  simd: () => import('./embed/simd.js'),
  relaxed: () => import('./embed/relaxed.js'),
  tensor: () => import('./embed/tensor.js'),
  train: () => import('./embed/train.js'),
  'train-threads': () => import('./embed/train-threads.js'),
  pe: () => import('./embed/pe.js'),
}

const compiled = new Map<Build, Promise<WebAssembly.Module>>()

/** The compiled module of a build; compiled once per process. */
export function compileBuild(build: Build): Promise<WebAssembly.Module> {
  let module = compiled.get(build)
  if (module === undefined) {
    module = compileFresh(build)
    compiled.set(build, module)
    module.catch(() => compiled.delete(build))
  }
  return module
}

/** The same, compiled anew. */
export const compileFresh = (build: Build): Promise<WebAssembly.Module> =>
  EMBEDDED[build]().then(({ base64 }) => compileBytes(base64ToBytes(base64)))

async function compileBytes(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined') {
    throw new WhiteDwarfError('E_WASM', 'this runtime has no WebAssembly')
  }
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const hint = /content security policy|unsafe-eval|disallowed by embedder/i.test(message)
      ? "the page's content security policy forbids it: add 'wasm-unsafe-eval' to script-src"
      : 'this runtime needs WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 16 or newer)'
    throw new WhiteDwarfError('E_WASM', `could not compile the WebAssembly kernels: ${hint} (${message})`, { cause })
  }
}

/** A fresh instance with a memory of its own. */
export async function instantiate(build: Build): Promise<WasmInstance> {
  const module = await compileBuild(build)
  return instantiateModule(module, new WebAssembly.Memory({ initial: 1 }))
}

/** An instance over a memory that is there already. */
export function instantiateModule(module: WebAssembly.Module, memory: WebAssembly.Memory): WasmInstance {
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  return { exports: instance.exports as unknown as WasmExports, memory }
}

/** A module of one function that uses f32x4.relaxed_madd: whether it validates tells if fetching that build is worth it. */
const RELAXED_PROBE = /* @__PURE__ */ Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // type: () -> v128
  ...[0x03, 0x02, 0x01, 0x00], // one function of that type
  ...[0x0a, 0x13, 0x01, 0x11, 0x00], // its code
  ...[0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f], // three times: i8x16.splat(0)
  ...[0xfd, 0x85, 0x02, 0x0b], // f32x4.relaxed_madd, end
)

let best: Promise<Isa> | undefined

/**
 * The fastest build that computes correctly here: `relaxed` when it compiles and passes a known-answer test (some
 * engines validate relaxed SIMD and compute wrong sums), else `simd`.
 */
export function bestIsa(): Promise<Isa> {
  best ??= (async () => {
    try {
      if (!WebAssembly.validate(RELAXED_PROBE)) return 'simd'
      return passesKnownAnswer(await instantiate('relaxed')) ? 'relaxed' : 'simd'
    } catch {
      return 'simd'
    }
  })()
  return best
}

function base64ToBytes(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
