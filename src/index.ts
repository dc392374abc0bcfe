/** `whitedwarf`: running compressed networks. */

export type { Alternative, LayerExplanation } from './engine/explain.js'
export type { Precision, SessionOptions } from './engine/options.js'
export type { LayerPlan } from './engine/plan.js'
export type { KernelKind, ProfileEntry, ProfileOptions, ProfilePart } from './engine/profile.js'
export { InferenceSession, type PortInfo, type SessionInfo } from './engine/session.js'
export type { ModelSource } from './engine/source.js'
export { type ErrorCode, WhiteDwarfError } from './errors.js'
export { type DType, Tensor, type TensorData, type TensorLike } from './tensor.js'
