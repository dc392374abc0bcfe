/** How the outputs of a layer are spread over units that each compute one at a time: over filters first, then over pixels. */
import { ceilDiv } from './units.js'

export interface Spread {
  readonly filtersAtOnce: number
  readonly pixelsAtOnce: number
  readonly filterRounds: number
  readonly pixelRounds: number
}

export function spreadOver(units: number, filters: number, pixels: number): Spread {
  const filtersAtOnce = Math.min(units, filters)
  const pixelsAtOnce = Math.min(pixels, Math.floor(units / filtersAtOnce))
  return {
    filtersAtOnce,
    pixelsAtOnce,
    filterRounds: ceilDiv(filters, filtersAtOnce),
    pixelRounds: ceilDiv(pixels, pixelsAtOnce),
  }
}
