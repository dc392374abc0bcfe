/**
 * What .wd files of levels to 4 bits do without, and what is therefore loaded on demand: 8-bit levels, plain f32 weights, the dense
 * baseline, tensor functions.
 */
import type { Lane } from '../kernels/lanes.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { prefersDense, sumsOf, writeDenseLevels, writeProgram } from './byte-levels.js'
import { type DenseWeights, emitDense, loadDenseWeights } from './dense.js'
import { emitDepthwise, prefersDepthwise, writeDepthwiseLevels } from './depthwise.js'
import { emitDenseLevels, emitSparse } from './emit.js'
import { countNonzeros, prefersProgram, writeFloatProgram } from './float-weights.js'
import { chooseLanes, type LevelSums } from './lanes.js'
import type { Lowered, Op } from './lower.js'
import { programProduct, programRequest } from './products.js'
import type { Product, Site, Weighted } from './site.js'

export { emitTensor } from './emit-tensor.js'
export { networkOfModel } from './model-network.js'

/** Plain weights as programs of those that are not zero or as dense matrices, whichever is faster; with kernels 'dense' all as matrices. */
export function floatProducts(site: Site, weighted: readonly Weighted[]): Map<Op, Product> {
  const { network, instance, arena, options } = site
  const products = new Map<Op, Product>()
  if (network.kind === 'floats' && !options.dense) {
    for (const w of weighted) {
      const { tensor, geometry } = w
      const weights = network.weights.get(tensor.name) as Float32Array
      const density = countNonzeros(weights) / weights.length
      if (w.scalar || !prefersProgram(density, tensor.rows / geometry.groups)) continue
      const program = writeFloatProgram(weights, { ...programRequest(w), ...tensor }, instance, arena)
      products.set(w.op, {
        ...plainSums,
        ...program,
        kernel: 'gather_mul_f32',
        emit: (op, layer, ...rest) =>
          emitSparse(op, { ...layer, planes: undefined, program: program.address }, ...rest),
      })
    }
  }
  const rest = weighted.filter((w) => !products.has(w.op))
  for (const [op, product] of denseProducts(site, rest)) products.set(op, product)
  return products
}

/** Sums of f32 weights: there is nothing to prove. */
const plainSums = { lane: 'f32' as Lane, sums: undefined }

function denseProducts({ network, instance, arena, options }: Site, weighted: readonly Weighted[]): Map<Op, Product> {
  const requests = weighted.map(({ op, tensor, geometry, scalar }) => ({
    name: op.name,
    tensor: tensor.name,
    packed: !scalar,
    groups: geometry.groups,
  }))
  // The dense kernel is called once a group and image, and its calls lie outside of the arena.
  for (const { groups } of requests) arena.check(groups * options.batch * 256)
  const matrices = loadDenseWeights(network, instance, arena, requests)
  return new Map(
    weighted.map(({ op, scalar }): [Op, Product] => {
      const weights = matrices.get(op.name) as DenseWeights
      const emit: Product['emit'] = (op, layer, ...rest) => emitDense(op, layer, weights, ...rest)
      return [op, { ...plainSums, ...weights, kernel: scalar ? 'gemv_f32' : 'conv_f32', emit }]
    }),
  )
}

/**
 * Chooses between dense matrices and row programs for layers of 8-bit levels, and lanes for all values.
 * @param sums level sums of the other layers, by operation; those of 8-bit layers are added
 * @returns writes the weights and gives the products; to be called once
 */
export function chooseByteProducts(
  lowered: Lowered,
  weighted: ReadonlyMap<Op, Weighted>,
  byteLevels: ReadonlyMap<string, Int8Array>,
  sums: Map<string, LevelSums>,
  instance: WasmInstance,
  arena: Arena,
): () => [Op, Product][] {
  const layers = [...weighted.values()].flatMap((w) => {
    const levels = byteLevels.get(w.tensor.name)
    return levels === undefined ? [] : [{ w, levels, density: countNonzeros(levels) / levels.length }]
  })
  for (const { w, levels } of layers) sums.set(w.op.name, sumsOf(levels, w.tensor.rows))
  /** Layers that do not run as programs. */
  const chosen = new Map<Op, 'dense' | 'depthwise'>()
  const choose = () => {
    chosen.clear()
    for (const { w, density } of layers) {
      if (prefersDepthwise(w, density)) chosen.set(w.op, 'depthwise')
      else if (!w.scalar && w.op.x.lane === 'i16' && prefersDense(density, w.tensor.rows / w.geometry.groups)) {
        chosen.set(w.op, 'dense')
      }
    }
    return chosen.size
  }
  // Both read i16 lanes and sum in i32. A value that another layer needs wider leaves its readers to programs, which may need wider
  // values again.
  for (let before = Infinity; choose() < before; ) {
    before = chosen.size
    chooseLanes(lowered, sums, (op) => chosen.has(op) || weighted.get(op)?.scalar === true)
  }
  return () =>
    layers.map(({ w, levels }): [Op, Product] => {
      const { rows } = w.tensor
      const known = { lane: 'i32' as const, nonzeros: countNonzeros(levels), sums: sums.get(w.op.name) }
      switch (chosen.get(w.op)) {
        case 'depthwise': {
          const weights = writeDepthwiseLevels(levels, w, instance, arena)
          const emit: Product['emit'] = (op, layer, _, ...rest) => emitDepthwise(op, layer, weights, ...rest)
          return [w.op, { ...known, kernel: 'depthwise_i16', fused: true, bytes: weights.bytes, emit }]
        }
        case 'dense': {
          const weights = writeDenseLevels(levels, rows, programRequest(w), instance, arena)
          const emit: Product['emit'] = (op, layer, ...rest) => emitDenseLevels(op, layer, weights, ...rest)
          return [w.op, { ...known, kernel: 'dense_i16', bytes: weights.bytes, emit }]
        }
        default:
          return [w.op, programProduct(w, writeProgram(levels, rows, 127, programRequest(w), instance, arena))]
      }
    })
}
