/** `whitedwarf/onnx`: ONNX files in and out. */
export type { FloatModel, LayerWeights } from './graph/model.js'
export { type Parameter, withParameters } from './graph/parameters.js'
export { importOnnx, type OnnxOptions } from './onnx/import.js'
export type { OnnxModel, OnnxNode, OnnxPort } from './onnx/model.js'
export { onnxOperators } from './onnx/ops/index.js'
export { type ExternalData, readOnnx, readOnnxTensor } from './onnx/read.js'
export type { HostTensor, HostType } from './onnx/tensor.js'
export { exportOnnx, toFloatModel } from './onnx/write.js'
