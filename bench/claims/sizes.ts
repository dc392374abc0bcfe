/** Sizes: the published ones, by the rules of their papers, and a file of a large model. */
import {
  entropyBitsPerWeight,
  float32Bytes,
  foldGraph,
  type Graph,
  inferShapes,
  isWeighted,
  type Model,
  modelSizes,
  rangedValues,
  rawBytes,
  resnet,
  type StoredCounts,
  storedCounts,
  uniformDensities,
  weightShape,
} from 'whitedwarf/compress'
import { encodeModel, entropyStateBytes, quantiseUniform, readWd } from 'whitedwarf/format'
import { Arena, bestIsa, instantiate, Rng } from 'whitedwarf/kernels'
import { round } from '../machine.js'
import type { Claim } from './claim.js'

const DENSITY = 0.3
const COATS = 3
/** Bits of a scale or bias in the file. */
const CONSTANT_BITS = 8

type Data = 'imagenet' | 'cifar100'

const resnet50 = (data: Data, fold: readonly number[]): Graph =>
  data === 'imagenet'
    ? resnet({ depth: 50, fold })
    : resnet({ depth: 50, fold, stem: 'cifar', input: [3, 32, 32], classes: 100 })

/** Of the networks in the papers, whose classifier has no batch normalisation. */
function counts(data: Data, fold: readonly number[]): StoredCounts {
  const found = storedCounts(resnet50(data, fold))
  return { ...found, norms: found.norms - (data === 'imagenet' ? 1000 : 100) }
}

/** To the digits that are published. */
function publishedSizes() {
  const folded = (data: Data) => counts(data, [3, 4])
  const megabytes = (data: Data, signs: 'seeded' | 'learned') =>
    Math.round(rawBytes({ ...folded(data), densities: [DENSITY], signs }) / 1000) / 1000
  const dense = float32Bytes(counts('cifar100', []))
  const hidden = rawBytes({ ...folded('cifar100'), densities: [DENSITY], signs: 'seeded' })
  return {
    imagenetMB: megabytes('imagenet', 'seeded'),
    cifar100MB: megabytes('cifar100', 'seeded'),
    cifar100Times: Math.round((100 * dense) / hidden) / 100,
    cifar100SignedMB: megabytes('cifar100', 'learned'),
  }
}

const PUBLISHED = { imagenetMB: 2.184, cifar100MB: 1.953, cifar100Times: 48.55, cifar100SignedMB: 2.506 }

/** ResNet-50 for ImageNet with independent random levels of three uniform coats and random constants. */
function randomResnet50(): Model {
  const rng = new Rng(1)
  const { graph } = foldGraph(resnet50('imagenet', []))
  const shapes = inferShapes(graph)
  const tensors: Record<string, Model['tensors'][string]> = {}
  const layers: Record<string, Model['layers'][string]> = {}
  const ranges: Record<string, number> = {}
  for (const node of graph.nodes.filter(isWeighted)) {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as readonly number[])
    const n = shape.reduce((a, b) => a * b, 1)
    const level = () => (rng.u32() & 1 ? 1 : -1) * (1 + rng.below(COATS))
    const levels = Int8Array.from({ length: n }, () => (rng.float() < DENSITY ? level() : 0))
    const constants = () =>
      quantiseUniform(
        Float64Array.from({ length: shape[0] }, () => rng.normal()),
        CONSTANT_BITS,
      )
    tensors[node.name] = { shape, maxLevel: COATS, levels }
    layers[node.name] = { tensor: node.name, scale: constants(), bias: constants() }
  }
  for (const value of rangedValues(graph)) ranges[value] = 100 + rng.below(56)
  return { graph, tensors, layers, ranges }
}

/** Milliseconds that the kernels take to decode all levels of a file, the least of a few times, one thread. */
async function decodeMs(bytes: Uint8Array, model: Model): Promise<number> {
  const file = readWd(bytes)
  const { exports, memory } = await instantiate(await bestIsa())
  const arena = new Arena(memory)
  const state = arena.alloc(entropyStateBytes(file.maxCols, file.maxRows))
  const stream = arena.alloc(bytes.length)
  const classes = arena.alloc(file.maxRows)
  const levels = arena.alloc(Math.max(...file.tensors.map((t) => t.rows * t.cols)))
  new Uint8Array(memory.buffer, stream, bytes.length).set(bytes)
  const { range, code, next, end } = file.levels
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    let time = 0
    exports.entropy_begin(state, range, code, stream + next, stream + end, file.maxCols, file.maxRows)
    for (const t of file.tensors) {
      new Uint8Array(memory.buffer, classes, t.rows).set(t.rowClasses)
      const start = performance.now()
      exports.entropy_tensor(state, ...t.kernelArguments, classes)
      exports.entropy_decode_dense(state, 0, t.rows, levels)
      time += performance.now() - start
      const got = new Int8Array(memory.buffer, levels, t.rows * t.cols)
      const wanted = model.tensors[t.name].levels
      if (wanted.some((level, i) => level !== got[i])) throw new Error(`decoded wrong levels of ${t.name}`)
    }
    times.push(time)
  }
  return Math.min(...times)
}

export const sizeClaims: readonly Claim[] = [
  {
    name: 'size-identities',
    title:
      'Published sizes of ResNet-50 that the size rules give to every digit: hidden-fold ImageNet and CIFAR-100 in MB and times smaller, with learned signs in MB',
    unit: 'of 4',
    bar: { op: '>=', value: 4 },
    minutes: 0.1,
    async measure() {
      const sizes = publishedSizes()
      const keys = Object.keys(PUBLISHED) as (keyof typeof PUBLISHED)[]
      return { value: keys.filter((key) => sizes[key] === PUBLISHED[key]).length, details: sizes }
    },
  },
  {
    name: 'resnet50-size',
    title:
      'File of a ResNet-50 for ImageNet, random INT3 levels at density 30 % and random constants, everything counted, of its float32 size',
    unit: '%',
    bar: { op: '<=', value: 5.3 },
    also: [{ figure: 'levelsOverBound', unit: '% above the entropy', bar: { op: '<=', value: 2 } }],
    minutes: 1.5,
    async measure(onProgress) {
      onProgress('drawing 25.5 million levels')
      const model = randomResnet50()
      onProgress('encoding')
      const bytes = encodeModel(model)
      onProgress('measuring')
      const { forms, tensors, weights, nonZeros } = modelSizes(bytes)
      const bound = entropyBitsPerWeight(uniformDensities(DENSITY, COATS))
      const coded = tensors.reduce((sum, t) => sum + t.bits.file, 0) / weights
      const fp32 = float32Bytes(counts('imagenet', []))
      const share = (size: number) => round((100 * size) / fp32)
      return {
        value: share(bytes.length),
        details: {
          bytes: bytes.length,
          fp32Bytes: fp32,
          weights,
          density: round(nonZeros / weights),
          bitsPerWeight: Math.round(1000 * coded) / 1000,
          bound: Math.round(1000 * bound) / 1000,
          levelsOverBound: round(100 * (coded / bound - 1)),
          hierarchicalShare: share(forms.hierarchical.bytes),
          runLengthShare: share(forms.runLength.bytes),
          programsShare: share(forms.programs.bytes),
          decodeMs: round(await decodeMs(bytes, model)),
        },
      }
    },
  },
]
