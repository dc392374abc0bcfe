/** Models from files: .wd files as they are, ONNX files imported. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { FloatModel } from '../compress.js'
import { PRECISIONS } from '../engine/options.js'
import { WhiteDwarfError } from '../errors.js'
import { InferenceSession, type SessionOptions } from '../index.js'
import { importOnnx, type OnnxOptions } from '../onnx.js'
import type { Arguments, OptionSpec } from './args.js'
import { readInput, readInputNow } from './files.js'
import { pixelOption, withPixels } from './pixels.js'

/** A file of a model, and what a session is made from. */
export type ModelFile =
  | { readonly kind: 'wd'; readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'onnx'
      readonly path: string
      readonly bytes: Uint8Array<ArrayBuffer>
      readonly model: FloatModel
    }

export const isOnnxPath = (path: string): boolean => /\.onnx$/i.test(path)

export const sizesOption: OptionSpec = {
  name: 'sizes',
  value: 'NAME=N,...',
  help: 'sizes of dimensions that an ONNX file leaves open',
}

/** Options of commands that take ONNX files besides .wd files. */
export const onnxOptions: readonly OptionSpec[] = [pixelOption, sizesOption]

/** Options of sessions. */
export const sessionOptions: readonly OptionSpec[] = [
  {
    name: 'precision',
    value: 'NAME',
    help: 'activations: int8 (default of .wd), fp8, f32 (default of ONNX, its only one), int7 to int1',
  },
  { name: 'fp8', value: 'NAME', help: 'split of fp8: e4m3 (default), e5m2, e3m4, e2m5' },
  { name: 'kernels', value: 'NAME', help: 'auto (default), or dense: the f32 baseline (needs --precision f32)' },
  { name: 'isa', value: 'NAME', help: 'simd, relaxed or reference (default: the fastest that works here)' },
  { name: 'batch', value: 'N', help: 'examples computed together, 1 to 256 (default 1)' },
]

/** The model path that a command takes as its first argument. */
export function modelArgument(args: Arguments): string {
  const [path] = args.positionals
  if (path === undefined) throw new WhiteDwarfError('E_OPTION', 'which model? Give the path of a .wd or .onnx file')
  return path
}

/** @throws WhiteDwarfError E_IO, E_OPTION; of ONNX files also E_FORMAT, E_GRAPH, E_SHAPE, E_DATA */
export async function loadModel(args: Arguments): Promise<ModelFile> {
  const path = modelArgument(args)
  if (!isOnnxPath(path)) {
    const given = onnxOptions.find(({ name }) => args.string(name) !== undefined)
    if (given !== undefined) throw new WhiteDwarfError('E_OPTION', `--${given.name} is for ONNX files`)
    return { kind: 'wd', path, bytes: await readInput(path, 'model') }
  }
  const sizes = parseSizes(args)
  const prepare = withPixels(args)
  const bytes = await readInput(path, 'model')
  return { kind: 'onnx', path, bytes, model: prepare(importFile(path, bytes, { sizes })) }
}

/** Imports an ONNX file, with the weights that lie beside it. */
export const importFile = (path: string, bytes: Uint8Array, options: OnnxOptions = {}): FloatModel =>
  importOnnx(bytes, { ...options, external: filesBeside(path) })

/** Reads files beside the model, each once. The function throws WhiteDwarfError E_IO. */
export function filesBeside(model: string): (name: string) => Uint8Array {
  const files = new Map<string, Uint8Array>()
  return (name) => {
    const path = join(dirname(model), name)
    if (!existsSync(path)) {
      throw new WhiteDwarfError(
        'E_IO',
        `the model's weights lie in '${path}', which does not exist: put it beside the model`,
      )
    }
    const bytes = files.get(path) ?? readInputNow(path, 'weights')
    files.set(path, bytes)
    return bytes
  }
}

/** --sizes length=16000,width=224 @throws WhiteDwarfError E_OPTION */
export function parseSizes(args: Arguments): Record<string, number> {
  const text = args.string('sizes') ?? ''
  const pairs = text === '' ? [] : text.split(',').map((part) => part.split('='))
  for (const [name, value, ...more] of pairs) {
    if (name !== '' && /^\d+$/.test(value ?? '') && more.length === 0) continue
    throw new WhiteDwarfError('E_OPTION', `--sizes must be NAME=N, for example length=16000,width=224, got '${text}'`)
  }
  return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]))
}

/** What the options say of a session of this model. @throws WhiteDwarfError E_OPTION */
export function parseSession({ kind, path }: ModelFile, args: Arguments, signal: AbortSignal): SessionOptions {
  const precision = args.choice('precision', PRECISIONS) ?? (kind === 'onnx' ? 'f32' : undefined)
  if (kind === 'onnx' && precision !== 'f32') {
    throw new WhiteDwarfError(
      'E_OPTION',
      `${path} has plain weights and runs in f32: make a .wd file of it for ${precision} (whitedwarf convert ${path} --out model.wd --data IMAGES)`,
    )
  }
  const fp8 = args.string('fp8')
  const kernels = args.choice('kernels', ['auto', 'dense'] as const)
  const isa = args.choice('isa', ['simd', 'relaxed', 'reference'] as const)
  return {
    ...(precision === undefined ? {} : { precision }),
    ...(fp8 === undefined ? {} : { fp8 }),
    ...(kernels === undefined ? {} : { kernels }),
    ...(isa === undefined ? {} : { isa }),
    batch: args.number('batch', { min: 1, max: 256, whole: true }) ?? 1,
    signal,
  }
}

export const openSession = (file: ModelFile, options: SessionOptions): Promise<InferenceSession> =>
  InferenceSession.create(file.kind === 'wd' ? file.bytes : file.model, options)
