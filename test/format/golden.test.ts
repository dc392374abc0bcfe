/**
 * Files of format version 1, frozen: they must decode to the same levels and encode to the same bytes for ever.
 * New ones are written, and none overwritten, by
 *
 *     WHITEDWARF_GOLDEN=write npx vitest run test/format/golden.test.ts
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { decodeModel, encodeModel, type Mode, readWd } from '../../src/format.js'
import type { LevelTensor, Model } from '../../src/graph/model.js'
import { parsePattern } from '../../src/patterns/names.js'
import { misfit } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import {
  denseModel,
  FOLDED_CHAIN,
  foldedChain,
  foldedModel,
  randomGraph,
  randomLevels,
  randomModel,
  SMALL,
  tensorGraph,
} from './models.js'
import { FAMILIES, onPattern, withPatterns } from './patterned.js'

const FOLDER = new URL('./golden/', import.meta.url)
const HASHES = new URL('./golden/hashes.json', import.meta.url)

/** What JSON cannot say. */
const specialName = (value: number) => (value === 0 ? '-0' : String(value))

/** SHA-256 of everything that a model holds. */
function hashOf(model: Model): string {
  const text = JSON.stringify(model, (_, value) => {
    if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array)
    return typeof value === 'number' && (Object.is(value, -0) || !Number.isFinite(value)) ? specialName(value) : value
  })
  return createHash('sha256').update(text).digest('hex')
}

function examples(): Record<string, { model: Model; mode?: Mode }> {
  const network = (seed: number, later = false) => {
    const rng = new Rng(seed)
    return randomModel(rng, randomGraph(rng, later ? 20 : 12, later), SMALL)
  }
  const tensors = (seed: number) => {
    const rng = new Rng(seed)
    return randomModel(rng, tensorGraph(rng, 40))
  }
  const patterns = (seed: number) => {
    const rng = new Rng(seed)
    return withPatterns(rng, randomModel(rng, randomGraph(rng, 16), seed === 44 ? SMALL : undefined))
  }
  const consecutiveSeeds = () => {
    const model = foldedModel(foldedChain(), new Map())
    const tensors = Object.entries(model.tensors).map(([name, t], i): [string, LevelTensor] => {
      const pattern = parsePattern('cgs:2/2', 70 + i)
      return [name, misfit(pattern, t.shape) === undefined ? onPattern(new Rng(i), t, pattern) : t]
    })
    return { ...model, tensors: Object.fromEntries(tensors) }
  }
  return {
    'dense-context': { model: denseModel(40, 60, 3, randomLevels(new Rng(1), 2400, 3, 0.1)), mode: 'context' },
    'dense-runs': { model: denseModel(40, 60, 7, randomLevels(new Rng(2), 2400, 7, 0.1)), mode: 'runs' },
    'empty-runs': { model: denseModel(3, 9000, 1, new Int8Array(27000)), mode: 'runs' },
    'network-a': { model: network(11) },
    'network-b': { model: network(12) },
    'network-c': { model: network(13), mode: 'context' },
    'network-d': { model: network(14), mode: 'runs' },
    'later-a': { model: network(21, true) },
    'later-b': { model: network(22, true), mode: 'runs' },
    'later-c': { model: network(23, true), mode: 'context' },
    'bytes-runs': { model: denseModel(40, 60, 127, randomLevels(new Rng(3), 2400, 127, 0.3)), mode: 'runs' },
    'tensors-a': { model: tensors(31) },
    'tensors-b': { model: tensors(32) },
    'tensors-c': { model: tensors(33), mode: 'runs' },
    'patterns-a': { model: patterns(41) },
    'patterns-b': { model: patterns(42) },
    'patterns-c': { model: patterns(43), mode: 'runs' },
    'patterns-d': { model: patterns(44), mode: 'context' },
    'patterns-seeds': { model: consecutiveSeeds() },
    'folded-blocks': { model: foldedModel(foldedChain(), FOLDED_CHAIN) },
  }
}

if (process.env.WHITEDWARF_GOLDEN === 'write') {
  mkdirSync(FOLDER, { recursive: true })
  const hashes = existsSync(HASHES) ? JSON.parse(readFileSync(HASHES, 'utf8')) : {}
  for (const [name, { model, mode }] of Object.entries(examples())) {
    const file = new URL(`${name}.wd`, FOLDER)
    if (existsSync(file)) continue
    writeFileSync(file, encodeModel(model, mode === undefined ? {} : { mode }))
    hashes[name] = hashOf(model)
  }
  writeFileSync(HASHES, `${JSON.stringify(hashes, null, 2)}\n`)
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.wd'))
const hashes: Record<string, string> = JSON.parse(readFileSync(HASHES, 'utf8'))

it('there are golden files', () => {
  expect(files.map((file) => file.slice(0, -3)).sort()).toStrictEqual(Object.keys(hashes).sort())
  expect(files.length).toBeGreaterThanOrEqual(20)
})

it('they hold patterns of every family, packed and not', () => {
  const tensors = files.flatMap((file) => readWd(new Uint8Array(readFileSync(new URL(file, FOLDER)))).tensors)
  const families = tensors.flatMap(({ pattern }) =>
    pattern ? [pattern.kind === 'groups' ? pattern.axis : pattern.kind] : [],
  )
  expect([...new Set(families)].sort()).toEqual([...FAMILIES].sort())
  expect(new Set(tensors.flatMap((t) => (t.pattern ? [t.packed] : []))).size).toBe(2)
})

it.each(files)('%s', (file) => {
  const bytes = new Uint8Array(readFileSync(new URL(file, FOLDER)))
  const model = decodeModel(bytes)
  expect(hashOf(model)).toBe(hashes[file.slice(0, -3)])
  const modes = new Set(readWd(bytes).tensors.map((t) => t.mode))
  // Files with tensors of one mode were written in that mode; for others the encoder chose.
  const options = modes.size === 1 ? { mode: [...modes][0] } : {}
  expect(encodeModel(model, options)).toStrictEqual(bytes)
})
