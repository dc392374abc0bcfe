/**
 * The wasm modules' exports by name. Every export takes and returns numbers (pointers are byte offsets into the
 * module's memory); what they mean is documented at the kernel and in the kernel table.
 */
export type WasmFunction = (...args: number[]) => number
export type WasmExports = Readonly<Record<string, WasmFunction>>

export interface WasmInstance {
  readonly exports: WasmExports
  readonly memory: WebAssembly.Memory
}
