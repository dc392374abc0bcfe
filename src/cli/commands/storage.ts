/** whitedwarf storage: what the weights of a network or a model take in every sparse format. */
import { statSync } from 'node:fs'
import {
  compareStorage,
  familiesAt,
  floatLayers,
  modelLayers,
  networkLayers,
  type StorageLayer,
  type StorageRow,
  type WeightedLayer,
  weightedLayers,
} from '../../compress.js'
import { WhiteDwarfError } from '../../errors.js'
import { decodeModel } from '../../format.js'
import { misfit, type Pattern, parsePattern } from '../../patterns.js'
import { imagesOption, namedNetwork } from '../arch.js'
import type { Arguments } from '../args.js'
import { barChart, textBar } from '../bars.js'
import type { Command, CommandContext } from '../command.js'
import { checkWritable, readInput, writeOutput } from '../files.js'
import { importFile, isOnnxPath, parseSizes, sizesOption } from '../models.js'
import { grouped, percent, plainTable } from '../text.js'

/** Layers that --dense may keep dense. */
const KINDS: Readonly<Record<string, (layer: WeightedLayer, i: number, all: readonly WeightedLayer[]) => boolean>> = {
  first: (_, i) => i === 0,
  last: (_, i, all) => i === all.length - 1,
  pointwise: ({ op, shape }) => op === 'conv2d' && shape[2] * shape[3] === 1,
  depthwise: ({ depthwise }) => depthwise,
}

/** The first that fits at least half of the weights is the default. */
const DEFAULT_PATTERNS = ['PS4_P8', '2:4']

const ABOUT: Readonly<Record<string, string>> = {
  dense: 'dense',
  bitmask: 'bitmask',
  coo: 'COO',
  csr: 'CSR',
  csr16: 'CSR, 16-bit places',
  csc: 'CSC',
  'in-kernel': 'place in the kernel',
  'pattern-id': 'pattern of the kernel',
  'run-length': 'run length',
  entropy: 'entropy',
  file: 'the .wd file',
}

const BAR = 24

interface Named {
  readonly name: string
  readonly pattern: Pattern
}

interface Subject {
  readonly layers: readonly StorageLayer[]
  readonly pattern?: Named
}

function fromNetwork(name: string, args: Arguments, seed: number): Subject {
  const graph = namedNetwork(name, args)
  const density = args.number('density', { min: 0, max: 1 })
  if (density !== undefined && args.string('pattern') !== undefined) {
    throw new WhiteDwarfError('E_OPTION', 'give either --pattern or --density: a pattern has a density of its own')
  }
  const all = weightedLayers(graph)
  const dense = denseLayers(args.string('dense'), all)
  const keepDense = ({ name }: WeightedLayer) => dense.has(name)
  if (density !== undefined) return { layers: networkLayers(graph, { density, keepDense }) }
  const pattern = givenPattern(args, seed) ?? defaultPattern(all, seed)
  const layers = networkLayers(graph, { pattern: pattern.pattern, keepDense })
  if (layers.every((layer) => layer.pattern === undefined)) {
    throw new WhiteDwarfError('E_OPTION', `--pattern ${pattern.name} fits no layer of ${name} that may be sparse`)
  }
  return { layers, pattern }
}

const givenPattern = (args: Arguments, seed: number): Named | undefined => {
  const name = args.string('pattern')
  return name === undefined ? undefined : { name, pattern: parsePattern(name, seed) }
}

function defaultPattern(layers: readonly WeightedLayer[], seed: number): Named {
  const weights = (of: readonly WeightedLayer[]) => of.reduce((sum, l) => sum + l.weights, 0)
  const named = DEFAULT_PATTERNS.map((name) => ({ name, pattern: parsePattern(name, seed) }))
  const fits = ({ pattern }: Named) => layers.filter((l) => misfit(pattern, l.shape) === undefined)
  return named.find((p) => weights(fits(p)) >= weights(layers) / 2) ?? named[named.length - 1]
}

/** --dense first,last @throws WhiteDwarfError E_OPTION */
function denseLayers(text: string | undefined, all: readonly WeightedLayer[]): Set<string> {
  const kinds = text === undefined ? [] : text.split(',')
  const unknown = kinds.find((kind) => !Object.hasOwn(KINDS, kind))
  if (unknown !== undefined) {
    throw new WhiteDwarfError('E_OPTION', `--dense takes ${Object.keys(KINDS).join(', ')}, got '${unknown}'`)
  }
  return new Set(all.filter((layer, i) => kinds.some((kind) => KINDS[kind](layer, i, all))).map((l) => l.name))
}

async function fromFile(path: string, args: Arguments, seed: number): Promise<Subject> {
  for (const option of ['density', 'dense', 'images']) {
    if (args.string(option) !== undefined) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `--${option} is for networks by name: the weights of a file are as they are`,
      )
    }
  }
  const pattern = givenPattern(args, seed)
  const bytes = await readInput(path, 'model')
  const onnx = isOnnxPath(path)
  const layers = onnx
    ? floatLayers(importFile(path, bytes, { sizes: parseSizes(args) }), pattern?.pattern)
    : modelLayers(decodeModel(bytes), pattern?.pattern, bytes)
  if (pattern !== undefined && layers.every((layer) => layer.pattern === undefined)) {
    throw new WhiteDwarfError('E_OPTION', `no layer of ${path} keeps to --pattern ${pattern.name}`)
  }
  return pattern === undefined ? { layers } : { layers, pattern }
}

function report(name: string, { layers, pattern }: Subject, args: Arguments, seed: number) {
  const bits = args.number('bits', { min: 1, max: 32, whole: true })
  const sets = args.number('sets', { min: 1, max: 65536, whole: true })
  const only = args.choice('layers', ['all', 'conv'] as const) ?? 'all'
  const chosen = only === 'all' ? layers : layers.filter((layer) => layer.shape.length === 4)
  const sum = (of: (layer: StorageLayer) => number, from = chosen) => from.reduce((total, l) => total + of(l), 0)
  const sparse = chosen.filter((layer) => layer.nonZeros < layer.weights)
  const density = sum((l) => l.nonZeros, sparse) / sum((l) => l.weights, sparse)
  const names =
    args
      .string('beside')
      ?.split(' ')
      .filter((n) => n !== '') ?? familiesAt(density)
  const beside = Object.fromEntries(names.filter((n) => n !== pattern?.name).map((n) => [n, parsePattern(n, seed)]))
  const rows = compareStorage(chosen, {
    beside,
    ...(bits && { bits }),
    ...(sets && { sets }),
    ...(pattern && { pattern: pattern.name }),
  })
  const dense = rows[0].bits
  const own = rows.find((row) => row.format === pattern?.name)?.bits
  return {
    network: name,
    ...(pattern && { pattern: pattern.name }),
    layers: chosen.length,
    sparseLayers: sparse.length,
    weights: sum((l) => l.weights),
    nonZeros: sum((l) => l.nonZeros),
    macs: sum((l) => l.nonZeros * l.pixels),
    rows: rows.map((row) => ({
      ...row,
      ofDense: row.bits / dense,
      ...(own !== undefined && { ofPattern: row.bits / own }),
    })),
  }
}

type Report = ReturnType<typeof report>

const kib = (bits: number): string => (bits / 8192).toFixed(bits < 819_200 ? 3 : 1)

const rowName = (row: StorageRow): string => ABOUT[row.format] ?? row.format

function printReport(r: Report): void {
  const { pattern, weights, nonZeros } = r
  const share = percent(nonZeros / weights)
  console.log(`${r.network}: ${r.layers} layers, ${r.sparseLayers} of them with zeros`)
  console.log(
    `${grouped(weights)} weights, ${grouped(nonZeros)} not zero (${share}), ${grouped(r.macs)} MACs on them\n`,
  )
  const longest = Math.max(...r.rows.map((row) => row.bits))
  const header = ['  format', 'KiB', 'index KiB', 'kept', 'of dense', ...(pattern ? [`of ${pattern}`] : [])]
  const rows = r.rows.map((row) => [
    `  ${rowName(row)}${row.general ? '' : ' *'}`,
    kib(row.bits),
    row.index === undefined ? '' : kib(row.index),
    percent(row.kept / weights, 1),
    row.ofDense.toFixed(3),
    ...(row.ofPattern === undefined ? [] : [row.ofPattern.toFixed(2)]),
    textBar(row.bits, longest, BAR),
  ])
  console.log(plainTable([header, ...rows], [1, 2, 3, 4, ...(pattern ? [5] : [])]))
  console.log('\n* holds only weights that keep to its own pattern; kept: weights that have a value in it')
}

function plot(r: Report): string {
  // Of the file only the sum is known: a third part.
  const bars = r.rows.map((row) => ({
    name: rowName(row),
    parts: row.index === undefined ? [0, 0, row.bits] : [row.values ?? 0, row.index],
    label: `${kib(row.bits)} KiB`,
  }))
  const parts = ['values', 'index', ...(r.rows.some((row) => row.index === undefined) ? ['coded as one'] : [])]
  const title = `Weights of ${r.network}${r.pattern === undefined ? '' : `, ${r.pattern}`}`
  const list = r.rows.map((row) => `${rowName(row)} ${kib(row.bits)} KiB`).join(', ')
  return barChart({ title, description: `Size by format: ${list}.`, parts, bars })
}

export const storage: Command = {
  name: 'storage',
  summary: 'compare what weights take in every sparse format',
  usage: 'NETWORK|MODEL(.wd|.onnx) [--pattern NAME] [--bits 8] [options]',
  options: [
    {
      name: 'pattern',
      value: 'NAME',
      help: '2:4, complementary:4, cgs:16/8, PS4_P8, ... (default of networks: PS4_P8 or 2:4)',
    },
    { name: 'density', value: 'SHARE', help: 'of weights that each layer keeps, anywhere, instead of a pattern' },
    { name: 'bits', value: 'N', help: 'of a value, 1 to 32 (default 8; of a .wd file those of its levels)' },
    { name: 'dense', value: 'KINDS', help: `layers that stay dense: ${Object.keys(KINDS).join(',')}` },
    { name: 'layers', value: 'NAME', help: 'all (default), or conv' },
    { name: 'beside', value: 'NAMES', help: 'other patterns, separated by spaces (default: one of each family)' },
    { name: 'sets', value: 'N', help: 'sets of taps that kernels have, for their numbers (default 8)' },
    { name: 'seed', value: 'N', help: 'of patterns of blocks (default 1)' },
    { name: 'plot', value: 'FILE', help: 'write the bars as a picture (SVG)' },
    sizesOption,
    imagesOption,
  ],
  positionals: 1,
  examples: [
    { command: 'whitedwarf storage vgg16 --pattern PS4_P8 --layers conv', comment: '4 of 9 taps, a period of 8' },
    {
      command: 'whitedwarf storage resnet50 --images imagenet --pattern 2:4 --bits 4 --plot resnet50.svg',
      comment: 'a large network with 2:4 weights of 4 bits',
    },
    { command: 'whitedwarf storage model.wd', comment: 'the weights of a file' },
  ],
  async run({ args, json }: CommandContext): Promise<void> {
    const [name] = args.positionals
    if (name === undefined) {
      throw new WhiteDwarfError(
        'E_OPTION',
        'which weights? Give a network such as vgg16, or the path of a .wd or .onnx file',
      )
    }
    const seed = args.number('seed', { min: 0, max: 2 ** 32 - 1, whole: true }) ?? 1
    const svg = args.string('plot')
    if (svg !== undefined) checkWritable(svg, 'picture')
    const isFile = /\.(wd|onnx)$/i.test(name) || statSync(name, { throwIfNoEntry: false })?.isFile()
    const subject = isFile ? await fromFile(name, args, seed) : fromNetwork(name, args, seed)
    const result = report(name, subject, args, seed)
    if (svg !== undefined) writeOutput(svg, plot(result), 'picture')
    if (json) console.log(JSON.stringify(result, null, 2))
    else printReport(result)
  },
}
