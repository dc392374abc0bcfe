import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Block, placeBlocks } from '../../src/engine/placement.js'
import type { Plan } from '../../src/engine/plan.js'
import { encodeModel } from '../../src/format/wd.js'
import { elements, type Graph } from '../../src/graph/ir.js'
import { InferenceSession, type SessionOptions } from '../../src/index.js'
import { Rng } from '../../src/rng.js'
import { Tensor } from '../../src/tensor.js'
import { BRANCHES, Net, randomBlocks } from './branches.js'
import { GRAPHS, randomModel } from './models.js'

/** While false, every block gets memory of its own. */
const sharing = vi.hoisted(() => ({ on: true }))

vi.mock('../../src/engine/placement.js', async (original) => {
  const { placeBlocks } = await original<typeof import('../../src/engine/placement.js')>()
  const forEver = (blocks: readonly Block[]) => blocks.map((b) => ({ ...b, first: 0, last: Infinity }))
  return { placeBlocks: (blocks: readonly Block[]) => placeBlocks(sharing.on ? blocks : forEver(blocks)) }
})

afterEach(() => {
  sharing.on = true
})

async function open(bytes: Uint8Array, options: SessionOptions, shared = true): Promise<InferenceSession> {
  sharing.on = shared
  return InferenceSession.create(bytes, options)
}

const planOf = (session: InferenceSession) => (session as unknown as { state: { plan: Plan } }).state.plan

/** All that breaks the plan's promise: blocks that are needed at the same time and overlap, or overlap with other borders. */
function conflicts({ blocks }: Plan): string[] {
  const found: string[] = []
  for (const [i, a] of blocks.entries()) {
    for (const b of blocks.slice(0, i)) {
      const together = a.first <= b.last && b.first <= a.last
      const apart = a.address + a.bytes <= b.address || b.address + b.bytes <= a.address
      if (!apart && (together || a.border !== b.border)) found.push(`${a.name} and ${b.name}`)
    }
  }
  return found
}

const total = ({ blocks }: Plan) => {
  const ends = blocks.map((b) => b.address + b.bytes)
  return Math.max(...ends) - Math.min(...blocks.map((b) => b.address))
}

const pixels = (graph: Graph, images: number, seed: number) => {
  const { shape } = graph.inputs[0]
  const rng = new Rng(seed)
  const data = Uint8Array.from({ length: images * elements(shape) }, () => rng.below(256))
  return { image: new Tensor('uint8', data, [images, ...shape]) }
}

async function outputs(session: InferenceSession, feeds: Record<string, Tensor>): Promise<number[][]> {
  const results = await session.run(feeds)
  return Object.values(results).map((t) => Array.from(t.data))
}

describe('placing blocks', () => {
  const block = fc.record({
    bytes: fc.integer({ min: 1, max: 50 }),
    first: fc.integer({ min: 0, max: 20 }),
    length: fc.integer({ min: 0, max: 20 }),
  })
  const blocksOf = (list: { bytes: number; first: number; length: number }[]) =>
    list.map(({ bytes, first, length }, i) => ({ name: `${i}`, bytes, first, last: first + length, border: '' }))

  it('keeps those apart that are needed at the same time, and takes no more than all together', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 40 }), (list) => {
        const blocks = blocksOf(list)
        const { offsets, bytes } = placeBlocks(blocks)
        const placed = blocks.map((b, i) => ({ ...b, address: offsets[i] }))
        expect(conflicts({ blocks: placed } as unknown as Plan)).toEqual([])
        expect(bytes).toBe(Math.max(0, ...placed.map((b) => b.address + b.bytes)))
        expect(bytes).toBeLessThanOrEqual(blocks.reduce((sum, b) => sum + b.bytes, 0))
      }),
    )
  })

  it('reuses what is over: a chain takes its two largest neighbours', () => {
    const blocks = [6, 3, 5, 2, 4].map((bytes, i) => ({ name: `${i}`, bytes, first: i, last: i + 1, border: '' }))
    expect(placeBlocks(blocks).bytes).toBe(9)
  })

  it('fills gaps', () => {
    const lives = [
      { bytes: 4, first: 0, last: 1 },
      { bytes: 8, first: 0, last: 9 },
      { bytes: 3, first: 2, last: 9 },
    ]
    const { offsets, bytes } = placeBlocks(lives.map((b, i) => ({ ...b, name: `${i}`, border: '' })))
    expect(offsets).toEqual([8, 0, 8])
    expect(bytes).toBe(12)
  })

  it('takes thousands of blocks without searching for ever', () => {
    const blocks = Array.from({ length: 60_000 }, (_, i) => ({
      name: `${i}`,
      bytes: 1 + (i % 100),
      first: i,
      last: i + 30_000,
      border: '',
    }))
    const begin = performance.now()
    const { offsets, bytes } = placeBlocks(blocks)
    expect(performance.now() - begin).toBeLessThan(20_000)
    expect(new Set(offsets).size).toBeGreaterThan(50_000)
    expect(bytes).toBeLessThanOrEqual(blocks.reduce((sum, b) => sum + b.bytes, 0))
  })
})

const OPTIONS: readonly SessionOptions[] = [
  { precision: 'int8' },
  { precision: 'fp8' },
  { precision: 'f32' },
  { precision: 'f32', kernels: 'dense' },
  { precision: 'int8', batch: 3 },
  { precision: 'f32', batch: 4 },
]

describe.each(Object.entries({ ...GRAPHS, ...BRANCHES }))('%s', (_, graph) => {
  const bytes = encodeModel(randomModel(graph, { seed: 7, maxLevel: 3, density: 0.4 }))

  it.each(OPTIONS)('gives the same bits with and without shared memory, run after run: %o', async (options) => {
    const shared = await open(bytes, options)
    const apart = await open(bytes, options, false)
    expect(conflicts(planOf(shared))).toEqual([])
    expect(conflicts(planOf(apart))).toEqual([])
    for (const [seed, images] of [
      [1, 5],
      [2, 1],
      [3, 4],
      [1, 5],
    ]) {
      const feeds = pixels(graph, images, seed)
      expect(await outputs(shared, feeds)).toEqual(await outputs(apart, feeds))
    }
  })
})

describe('random sequences of blocks', () => {
  it('give the same bits with and without shared memory, and share some', async () => {
    let [shared, apart] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom(...OPTIONS), async (seed, options) => {
        const rng = new Rng(seed)
        const graph = randomBlocks(rng)
        const maxLevel = ([1, 3, 7, 127] as const)[rng.below(4)]
        const bytes = encodeModel(randomModel(graph, { seed, maxLevel, density: rng.float() }))
        const one = await open(bytes, options)
        const other = await open(bytes, options, false)
        expect(conflicts(planOf(one))).toEqual([])
        shared += total(planOf(one))
        apart += total(planOf(other))
        for (const images of [2, 5, 1]) {
          const feeds = pixels(graph, images, seed + images)
          expect(await outputs(one, feeds)).toEqual(await outputs(other, feeds))
        }
      }),
      { numRuns: 60 },
    )
    expect(shared).toBeLessThan(0.8 * apart)
  }, 60_000)
})

describe('a deep network', () => {
  const deep = (blocks: number) => {
    const net = new Net([3, 16, 16])
    let x = net.plain('relu', net.conv('image', 8, 3))
    for (let i = 0; i < blocks; i++) x = net.block(x, 8)
    return encodeModel(randomModel(net.head(x, 4), { seed: 1, maxLevel: 1, density: 0.1 }))
  }

  it('needs memory for a few values only, however many blocks it has', async () => {
    const [few, many] = await Promise.all([4, 24].map((blocks) => open(deep(blocks), {})))
    expect(total(planOf(many))).toBe(total(planOf(few)))
  })
})
