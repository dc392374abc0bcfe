/** whitedwarf bench: how long a model takes, layer by layer, and beside onnxruntime-web. */
import { calibrate, type FloatModel, quantiseModel } from '../../compress.js'
import { PRECISIONS } from '../../engine/options.js'
import { WhiteDwarfError } from '../../errors.js'
import { decodeModel, encodeModel } from '../../format.js'
import { InferenceSession, type LayerExplanation, type Precision, type ProfileEntry, Tensor } from '../../index.js'
import { exportOnnx } from '../../onnx.js'
import { Rng } from '../../rng.js'
import type { Arguments } from '../args.js'
import type { Command, CommandContext } from '../command.js'
import { loadModel, type ModelFile, onnxOptions } from '../models.js'
import { INSTALL, openPeer, type Peer } from '../ort.js'
import { explanationTable } from '../plan-tables.js'
import { startProgress } from '../progress.js'
import { duration, grouped, percent, plainTable } from '../text.js'
import { type Contestant, type Timing, timeInTurns } from '../timing.js'

const SECONDS = 2

interface Variant {
  readonly precision: Precision
  readonly session: InferenceSession
}

/** Noise for each input, raw bytes where the network scales its input, [batch, ...shape]. */
type Noise = Readonly<Record<string, Tensor>>

function noiseFor(file: ModelFile, batch: number): Noise {
  const rng = new Rng(1)
  const { inputs } = file.kind === 'wd' ? decodeModel(file.bytes).graph : file.model.graph
  const tensors = inputs.map(({ name, shape, scale }): [string, Tensor] => {
    const dims = [batch, ...shape]
    const length = dims.reduce((a, b) => a * b, 1)
    return scale.every((s) => s === 1)
      ? [
          name,
          new Tensor(
            'float32',
            Float32Array.from({ length }, () => rng.normal()),
            dims,
          ),
        ]
      : [
          name,
          new Tensor(
            'uint8',
            Uint8Array.from({ length }, () => rng.below(256)),
            dims,
          ),
        ]
  })
  return Object.fromEntries(tensors)
}

/** @throws WhiteDwarfError E_OPTION */
function parsePrecisions(args: Arguments): Precision[] | undefined {
  const text = args.string('precision')
  if (text === undefined) return undefined
  const list = text.split(',') as Precision[]
  if (list.every((p) => PRECISIONS.includes(p)) && new Set(list).size === list.length) return list
  throw new WhiteDwarfError(
    'E_OPTION',
    `--precision must be some of ${PRECISIONS.join(', ')}, joined by commas, got '${text}'`,
  )
}

/** What runs a precision: an ONNX model gets 8-bit weights for all but f32, with ranges from noise, which are good for timing only. */
async function sourceOf(file: ModelFile, precision: Precision, noise: Noise): Promise<Uint8Array | FloatModel> {
  if (file.kind === 'wd') return file.bytes
  if (precision === 'f32') return file.model
  return encodeModel(quantiseModel(file.model, { ranges: await calibrate(file.model, noise) }))
}

/** The precisions that were asked for; else f32 of an ONNX model, and int8 of a .wd file if it has ranges. */
async function openVariants(file: ModelFile, noise: Noise, { args, signal }: CommandContext): Promise<Variant[]> {
  const asked = parsePrecisions(args)
  const plain = file.kind === 'onnx' || Object.keys(decodeModel(file.bytes).ranges).length === 0
  const isa = args.choice('isa', ['simd', 'relaxed'] as const)
  const batch = args.number('batch', { min: 1, max: 256, whole: true }) ?? 1
  const variants = []
  for (const precision of asked ?? [plain ? ('f32' as const) : ('int8' as const)]) {
    const source = await sourceOf(file, precision, noise)
    const options = { precision, batch, signal, ...(isa !== undefined && { isa }) }
    variants.push({ precision, session: await InferenceSession.create(source, options) })
  }
  return variants
}

interface LayerTime {
  readonly name: string
  readonly kernels: readonly string[]
  readonly shape?: readonly number[]
  readonly density?: number
  readonly ms: number
  readonly share: number
  readonly gmacs?: number
}

function layerTimes(session: InferenceSession, profile: readonly ProfileEntry[]): LayerTime[] {
  const total = profile.reduce((sum, { ms }) => sum + ms, 0)
  const layers = new Map(session.info.layers.map((l) => [l.name, l]))
  return profile.map(({ op, kernels, ms, gmacs }) => {
    const layer = layers.get(op)
    return {
      name: op,
      kernels,
      ...(layer && { shape: layer.shape, density: layer.density }),
      ms,
      share: ms / total,
      ...(gmacs !== undefined && { gmacs }),
    }
  })
}

/** Largest difference between two rows of results, as a share of the largest of them. */
function difference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [most, largest] = [0, 0]
  b.forEach((values, k) => {
    values.forEach((v, i) => {
      most = Math.max(most, Math.abs(v - a[k][i]))
      largest = Math.max(largest, Math.abs(v), Math.abs(a[k][i]))
    })
  })
  return most === 0 ? 0 : most / largest
}

interface Report {
  readonly timings: readonly Timing[]
  readonly peer: string | undefined
  readonly difference?: number
  readonly layers: readonly LayerTime[]
  readonly explanation?: readonly LayerExplanation[]
}

async function measure(
  variants: readonly Variant[],
  peer: Peer | undefined,
  noise: Noise,
  context: CommandContext,
): Promise<Report> {
  const { args, quiet, signal } = context
  const seconds = args.number('seconds', { min: 0.1, max: 3600 }) ?? SECONDS
  const contestants: Contestant[] = variants.map(({ precision, session }) => ({
    name: precision,
    run: () => session.run(noise),
  }))
  const inputs = Object.values(noise).map(({ data, dims }) => ({ data: Float32Array.from(data), dims }))
  if (peer !== undefined) contestants.push({ name: peer.name, run: () => peer.run(inputs) })
  const progress = startProgress('timing', quiet)
  const timings = await timeInTurns(contestants, seconds, signal, (f) => progress.update(f, 'in turns')).catch(
    (error) => {
      progress.failed((error as Error).message)
      throw error
    },
  )
  progress.done(`${timings.length} in turns`)
  const [{ session }] = variants
  const plain = variants.find((v) => v.precision === 'f32')
  const layers = layerTimes(session, await session.profile())
  const plan = { layers, ...(args.flag('explain') && { explanation: await session.explain() }) }
  if (peer === undefined || plain === undefined) return { timings, peer: peer?.name, ...plan }
  const own = Object.values(await plain.session.run(noise)).map((t) => t.data)
  return { timings, peer: peer.name, difference: difference(own, await peer.run(inputs)), ...plan }
}

function print(file: ModelFile, variants: readonly Variant[], report: Report): void {
  const { timings, peer, layers, explanation } = report
  const [{ session, precision }] = variants
  const { isa, batch } = session.info
  const runtime = `Node ${process.versions.node}, one thread`
  console.log(`${file.path}: ${grouped(file.bytes.length)} bytes, ${isa} kernels, batch ${batch}, ${runtime}\n`)
  const base = timings.find((t) => t.name === peer)
  const rows = timings.map(({ name, median, p10, p90, samples }) => {
    const times = base === undefined ? [] : [`${(base.median / median).toPrecision(3)} x`]
    return [`  ${name}`, duration(median), duration(p10), duration(p90), grouped(samples), ...times]
  })
  const header = ['  run', 'median', 'p10', 'p90', 'samples', ...(base === undefined ? [] : ['faster'])]
  console.log(plainTable([header, ...rows], [1, 2, 3, 4, 5]))
  if (report.difference !== undefined) {
    console.log(`\nf32 and ${peer} differ by at most ${report.difference.toExponential(1)} of the largest result.`)
  }
  if (peer === undefined) console.log(`\nTo see onnxruntime-web beside it: ${INSTALL}`)
  console.log(`\nWhere the time of ${precision} goes:`)
  console.log(
    plainTable(
      [
        ['  operation', 'weights', 'density', 'time', 'share', 'G MAC/s', 'kernels'],
        ...layers.map((l) => [
          `  ${l.name}`,
          l.shape?.join('x') ?? '',
          l.density === undefined ? '' : percent(l.density, 1),
          duration(l.ms),
          percent(l.share, 1),
          l.gmacs?.toPrecision(3) ?? '',
          l.kernels.join(' '),
        ]),
      ],
      [2, 3, 4, 5],
    ),
  )
  if (explanation !== undefined) console.log(`\nWhy:\n${explanationTable(explanation)}`)
}

/** onnxruntime-web with the same network, dense; a model that it does not take is no failure of this command. */
async function findPeer(file: ModelFile, quiet: boolean): Promise<Peer | undefined> {
  const onnx = file.kind === 'onnx' ? exportOnnx(file.model) : exportOnnx(decodeModel(file.bytes))
  try {
    return await openPeer(process.cwd(), onnx)
  } catch (error) {
    if (!quiet) process.stderr.write(`${(error as Error).message}\n`)
    return undefined
  }
}

export const bench: Command = {
  name: 'bench',
  summary: 'time a model, layer by layer, and beside onnxruntime-web',
  usage: 'MODEL(.wd|.onnx) [options]',
  options: [
    {
      name: 'precision',
      value: 'LIST',
      help: 'some of int8 to int1, fp8, f32, joined by commas (default: f32 of ONNX, int8 of .wd)',
    },
    { name: 'batch', value: 'N', help: 'examples computed together, 1 to 256 (default 1)' },
    { name: 'seconds', value: 'X', help: `time for each, after a warm-up (default ${SECONDS})` },
    { name: 'isa', value: 'NAME', help: 'simd or relaxed (default: the fastest that works here)' },
    { name: 'explain', help: 'say why each layer runs on its kernel, and what speaks against others' },
    ...onnxOptions,
  ],
  positionals: 1,
  examples: [
    { command: 'whitedwarf bench model.wd', comment: 'median, p10 and p90 of a run; the time of each layer' },
    {
      command: 'npm install onnxruntime-web && whitedwarf bench resnet.onnx --precision f32,int8',
      comment: 'in turns with onnxruntime-web; int8: weights of 8 bits, for timing',
    },
    { command: 'whitedwarf bench model.wd --batch 16 --json', comment: 'for programs' },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args, json, quiet } = context
    parsePrecisions(args)
    const file = await loadModel(args)
    const noise = noiseFor(file, args.number('batch', { min: 1, max: 256, whole: true }) ?? 1)
    const variants = await openVariants(file, noise, context)
    const peer = await findPeer(file, quiet)
    const report = await measure(variants, peer, noise, context)
    if (!json) {
      print(file, variants, report)
      return
    }
    const { isa, batch } = variants[0].session.info
    const common = { model: file.path, bytes: file.bytes.length, isa, batch, node: process.versions.node }
    console.log(JSON.stringify({ ...common, ...report, peer: report.peer ?? null }, null, 2))
  },
}
