/// <reference lib="esnext.disposable" preserve="true" />
import { WhiteDwarfError } from '../errors.js'
import { readWd } from '../format/wd.js'
import { elements, type Shape } from '../graph/ir.js'
import { checkTensor, type DType, Tensor, type TensorLike } from '../tensor.js'
import { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { bestIsa, type Isa, instantiate } from '../wasm/load.js'
import { type Precision, type ResolvedOptions, resolveOptions, type SessionOptions } from './options.js'
import { buildPlan, type InputPort, type LayerPlan, type Plan, readOutput } from './plan.js'
import { loadBytes, type ModelSource } from './source.js'

/** What the network expects or returns. */
export interface PortInfo<Name extends string = string> {
  readonly name: Name
  /** Without the batch. */
  readonly shape: Shape
  readonly types: readonly DType[]
}

export interface SessionInfo {
  /** The kernels in use. */
  readonly isa: Isa | 'reference'
  readonly precision: Precision
  /** The FP8 split, when precision is 'fp8'. */
  readonly fp8: string | undefined
  readonly batch: number
  /** Size of the model file. */
  readonly bytes: number
  /** Bytes of WebAssembly memory that the session holds: weights, activations, scratch. */
  readonly memory: number
  readonly layers: readonly LayerPlan[]
}

/** Time of one operation, medians over the runs of a profile. */
export interface ProfileEntry {
  readonly op: string
  readonly kernels: readonly string[]
  /** Milliseconds for `batch` images. */
  readonly ms: number
}

interface Call {
  readonly op: string
  readonly kernel: string
  readonly fn: (...args: number[]) => number
  readonly args: readonly number[]
}

/**
 * A network ready to run.
 *
 *     const session = await InferenceSession.create('model.wd')
 *     const { logits } = await session.run({ image: new Tensor('uint8', pixels, [1, 1, 28, 28]) })
 *
 * The type parameters name the inputs and outputs: `InferenceSession.create<'image', 'logits'>(...)`.
 */
export class InferenceSession<In extends string = string, Out extends string = string> {
  readonly inputs: readonly PortInfo<In>[]
  readonly outputs: readonly PortInfo<Out>[]
  readonly info: SessionInfo
  private state: { instance: WasmInstance; plan: Plan; calls: readonly Call[] } | undefined
  private readonly batch: number

  private constructor(instance: WasmInstance, plan: Plan, info: SessionInfo) {
    const calls = plan.steps.map((s): Call => {
      const fn = instance.exports[s.kernel]
      if (fn === undefined) throw new WhiteDwarfError('E_WASM', `the ${info.isa} build has no kernel '${s.kernel}'`)
      return { ...s, fn }
    })
    this.state = { instance, plan, calls }
    this.info = info
    this.batch = info.batch
    this.inputs = [...plan.inputs.values()].map(({ spec }) => ({
      name: spec.name as In,
      shape: spec.shape,
      types: ['float32', 'uint8'],
    }))
    this.outputs = [...plan.outputs].map(([name, port]) => ({
      name: name as Out,
      shape: port.shape,
      types: ['float32'],
    }))
  }

  /**
   * Loads a .wd model from a path (Node), a URL or bytes.
   * @throws WhiteDwarfError E_IO, E_FORMAT, E_OPTION, E_MEMORY, E_WASM, E_ABORTED
   */
  static async create<In extends string = string, Out extends string = string>(
    source: ModelSource,
    options: SessionOptions = {},
  ): Promise<InferenceSession<In, Out>> {
    const resolved = resolveOptions(options)
    const bytes = await loadBytes(source, options.signal)
    const file = readWd(bytes)
    const { instance, isa } = await openKernels(resolved)
    const arena = new Arena(instance.memory, resolved.maxMemory)
    const plan = buildPlan({ bytes, file, instance, arena, options: resolved })
    return new InferenceSession<In, Out>(instance, plan, {
      isa,
      precision: resolved.precision,
      fp8: resolved.precision === 'fp8' ? resolved.fp8.name : undefined,
      batch: resolved.batch,
      bytes: bytes.length,
      memory: instance.memory.buffer.byteLength,
      layers: plan.layers,
    })
  }

  get inputNames(): readonly In[] {
    return this.inputs.map((p) => p.name)
  }

  get outputNames(): readonly Out[] {
    return this.outputs.map((p) => p.name)
  }

  /**
   * Runs the network on N >= 1 images. Inputs are raw values (for pixels 0..255), [N, ...shape]; nothing given is kept
   * or changed.
   * @returns output name -> float32 tensor [N, ...shape], freshly allocated
   * @throws WhiteDwarfError E_SHAPE, E_DTYPE, E_DATA (NaN or infinite values), E_DISPOSED
   */
  async run(feeds: Readonly<Record<In, TensorLike>>): Promise<Record<Out, Tensor<'float32'>>> {
    const { plan, instance, calls } = this.live()
    const count = this.checkFeeds(feeds)
    const results = new Map(
      [...plan.outputs].map(([name, port]) => [name, new Float32Array(count * elements(port.shape))]),
    )
    for (let first = 0; first < count; first += this.batch) {
      const images = Math.min(this.batch, count - first)
      for (const [name, port] of plan.inputs) {
        this.stage(instance, port, feeds[name as In], first, images)
      }
      for (const call of calls) call.fn(...call.args)
      const memory = instance.memory.buffer
      for (const [name, port] of plan.outputs) {
        const to = results.get(name) as Float32Array
        for (let n = 0; n < images; n++) readOutput(memory, port, this.batch, n, to, (first + n) * elements(port.shape))
      }
    }
    const tensors = [...plan.outputs].map(([name, port]) => [
      name,
      new Tensor('float32', results.get(name) as Float32Array, [count, ...port.shape]),
    ])
    return Object.fromEntries(tensors) as Record<Out, Tensor<'float32'>>
  }

  /**
   * Times every operation on whatever input was run last: medians over `runs` passes after a warm-up.
   * @throws WhiteDwarfError E_DISPOSED
   */
  profile(runs = 50): ProfileEntry[] {
    const { calls } = this.live()
    const ops = [...new Set(calls.map((c) => c.op))]
    const samples = new Map(ops.map((op) => [op, [] as number[]]))
    for (let r = 0; r < runs * 2; r++) {
      const times = new Map(ops.map((op) => [op, 0]))
      for (const call of calls) {
        const begin = performance.now()
        call.fn(...call.args)
        times.set(call.op, (times.get(call.op) as number) + performance.now() - begin)
      }
      if (r >= runs) for (const [op, ms] of times) samples.get(op)?.push(ms)
    }
    return ops.map((op) => {
      const sorted = (samples.get(op) as number[]).sort((a, b) => a - b)
      const kernels = [...new Set(calls.filter((c) => c.op === op).map((c) => c.kernel))]
      return { op, kernels, ms: sorted[sorted.length >> 1] }
    })
  }

  /** Frees the session's memory. Further calls throw E_DISPOSED; disposing twice is fine. */
  dispose(): void {
    this.state = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private live(): NonNullable<typeof this.state> {
    if (this.state === undefined) throw new WhiteDwarfError('E_DISPOSED', 'this session was disposed: create a new one')
    return this.state
  }

  /** Checks names, types and shapes; returns the number of images. */
  private checkFeeds(feeds: Readonly<Record<In, TensorLike>>): number {
    const expected = this.inputNames.join(', ')
    if (feeds === null || typeof feeds !== 'object') {
      throw new WhiteDwarfError('E_OPTION', `run takes an object { ${expected}: tensor }, got ${String(feeds)}`)
    }
    for (const name of Object.keys(feeds)) {
      if (!this.inputNames.includes(name as In)) {
        throw new WhiteDwarfError('E_OPTION', `the model has no input '${name}': its inputs are ${expected}`)
      }
    }
    let count = -1
    for (const port of this.inputs) {
      const tensor = feeds[port.name]
      if (tensor === undefined) throw new WhiteDwarfError('E_OPTION', `input '${port.name}' is missing`)
      checkTensor(tensor, port.name)
      const { dims } = tensor
      const wanted = `[N, ${port.shape.join(', ')}]`
      if (dims.length !== port.shape.length + 1 || port.shape.some((d, i) => dims[i + 1] !== d)) {
        throw new WhiteDwarfError('E_SHAPE', `input '${port.name}' must have shape ${wanted}, got [${dims.join(', ')}]`)
      }
      if (dims[0] < 1 || (count !== -1 && dims[0] !== count)) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `input '${port.name}' has ${dims[0]} images, expected ${count === -1 ? 'at least 1' : count}`,
        )
      }
      count = dims[0]
    }
    return count
  }

  /** Copies images into the staging buffer as f32. */
  private stage(instance: WasmInstance, port: InputPort, tensor: TensorLike, first: number, images: number): void {
    const size = elements(port.spec.shape)
    const staging = new Float32Array(instance.memory.buffer, port.staging)
    if (port.elementStep === 1) {
      staging.set(tensor.data.subarray(first * size, (first + images) * size))
    } else {
      for (let n = 0; n < images; n++) {
        for (let i = 0; i < size; i++) staging[i * port.elementStep + n] = tensor.data[(first + n) * size + i]
      }
    }
    if (tensor.type !== 'float32') return
    const staged = port.elementStep === 1 ? images * size : size * port.elementStep
    const bad = instance.exports.count_nonfinite(port.staging, staged)
    if (bad > 0) {
      throw new WhiteDwarfError(
        'E_DATA',
        `input '${port.spec.name}' holds ${bad} values that are NaN or infinite: expected finite numbers`,
      )
    }
  }
}

async function openKernels(options: ResolvedOptions): Promise<{ instance: WasmInstance; isa: Isa | 'reference' }> {
  if (options.isa === 'reference') {
    const { referenceInstance } = await import('../kernels/reference.js')
    return { instance: referenceInstance('core'), isa: 'reference' }
  }
  const isa = options.isa ?? (await bestIsa())
  return { instance: await instantiate(isa), isa }
}
