/**
 * `whitedwarf/kernels`: the raw kernels, for micro-benchmarks and for building other things on them. What each takes is
 * in the kernel table; pointers are byte offsets into the instance's memory, which an Arena hands out.
 */
export { type Fp8Format, fp8Format, GRID_BYTES, type Grid, gridUnit, gridWords, INT8 } from './kernels/grid.js'
export { levelDigits, planesOf } from './kernels/levels.js'
export { referenceInstance } from './kernels/reference.js'
export { type KernelModule, type KernelRow, Mem } from './kernels/row.js'
export { kernelTable } from './kernels/table.js'
export { Rng } from './rng.js'
export { Arena } from './wasm/arena.js'
export type { WasmExports, WasmFunction, WasmInstance } from './wasm/exports.js'
export { type Build, bestIsa, type Isa, instantiate } from './wasm/load.js'
