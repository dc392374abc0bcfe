/** `whitedwarf/format`: the .wd file. docs/format.md specifies it. */
export type { Section } from './format/frame.js'
export { codedValues, floatToHalf, halfToFloat, quantiseHalf, quantiseUniform } from './format/half.js'
export type { Mode, TensorHeader } from './format/header.js'
export { readSafetensors, type SafeTensor } from './format/safetensors.js'
export { seededSigns } from './format/signs.js'
export { entropyBits } from './format/stats.js'
export {
  decodeModel,
  type EncodeOptions,
  encodeModel,
  readWd,
  type StreamPosition,
  tensorBytes,
  type WdFile,
  type WdTensor,
} from './format/wd.js'
export { stateBytes as entropyStateBytes } from './kernels/ref/entropy/state.js'
