import { describe, it } from 'vitest'
import { builds, check, row } from './harness.js'

describe.each(builds('core'))('gemv_f32, $build build', (module) => {
  // The relaxed build rounds once per multiply-add: compared where sums are exact, on small integers.
  const values = module.build === 'relaxed' ? (n: number) => Math.round(n * 4) : (n: number) => n
  it('equals its reference over edges of rows and columns', () => {
    let seed = 1
    for (const rows of [1, 2, 3, 4, 5, 8, 10]) {
      for (const cols of [1, 2, 3, 4, 5, 7, 8, 16, 33, 400]) {
        check(module, row('gemv_f32'), seed++, (layout) => {
          const random = (n: number) => layout.f32(Array.from({ length: n }, () => values(layout.rng.normal())))
          return { args: [random(rows * cols), random(cols), layout.reserve(rows * 4), rows, cols] }
        })
      }
    }
  })
})
