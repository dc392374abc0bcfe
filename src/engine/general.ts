/**
 * What .wd files of levels to 4 bits do without, and what is therefore loaded on demand: 8-bit levels, plain f32 weights, the dense
 * baseline, tensor functions.
 */
import type { Lane } from '../kernels/lanes.js'
import { type DenseWeights, emitDense, loadDenseWeights } from './dense.js'
import { emitSparse } from './emit.js'
import { countNonzeros, prefersProgram, writeFloatProgram } from './float-weights.js'
import type { Op } from './lower.js'
import { programRequest } from './products.js'
import type { Product, Site, Weighted } from './site.js'

export { emitTensor } from './emit-tensor.js'
export { chooseLevelProducts } from './level-products.js'
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
