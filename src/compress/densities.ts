/** How a density is shared out among layers. */
import { elements, type Shape } from '../graph/ir.js'
import type { Supermask } from './supermask.js'

export interface NamedShape {
  readonly name: string
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: Shape
}

/**
 * The density of each layer while the density of the network is `density`, which a ramp lowers from 1 to mask.density. A
 * layer with a density of its own goes the same part of its way. Layers that compete (scope 'global') have the density
 * of all of them together.
 */
export function layerDensities(layers: readonly NamedShape[], mask: Supermask, density: number): number[] {
  const own = ({ name }: NamedShape) => (Object.hasOwn(mask.densities, name) ? mask.densities[name] : undefined)
  const others = layers.filter((layer) => own(layer) === undefined)
  const shares = mask.allocation === 'erk' ? erkDensities(others, density) : others.map(() => density)
  const way = mask.density < 1 ? (1 - density) / (1 - mask.density) : 1
  return layers.map((layer) => {
    const end = own(layer)
    return end === undefined ? shares[others.indexOf(layer)] : 1 - way * (1 - end)
  })
}

/**
 * Erdos-Renyi-kernel (Evci et al., "Rigging the lottery", ICML 2020, section 3): density proportional to (out + in + kh +
 * kw) / (out * in * kh * kw), so that the weights kept over all layers are density * n. Layers that would exceed 1 are
 * dense, and the others share what is left.
 */
export function erkDensities(layers: readonly NamedShape[], density: number): number[] {
  const ratio = ({ shape }: NamedShape) => shape.reduce((a, b) => a + b, 0) / elements(shape)
  const sizes = layers.map(({ shape }) => elements(shape))
  const kept = density * sizes.reduce((a, b) => a + b, 0)
  const dense = new Set<number>()
  for (;;) {
    let left = kept
    let unit = 0
    layers.forEach((layer, i) => {
      if (dense.has(i)) left -= sizes[i]
      else unit += ratio(layer) * sizes[i]
    })
    const factor = unit > 0 ? left / unit : 0
    const full = layers.flatMap((layer, i) => (!dense.has(i) && factor * ratio(layer) > 1 ? [i] : []))
    if (full.length === 0) return layers.map((layer, i) => (dense.has(i) ? 1 : factor * ratio(layer)))
    for (const i of full) dense.add(i)
  }
}
