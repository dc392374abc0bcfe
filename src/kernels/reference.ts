/** The scalar references as an instance: the same exports, memory layout and results as a wasm build, only slower. */
import type { WasmExports, WasmInstance } from '../wasm/exports.js'
import { type KernelModule, Mem } from './row.js'
import { kernelTable } from './table.js'

/** The kernels of some modules over one memory. */
export function referenceInstance(...modules: readonly KernelModule[]): WasmInstance {
  const memory = new WebAssembly.Memory({ initial: 1 })
  let mem = new Mem(memory.buffer)
  /** Growing a memory replaces its buffer, so the views are made afresh when that happens. */
  const views = () => {
    if (mem.buffer !== memory.buffer) mem = new Mem(memory.buffer)
    return mem
  }
  const rows = kernelTable.filter((row) => modules.includes(row.module))
  const exports: WasmExports = Object.fromEntries(
    rows.map((row) => [row.name, (...args: number[]) => row.reference(views(), ...args) ?? 0]),
  )
  return { exports, memory }
}
