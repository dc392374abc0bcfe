/** `whitedwarf/format`: the .wd file. */
export type { Mode, TensorHeader } from './format/header.js'
export { codedValues, floatToHalf, halfToFloat, quantiseHalf, quantiseUniform } from './format/half.js'
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
export type { Section } from './format/frame.js'
