import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SessionOptions } from '../../src/engine/options.js'
import { InferenceSession } from '../../src/engine/session.js'
import { WhiteDwarfError } from '../../src/errors.js'
import { crc32 } from '../../src/format/crc32.js'
import { encodeModel } from '../../src/format/wd.js'
import { elements } from '../../src/graph/ir.js'
import { Tensor } from '../../src/tensor.js'
import { BRANCHES } from './branches.js'
import { GRAPHS, randomModel } from './models.js'

/** Tensor functions, constants, 8-bit levels and sparsity patterns. */
const golden = ['tensors-a', 'tensors-b', 'tensors-c', 'bytes-runs', 'patterns-a', 'patterns-c'].map((name) =>
  Uint8Array.from(readFileSync(new URL(`../format/golden/${name}.wd`, import.meta.url))),
)
const files = Object.values({ ...GRAPHS, ...BRANCHES })
  .map((graph, i) =>
    encodeModel(randomModel(graph, { seed: i, maxLevel: ([1, 3, 7, 127] as const)[i % 4], density: 0.3 })),
  )
  .concat(golden)

/** The bytes with a checksum that fits them: damage that only deeper checks can find. */
function sealed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true)
  return bytes
}

/** Loading and running either work or end in a coded error. */
async function survives(bytes: Uint8Array, options: SessionOptions): Promise<void> {
  try {
    const session = await InferenceSession.create(bytes, { ...options, maxMemory: 2 ** 25 })
    const feeds = Object.fromEntries(
      session.inputs.map(({ name, shape }) => [
        name,
        new Tensor('uint8', new Uint8Array(elements(shape)), [1, ...shape]),
      ]),
    )
    const results = await session.run(feeds)
    for (const { name, shape } of session.outputs) expect(results[name].size).toBe(elements(shape))
  } catch (error) {
    if (!(error instanceof WhiteDwarfError)) throw error
  }
}

describe('damaged files with a correct checksum', () => {
  it('load and run, or are refused with a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.constantFrom<SessionOptions>(
          { precision: 'int8' },
          { precision: 'fp8' },
          { precision: 'f32', batch: 2 },
          { precision: 'f32', kernels: 'dense', batch: 3 },
        ),
        async (file, changes, options) => {
          const bytes = file.slice()
          for (const [at, value] of changes) bytes[5 + (at % (bytes.length - 9))] = value
          await survives(sealed(bytes), options)
        },
      ),
      { numRuns: 1200 },
    )
  }, 60_000)

  it('are refused when the decoder has read ahead of their end', async () => {
    // Found by a longer run of the property above.
    const file = Uint8Array.from(
      Buffer.from(
        '5744012fd9715335ca7c6abc595e4dd5d800d66411b1a300b44106377401d326ff07d2727b9a1c7c1f00b96c672d11',
        'hex',
      ),
    )
    await expect(InferenceSession.create(sealed(file))).rejects.toMatchObject({ name: 'WhiteDwarfError' })
  })

  it('are refused when cut, flipped or extended without one', async () => {
    for (const file of files) {
      for (let n = 0; n < file.length; n += 7) {
        await expect(InferenceSession.create(file.subarray(0, n))).rejects.toMatchObject({ code: 'E_FORMAT' })
        const flipped = file.slice()
        flipped[n] ^= 1 << (n & 7)
        await expect(InferenceSession.create(flipped)).rejects.toMatchObject({ code: 'E_FORMAT' })
      }
      const longer = new Uint8Array(file.length + 1)
      longer.set(file)
      await expect(InferenceSession.create(longer)).rejects.toMatchObject({ code: 'E_FORMAT' })
    }
  })
})
