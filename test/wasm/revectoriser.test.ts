import { describe, expect, it } from 'vitest'
import { referenceInstance } from '../../src/kernels/reference.js'
import { instantiate } from '../../src/wasm/load.js'
import { enableRevectoriser, exercise } from '../../src/wasm/revectoriser.js'

const supported = Number.parseInt(process.versions.v8, 10) >= 13

describe('the exercise of the re-vectoriser', () => {
  it('gives what the scalar references give', async () => {
    const images = exercise(await instantiate('simd'))
    expect(images).toEqual(exercise(referenceInstance('core')))
    expect(new Set(images).size).toBeGreaterThan(1000)
  })

  it.each(['gather_i16', 'gather_i32', 'gather_f32', 'requant_planes_i16', 'requant_planes_f32', 'requant_add_i16'])(
    'shows when %s does nothing',
    async (name) => {
      const instance = await instantiate('simd')
      const broken = { ...instance, exports: { ...instance.exports, [name]: () => 0 } }
      expect(exercise(broken)).not.toEqual(exercise(await instantiate('simd')))
    },
  )
})

describe('enableRevectoriser', () => {
  it.skipIf(supported)('is refused where there is none', async () => {
    await expect(enableRevectoriser()).rejects.toMatchObject({ code: 'E_OPTION', message: /needs Node 24/ })
  })

  it.runIf(supported)('passes its exercise', async () => {
    await expect(enableRevectoriser()).resolves.toBeUndefined()
  })
})
