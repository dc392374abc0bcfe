// The training module: every export is a kernel of the table (src/kernels/table.ts).

export { gather_f32 } from '../kernels/gather/planar'
export { program_from_levels } from '../kernels/gather/program'
export * from '../kernels/gemm/gemm'
export * from './batchnorm'
export * from './conv'
export * from './image'
export * from './levels'
export * from './loss'
export * from './magnitudes'
export * from './optimisers'
export * from './pointwise'
export * from './pool'
