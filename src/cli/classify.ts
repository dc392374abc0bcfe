/** Running a classifier over many images, with time measured and Ctrl-C heard between batches. */
import type { DataSet } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { type InferenceSession, Tensor, type TensorLike } from '../index.js'

export interface Answers {
  /** Scores, [count, classes] row-major. */
  readonly scores: Float32Array
  /** The class with the highest score, per image. */
  readonly best: Uint32Array
  readonly classes: number
  /** Milliseconds per image: median over the batches. */
  readonly msPerImage: number
}

/** Images per call of session.run: few calls, yet progress and Ctrl-C every few milliseconds. */
const CHUNK = 256

/**
 * @throws WhiteDwarfError E_SHAPE when the model is not a classifier (one input, one output vector), E_ABORTED, and
 * whatever session.run throws
 */
export async function classify(
  session: InferenceSession,
  images: TensorLike,
  signal: AbortSignal,
  onProgress: (fraction: number) => void = () => {},
): Promise<Answers> {
  const [input] = session.inputs
  const [output] = session.outputs
  if (session.inputs.length !== 1 || session.outputs.length !== 1 || output.shape.length !== 1) {
    const outputs = session.outputs.map((o) => `${o.name} [${o.shape.join(', ')}]`).join(', ')
    throw new WhiteDwarfError(
      'E_SHAPE',
      `the model is no classifier: expected one input and one output vector, got outputs ${outputs}`,
    )
  }
  const [count] = images.dims
  const classes = output.shape[0]
  const size = images.data.length / count
  const run = async (first: number, n: number): Promise<Tensor> => {
    const data = images.data.subarray(first * size, (first + n) * size)
    const results = await session.run({ [input.name]: { type: images.type, data, dims: [n, ...images.dims.slice(1)] } })
    return results[output.name]
  }
  const scores = new Float32Array(count * classes)
  const times: number[] = []
  // Optimised code is what is timed.
  await run(0, Math.min(CHUNK, count))
  for (let first = 0; first < count; first += CHUNK) {
    const n = Math.min(CHUNK, count - first)
    const start = performance.now()
    const result = await run(first, n)
    times.push((performance.now() - start) / n)
    scores.set(result.data as Float32Array, first * classes)
    onProgress((first + n) / count)
    await new Promise((resolve) => setImmediate(resolve))
    if (signal.aborted) throw new WhiteDwarfError('E_ABORTED', 'interrupted')
  }
  times.sort((a, b) => a - b)
  const best = Uint32Array.from({ length: count }, (_, i) => argMax(scores.subarray(i * classes, (i + 1) * classes)))
  return { scores, best, classes, msPerImage: times[times.length >> 1] }
}

const argMax = (values: Float32Array): number => values.reduce((best, v, i) => (v > values[best] ? i : best), 0)

/** exp(s) / sum of exp(s), of one image's scores. */
export function probabilities(scores: Float32Array): number[] {
  const top = Math.max(...scores)
  const powers = Array.from(scores, (s) => Math.exp(s - top))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((p) => p / sum)
}

/** The first `limit` examples of a data set as a tensor in the model's shape. @throws WhiteDwarfError E_SHAPE */
export function examples(data: DataSet, limit: number, shape: readonly number[]): Tensor {
  if (data.shape.join('x') !== shape.join('x')) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `the data set has images of [${data.shape.join(', ')}], the model takes [${shape.join(', ')}]`,
    )
  }
  const size = shape.reduce((a, b) => a * b, 1)
  return new Tensor('uint8', data.images.subarray(0, limit * size), [limit, ...shape])
}
