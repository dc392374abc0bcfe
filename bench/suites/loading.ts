/**
 * Opening a session from a file whose layer keeps to a pattern, beside the same levels coded without it: a 512 x 512 x 3 x 3 layer of
 * levels without zeros among those that the pattern allows. Wall time from bytes in memory to a session that can run, the least of some
 * turns; the kernels are compiled before.
 */
import { InferenceSession } from 'whitedwarf'
import { round } from '../machine.js'
import type { Figure, Suite } from '../suite.js'
import { drawFull, modelOf, type PatternLayer } from './patterns.js'

const PATTERNS = [
  ...['complementary:4', '1:4', '2:4', 'segments:4'],
  ...['cgs:16/8', 'hcgs:64/2,16/4', 'PS4_P4', 'PS1_P9'],
]
const TURNS = 15

export interface LoadingFigure {
  readonly layer: PatternLayer
  /** Milliseconds. */
  readonly patterned: number
  readonly plain: number
}

export async function measureLoading(layer: PatternLayer): Promise<LoadingFigure> {
  const levels = drawFull(layer)
  const files = [modelOf(layer, levels, layer.pattern), modelOf(layer, levels)]
  const least = files.map(() => Number.POSITIVE_INFINITY)
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [i, file] of files.entries()) {
      const begin = performance.now()
      const session = await InferenceSession.create(file)
      least[i] = Math.min(least[i], performance.now() - begin)
      session.dispose()
    }
  }
  return { layer, patterned: least[0], plain: least[1] }
}

export const loadingSuite: Suite = {
  name: 'loading',
  title: 'Opening a session from a file with a pattern, 512 x 512 x 3 x 3 weights, one core',
  async run() {
    const figures: Figure[] = []
    for (const maxLevel of [1, 7] as const) {
      for (const pattern of PATTERNS) {
        const layer = { pattern, shape: [512, 512, 3, 3], side: 14, batch: 1, maxLevel }
        const { patterned, plain } = await measureLoading(layer)
        const times = round(patterned / plain)
        const unit = `ms; the same levels without a pattern ${round(plain)} ms, ${times} times`
        figures.push({ name: `${pattern}, INT${maxLevel === 1 ? 2 : 4}`, value: round(patterned), unit })
      }
    }
    return { figures, warnings: [] }
  },
}
