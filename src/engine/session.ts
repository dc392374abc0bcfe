/// <reference lib="esnext.disposable" preserve="true" />
import { WhiteDwarfError } from '../errors.js'
import type { Shape } from '../graph/ir.js'
import type { FloatModel } from '../graph/model.js'
import type { DType, Tensor, TensorLike } from '../tensor.js'
import { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { bestIsa, compileBuild, type Isa, instantiate, instantiateModule } from '../wasm/load.js'
import type { LayerExplanation } from './explain.js'
import { checkFeeds, resultTensors } from './feeds.js'
import { networkOfFile } from './network.js'
import { type Precision, type ResolvedOptions, resolveOptions, type SessionOptions } from './options.js'
import { buildPlan, type LayerPlan, type Plan } from './plan.js'
import { readOutput, stage } from './ports.js'
import { needsGeneral } from './products.js'
import type { ProfileEntry, ProfileOptions } from './profile.js'
import { loadBytes, type ModelSource } from './source.js'
import type { Call, SessionState } from './state.js'

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
  /** Size of the model file; 0 for a model that is no file. */
  readonly bytes: number
  /** Bytes of WebAssembly memory that the session holds: weights, activations, scratch. */
  readonly memory: number
  readonly layers: readonly LayerPlan[]
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
  readonly inputNames: readonly In[]
  readonly outputNames: readonly Out[]
  readonly info: SessionInfo
  private state: SessionState | undefined
  private measured: ProfileEntry[] | undefined

  private constructor(instance: WasmInstance, plan: Plan, info: SessionInfo) {
    const calls = plan.steps.map((s): Call => {
      const fn = instance.exports[s.kernel]
      if (fn === undefined) throw new WhiteDwarfError('E_WASM', `the ${info.isa} build has no kernel '${s.kernel}'`)
      return { ...s, fn, image: s.image ?? 0 }
    })
    this.state = { instance, plan, calls }
    this.info = info
    this.inputs = plan.inputs.map(({ spec }) => ({
      name: spec.name as In,
      shape: spec.shape,
      types: ['float32', 'uint8'],
    }))
    this.outputs = plan.outputs.map(({ name, shape }) => ({ name: name as Out, shape, types: ['float32'] }))
    this.inputNames = this.inputs.map((p) => p.name)
    this.outputNames = this.outputs.map((p) => p.name)
  }

  /**
   * Loads a .wd model from a path (Node), a URL or bytes, or takes a network of plain weights, which runs in f32.
   * @throws WhiteDwarfError E_IO, E_FORMAT, E_OPTION, E_MEMORY, E_WASM, E_ABORTED
   */
  static async create<In extends string = string, Out extends string = string>(
    source: ModelSource | FloatModel,
    options: SessionOptions = {},
  ): Promise<InferenceSession<In, Out>> {
    const resolved = resolveOptions(options)
    const network = isFloatModel(source)
      ? (await loadGeneral()).networkOfModel(source)
      : await networkOfFile(await loadBytes(source, options.signal))
    const tensors = needsGeneral(network)
    const general = tensors || resolved.dense ? await loadGeneral() : undefined
    const { instance, isa } = await openKernels(resolved, tensors)
    const arena = new Arena(instance.memory, resolved.maxMemory)
    const plan = buildPlan({ network, instance, arena, options: resolved, general })
    return new InferenceSession<In, Out>(instance, plan, {
      isa,
      precision: resolved.precision,
      fp8: resolved.precision === 'fp8' ? resolved.fp8.name : undefined,
      batch: resolved.batch,
      bytes: network.kind === 'levels' ? network.bytes.length : 0,
      memory: instance.memory.buffer.byteLength,
      layers: plan.layers,
    })
  }

  /**
   * Runs the network on N >= 1 images, in chunks of `batch`. Nothing given is kept or changed but the tensors of `fetches`.
   * @param feeds input name -> raw values (for pixels 0..255), [N, ...shape]. One example may be given as [...shape]: then the results
   *   have no N either
   * @param fetches output name -> a tensor [N, ...shape] to write the result into, or null for a fresh one; without it all outputs are
   *   returned in fresh tensors
   * @returns output name -> float32 tensor [N, ...shape], those of `fetches` where it is given
   * @throws WhiteDwarfError E_SHAPE, E_DTYPE, E_OPTION, E_DATA (NaN or infinite values), E_DISPOSED
   */
  async run(
    feeds: Readonly<Record<In, TensorLike>>,
    fetches?: Readonly<Partial<Record<Out, Tensor<'float32'> | null>>>,
  ): Promise<Record<Out, Tensor<'float32'>>> {
    const { plan, instance, calls } = this.live()
    const { batch } = this.info
    const examples = checkFeeds(plan.inputs, feeds)
    const results = resultTensors(plan.outputs, examples, fetches)
    const count = examples ?? 1
    for (let first = 0; first < count; first += batch) {
      const images = Math.min(batch, count - first)
      for (const port of plan.inputs) {
        stage(port, feeds[port.spec.name as In], first, images, instance.exports.count_nonfinite)
      }
      for (const call of calls) if (call.image < images) call.fn(...call.args)
      for (const { port, tensor } of results) {
        for (let n = 0; n < images; n++) readOutput(port, n, tensor.data, (first + n) * port.size)
      }
    }
    return Object.fromEntries(results.map(({ port, tensor }) => [port.name, tensor])) as Record<Out, Tensor<'float32'>>
  }

  /**
   * Runs the network in precision f32 and shows values on the way, one example after the other. For calibration: slower than `run`.
   * @param feeds as for `run`
   * @param names of the graph's values to show; those that are not kept, because they were fused away, are left out
   * @param visit gets a value's real numbers, [C, H, W] or [F] or whatever shape the graph gives it
   * @throws as `run`
   */
  async observe(
    feeds: Readonly<Record<In, TensorLike>>,
    names: ReadonlySet<string>,
    visit: (name: string, values: Float32Array) => void,
  ): Promise<void> {
    const state = this.live()
    if (this.info.precision !== 'f32') {
      throw new WhiteDwarfError(
        'E_OPTION',
        `values can be observed in precision 'f32', this session has '${this.info.precision}'`,
      )
    }
    ;(await import('./observe.js')).observe(state, this.info.batch, feeds, names, visit)
  }

  /**
   * Times every operation and its kernels, on whatever input was run last.
   * @throws WhiteDwarfError E_DISPOSED
   */
  async profile(options?: ProfileOptions): Promise<ProfileEntry[]> {
    const state = this.live()
    this.measured = (await import('./profile.js')).profile(state, this.info.batch, options)
    return this.measured
  }

  /**
   * Which kernel runs each layer and why, what speaks against others, the proof of its lanes, what it should cost, and what it costs as
   * measured by the last `profile`.
   * @throws WhiteDwarfError E_DISPOSED
   */
  async explain(): Promise<LayerExplanation[]> {
    const { plan } = this.live()
    return (await import('./explain.js')).explain(plan.layers, this.measured)
  }

  /** Frees the session's memory. Further calls throw E_DISPOSED; disposing twice is fine. */
  dispose(): void {
    this.state = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private live(): SessionState {
    if (this.state === undefined) throw new WhiteDwarfError('E_DISPOSED', 'this session was disposed: create a new one')
    return this.state
  }
}

const loadGeneral = () => import('./general.js')

const isFloatModel = (source: ModelSource | FloatModel): source is FloatModel =>
  typeof source === 'object' && source !== null && 'graph' in source && 'weights' in source

async function openKernels(
  options: ResolvedOptions,
  tensors: boolean,
): Promise<{ instance: WasmInstance; isa: Isa | 'reference' }> {
  if (options.isa === 'reference') {
    const { referenceInstance } = await import('../kernels/reference.js')
    return { instance: referenceInstance('core', 'tensor'), isa: 'reference' }
  }
  const isa = options.isa ?? (await bestIsa())
  const core = await instantiate(isa)
  if (!tensors) return { instance: core, isa }
  const { exports } = instantiateModule(await compileBuild('tensor'), core.memory)
  return { instance: { memory: core.memory, exports: { ...core.exports, ...exports } }, isa }
}
