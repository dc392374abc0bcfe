/**
 * The closed form: what is to be expected when every weight is non-zero with the layer's density, independently of all others.
 *
 * A row takes the sum of its windows. In lock step (queue 0) windows are sums of independent steps. With an endless queue the elements may fall
 * behind the gatherer until the end of the tile: with S_k the digits less the gathering of the last k windows of n,
 *
 *   cycles = gathering of n windows + max(0, S_1, ..., S_n),     E[max] = sum over k of E[max(S_k, 0)] / k     (Spitzer)
 *
 * where S_k is taken as normal. Between the two, with a queue of q windows, the closed form interpolates by 1 / (1 + q): only the walk is exact.
 * Rows wait for the slowest of their block, blocks for the slowest of their pass: expected largest of so many normals.
 * The order of filters makes no difference here, since all have one density.
 */
import type { GatherArch } from '../arch.js'
import type { LayerCost } from '../cost.js'
import { below, largestOfNormals, type Moments, meanPositive } from '../normal.js'
import type { PeLayer } from '../workload.js'
import { type DigitShares, largestLevel, meanDigits, measuredShares, uniformShares } from './digits.js'
import { type Block, loadCycles, passesOf, sourcesOf, tilesOf } from './layout.js'
import { costOf, type Pass } from './pass.js'
import { type Conditional, conditional, type WindowMoments, windowMoments } from './windows.js'

export function estimate(layer: PeLayer, arch: GatherArch): LayerCost {
  const { density, shares } = contents(layer, arch)
  const tiles = tilesOf(layer.k, arch.tile)
  // All tiles but the last are alike.
  const given = conditional(Math.min(arch.window, tiles[0]), shares, arch)
  const rows = new Map([...new Set(tiles)].map((weights) => [weights, rowMoments(weights, density, given, arch)]))
  const tileRows = tiles.map((weights) => ({ weights, row: rows.get(weights) as Moments }))
  const digits = layer.k * density * meanDigits(shares)
  const kinds = kindsOf(passesOf(layer, arch))
  return costOf(
    layer,
    arch,
    (lanes) => kinds.map((kind) => expectedPass(layer, arch, kind, tileRows, digits, lanes)),
    layer.k * layer.n * layer.groups * density,
  )
}

/** Passes that are alike but for the filters they hold: most of a layer's are. */
interface Kind {
  readonly blocks: readonly Block[]
  readonly sources: number
  readonly count: number
}

function kindsOf(passes: readonly (readonly Block[])[]): Kind[] {
  const kinds = new Map<string, Kind>()
  for (const blocks of passes) {
    const sources = sourcesOf(blocks)
    const key = `${sources} ${blocks.map((block) => block.rows).join()}`
    kinds.set(key, { blocks, sources, count: 1 + (kinds.get(key)?.count ?? 0) })
  }
  return [...kinds.values()]
}

/** Density and digits of a layer's weights. */
function contents(layer: PeLayer, arch: GatherArch): { density: number; shares: DigitShares } {
  const { levels, weightDensity: density, weightBits } = layer
  if (levels !== undefined) return { density, shares: measuredShares(levels.levels, arch.digits) }
  return { density, shares: uniformShares(largestLevel(weightBits), arch.digits) }
}

/** Cycles of a row for a tile of so many weights. */
function rowMoments(weights: number, density: number, given: Conditional, arch: GatherArch): Moments {
  const { window, queue } = arch
  const count = Math.floor(weights / window)
  const whole = windowMoments(Math.min(window, weights), density, given)
  const rest = weights % window
  const last = rest > 0 && count > 0 ? windowMoments(rest, density, given) : undefined
  const windows = [...new Array<WindowMoments>(Math.max(1, count)).fill(whole), ...(last ? [last] : [])]
  const lockStep = addUp(windows.map((w) => w.step))
  if (queue === 0) return lockStep
  const endless = endlessQueue(windows)
  const share = queue < windows.length ? 1 / (1 + queue) : 0
  const between = (a: number, b: number) => b + (a - b) * share
  return {
    mean: between(lockStep.mean, endless.mean),
    variance: between(lockStep.variance, endless.variance),
  }
}

const addUp = (all: readonly Moments[]): Moments => ({
  mean: all.reduce((sum, { mean }) => sum + mean, 0),
  variance: all.reduce((sum, { variance }) => sum + variance, 0),
})

function endlessQueue(windows: readonly WindowMoments[]): Moments {
  const gather = addUp(windows.map((w) => w.gather))
  const compute = addUp(windows.map((w) => w.compute))
  const behind = addUp(
    windows.map(({ gather, compute, covariance }) => ({
      mean: compute.mean - gather.mean,
      variance: Math.max(0, compute.variance + gather.variance - 2 * covariance),
    })),
  )
  // The last window may be a shorter one: all are taken as of the average.
  const share = windows.map((_, i) => (i + 1) / windows.length)
  const lag = share.reduce(
    (sum, part, i) => sum + meanPositive({ mean: part * behind.mean, variance: part * behind.variance }) / (i + 1),
    0,
  )
  // The spread is that of whichever of the two is the slower one.
  const computes = behind.variance > 0 ? below(behind.mean / Math.sqrt(behind.variance)) : behind.mean > 0 ? 1 : 0
  return {
    mean: gather.mean + lag,
    variance: computes * compute.variance + (1 - computes) * (gather.variance + lag * lag),
  }
}

interface TileRow {
  readonly weights: number
  readonly row: Moments
}

function expectedPass(
  layer: PeLayer,
  arch: GatherArch,
  { blocks, sources, count }: Kind,
  tiles: readonly TileRow[],
  digits: number,
  lanes: number,
): Pass {
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0)
  const own = tiles.reduce((sum, { row }) => sum + row.mean, 0)
  const most = Math.max(...blocks.map((block) => block.rows))
  const fullest = blocks.filter((block) => block.rows === most).length
  let held = 0
  let loading = 0
  let slowest = 0
  for (const block of blocks) {
    const last = largestOfNormals(block.rows)
    let spent = 0
    let variance = 0
    for (const { weights, row } of tiles) {
      const computed = row.mean + last.mean * Math.sqrt(row.variance)
      const wait = Math.max(0, loadCycles(layer, arch, weights, lanes, sources) - computed - arch.syncRows)
      held += block.rows * computed
      loading += block.rows * wait
      spent += computed + arch.syncRows + wait
      variance += last.variance * row.variance
    }
    slowest = Math.max(
      slowest,
      spent + (block.rows === most ? largestOfNormals(fullest).mean * Math.sqrt(variance) : 0),
    )
  }
  return {
    count,
    blocks: blocks.length,
    sources,
    rows,
    cycles: slowest + arch.syncGroups,
    digits: rows * digits,
    own: rows * own,
    held,
    loading,
  }
}
