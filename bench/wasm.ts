/** Modules that the build left in build/wasm, the machine probes among them, on as much memory as a suite asks for. */
import { readFile } from 'node:fs/promises'

export interface RawInstance {
  readonly exports: Readonly<Record<string, (...args: number[]) => number>>
  readonly memory: WebAssembly.Memory
}

/** A fresh instance of build/wasm/<name>.wasm with `bytes` of zeroed memory. */
export async function instantiate(name: 'simd' | 'relaxed' | 'train' | 'probes', bytes: number): Promise<RawInstance> {
  const module = await WebAssembly.compile(await readFile(new URL(`../wasm/${name}.wasm`, import.meta.url)))
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
  const instance = await WebAssembly.instantiate(module, { env: { memory } })
  return { exports: instance.exports as RawInstance['exports'], memory }
}
