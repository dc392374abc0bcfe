/** Looking at values on the way through a network. Loaded on demand. */
import type { TensorLike } from '../tensor.js'
import { checkFeeds } from './feeds.js'
import { outputPort, readOutput, stage } from './ports.js'
import type { SessionState } from './state.js'
import type { Value } from './values.js'

/** See InferenceSession.observe. */
export function observe(
  state: SessionState,
  batch: number,
  feeds: Readonly<Record<string, TensorLike>>,
  names: ReadonlySet<string>,
  visit: (name: string, values: Float32Array) => void,
): void {
  const { plan, instance, calls } = state
  const count = checkFeeds(plan.inputs, feeds) ?? 1
  const shown = valuesByCall(state, names)
  const portOf = (value: Value) => outputPort(value.name, value, instance.memory.buffer, batch)
  const ports = new Map([...shown].map(([i, values]) => [i, values.map(portOf)]))
  for (let first = 0; first < count; first += batch) {
    const images = Math.min(batch, count - first)
    for (const port of plan.inputs) {
      stage(port, feeds[port.spec.name], first, images, instance.exports.count_nonfinite)
    }
    for (const [i, call] of calls.entries()) {
      if (call.image < images) call.fn(...call.args)
      for (const port of ports.get(i) ?? []) {
        for (let n = 0; n < images; n++) {
          const values = new Float32Array(port.size)
          readOutput(port, n, values, 0)
          visit(port.name, values)
        }
      }
    }
  }
}

/** Of these values, those that are there after each call. A reshape is there as soon as what it reshapes. */
function valuesByCall({ plan, calls }: SessionState, names: ReadonlySet<string>): Map<number, Value[]> {
  const last = new Map(calls.map((call, i) => [call.op, i]))
  const madeAt = new Map<Value, number>()
  const result = new Map<number, Value[]>()
  for (const [op, value] of plan.made) {
    const at = last.get(op) ?? (value.alias && madeAt.get(value.alias))
    if (at === undefined) continue
    madeAt.set(value, at)
    if (names.has(value.name)) result.set(at, [...(result.get(at) ?? []), value])
  }
  return result
}
