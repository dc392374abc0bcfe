/** `whitedwarf`: running compressed networks. */

export type { Precision, SessionOptions } from './engine/options.js'
export type { LayerPlan } from './engine/plan.js'
export { InferenceSession, type PortInfo, type ProfileEntry, type SessionInfo } from './engine/session.js'
export type { ModelSource } from './engine/source.js'
export { type ErrorCode, WhiteDwarfError } from './errors.js'
export { type DType, Tensor, type TensorData, type TensorLike } from './tensor.js'
