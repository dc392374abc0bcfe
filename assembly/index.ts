// The inference module: every export is a kernel of the table (src/kernels/table.ts).
export {
  entropy_begin,
  entropy_decode_dense,
  entropy_decode_program,
  entropy_decode_subsets,
  entropy_end,
  entropy_tensor,
} from './kernels/entropy/entropy'
export * from './kernels/fp8/fp8'
export * from './kernels/gather/planar'
export { program_from_levels } from './kernels/gather/program'
export * from './kernels/gather/scalar'
export * from './kernels/gemv/dense'
export * from './kernels/layout/layout'
export * from './kernels/pool/pool'
export * from './kernels/requant/add'
export * from './kernels/requant/requant'
export { conv_f32, conv_pack_f32 } from './train/conv'
