/**
 * How the sums of each weighted layer are computed: its weights in memory, and the steps that read them. Levels become row programs here;
 * everything that few models need (8-bit levels, patterns, plain weights, the dense baseline) is in general.ts, which is loaded for those alone.
 */
import { laneBytes } from '../kernels/lanes.js'
import { emitSparse } from './emit.js'
import { chooseLanes, type LevelSums } from './lanes.js'
import type { Lowered, Op } from './lower.js'
import type { LevelNetwork, Network } from './network.js'
import type { General, Product, Site, Weighted } from './site.js'
import { isMatrix, loadPrograms, type Program, type ProgramRequest, rescaleOffsets } from './weights.js'

/** Whether a network needs general.ts, and the kernels of the tensor module with it. */
export const needsGeneral = (network: Network): boolean =>
  network.kind === 'floats' ||
  network.graph.nodes.some((node) => node.op === 'tensor') ||
  network.file.tensors.some(isMatrix)

/**
 * Writes the weights into memory, and settles the lanes of all values.
 * @throws WhiteDwarfError E_MEMORY, E_FORMAT
 */
export function loadProducts(site: Site, lowered: Lowered, weighted: ReadonlyMap<Op, Weighted>): Map<Op, Product> {
  const { network, options } = site
  if (network.kind === 'levels' && !options.dense) return levelProducts(site, network, lowered, weighted)
  return (site.general as General).floatProducts(site, [...weighted.values()])
}

/** Where the inputs of a layer's columns lie, in bytes. */
export function programRequest({ op, tensor, geometry }: Weighted): ProgramRequest {
  const width = laneBytes(op.x.lane)
  return {
    name: op.name,
    tensor: tensor.name,
    offsets: geometry.offsets.map((o) => o * width),
    groups: geometry.groups,
    groupStep: geometry.groupStep * width,
  }
}

/** Lanes are proved once all levels are known, and offsets widened where the first guess was too narrow. */
function levelProducts(
  { instance, arena, general, options }: Site,
  { bytes, file }: LevelNetwork,
  lowered: Lowered,
  weighted: ReadonlyMap<Op, Weighted>,
): Map<Op, Product> {
  const all = [...weighted.values()]
  const guessed = new Map(all.map((w) => [w.op.name, laneBytes(w.op.x.lane)]))
  const { programs, matrices } = loadPrograms(bytes, file, instance, arena, all.map(programRequest))
  const sums = new Map([...programs].map(([name, p]): [string, LevelSums] => [name, p.sums]))
  const matrixProducts =
    matrices.size === 0
      ? () => []
      : (general as General).chooseLevelProducts(lowered, weighted, matrices, sums, options.batch, instance, arena)
  if (matrices.size === 0) chooseLanes(lowered, sums, (op) => weighted.get(op)?.scalar === true)
  const products = new Map<Op, Product>()
  for (const w of all) {
    const program = programs.get(w.op.name)
    if (program === undefined) continue
    const factor = laneBytes(w.op.x.lane) / (guessed.get(w.op.name) as number)
    if (factor !== 1) rescaleOffsets(instance, program, factor)
    products.set(w.op, programProduct(w, program))
  }
  for (const [op, product] of matrixProducts()) products.set(op, product)
  return products
}

/** A program of levels on the sparse kernels. */
export function programProduct({ op, scalar }: Weighted, program: Program): Product {
  const { address, planes, nonzeros, bytes, sums } = program
  const { lane } = op.x
  return {
    kernel: `gather_${scalar ? 'scalar_' : ''}${lane}`,
    lane: scalar && lane !== 'f32' ? 'i32' : lane,
    nonzeros,
    bytes,
    sums,
    emit: (op, layer, ...rest) => emitSparse(op, { ...layer, planes, program: address }, ...rest),
  }
}
