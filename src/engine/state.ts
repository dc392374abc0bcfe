/** What a session consists of. */
import type { WasmInstance } from '../wasm/exports.js'
import type { Plan } from './plan.js'
import type { Step } from './requant.js'

/** A kernel call of a session: a step with the kernel itself. */
export interface Call extends Step {
  readonly fn: (...args: number[]) => number
  readonly image: number
}

/** What a session is made of. */
export interface SessionState {
  readonly instance: WasmInstance
  readonly plan: Plan
  readonly calls: readonly Call[]
}
