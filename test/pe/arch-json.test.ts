/** Arrays as JSON: every field checked, presets, one parameter changed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WhiteDwarfError } from '../../src/errors.js'
import { type Arch, archs, parametersOf, parseArch, withParameter } from '../../src/pe.js'

const copy = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value))

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (e) {
    expect((e as WhiteDwarfError).code).toBe('E_OPTION')
    return (e as Error).message
  }
  throw new Error('no error came')
}

const count = fc.integer({ min: 1, max: 65536 })
const buffer = fc.record(
  { bytes: fc.integer({ min: 64, max: 2 ** 26 }), width: fc.integer({ min: 1, max: 8192 }), banks: count },
  { requiredKeys: ['bytes', 'width'] },
)
const energy = fc.tuple(...[0, 0, 0].map(() => fc.double({ min: 0, max: 100, noNaN: true }))).map((drawn) => {
  const [low, mid, high] = drawn.map(Math.abs).sort((a, b) => a - b)
  return { low, mid, high, unit: 'pJ/bit', evidence: 'inferred', source: 'drawn' } as const
})
const base = {
  name: fc.string({ minLength: 1, maxLength: 20 }),
  provenance: fc.constant('drawn'),
  tech: fc.record({
    node: fc.double({ min: 3, max: 250, noNaN: true }),
    voltage: fc.double({ min: 0.3, max: 3, noNaN: true }),
    frequency: fc.double({ min: 1, max: 10000, noNaN: true }),
    cell: fc.constantFrom('hp', 'lop', 'lstp'),
  }),
  buffers: fc.record(
    { weights: buffer, activations: buffer, outputs: buffer, index: buffer },
    { requiredKeys: ['weights', 'activations', 'outputs'] },
  ),
  dram: fc.record({ bandwidth: fc.integer({ min: 1, max: 1000 }), energy }, { requiredKeys: [] }),
  calibration: fc.double({ min: 0.001, max: 1000, noNaN: true }),
}
const needed = ['kind', 'name', 'provenance', 'tech', 'buffers'] as const
const small = fc.integer({ min: 1, max: 8 })
const skipping = fc.oneof(
  fc.constant({ kind: 'none' }),
  fc.record({ kind: fc.constant('n:m'), n: small, m: fc.integer({ min: 8, max: 16 }) }),
  fc.record({ kind: fc.constant('complementary'), factor: small, axis: fc.constantFrom('k', 'p', 'n') }),
  fc.record(
    { kind: fc.constant('periodic'), taps: small, period: small, kernel: fc.integer({ min: 2, max: 16 }) },
    { requiredKeys: ['kind', 'taps', 'period'] },
  ),
)
const systolic = {
  rows: count,
  columns: count,
  dataflow: fc.constantFrom('os', 'ws', 'is'),
  convention: fc.constantFrom('schedule', 'report', 'paper', 'v1', 'stonne'),
  skipping,
  bits: fc.record({ weights: small, activations: small }),
}
const gather = {
  groups: count,
  rows: count,
  lanes: count,
  window: fc.integer({ min: 1, max: 64 }),
  issue: small,
  planes: small,
  digits: fc.constantFrom('binary', 'signed'),
  queue: small,
  tile: count,
  tileBank: buffer,
  syncRows: small,
  syncGroups: small,
  order: fc.constantFrom('given', 'balanced'),
  accumulator: fc.integer({ min: 8, max: 48 }),
  reuse: small,
  format: fc.constantFrom('e4m3', 'e5m2'),
}
const blocks = {
  lanes: count,
  blockInputs: small,
  blockOutputs: small,
  ratio: fc.double({ min: 1, max: 64, noNaN: true }),
  weightBits: small,
  activationBits: small,
  bitsPerLane: small,
  select: small,
}
const serial = {
  design: fc.constantFrom('stripes', 'loom', 'pragmatic', 'laconic', 'bitfusion'),
  groups: count,
  lanes: count,
}
const pairs = { design: fc.constantFrom('scnn', 'eie', 'eyeriss-v2'), elements: count }
const ofKind = <F extends object>(kind: string, fields: F, more: object = {}) =>
  fc.record({ kind: fc.constant(kind), ...base, ...fields, ...more } as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [...needed, ...Object.keys(fields)],
  })
const arch = fc.oneof(
  ofKind('systolic', systolic),
  ofKind('gather', gather),
  ofKind('blocks', blocks),
  ofKind('serial', serial),
  ofKind('pairs', pairs, { fetch: fc.tuple(small, small), filters: small, queue: small }),
  fc.constantFrom<unknown>(...Object.values(archs)),
) as fc.Arbitrary<Arch>

describe('arrays from JSON', () => {
  it('are what they were, to JSON and back', () => {
    fc.assert(
      fc.property(arch, (given) => {
        expect(parseArch(copy(given))).toEqual(copy(given))
      }),
    )
  })

  it('need every field that is not optional, and know each by its path', () => {
    fc.assert(
      fc.property(arch, (given) => {
        for (const path of parametersOf(given.kind)) {
          const json = copy(given)
          const names = path.split('.')
          const last = names.pop() as string
          const at = names.reduce<Record<string, unknown> | undefined>(
            (of, name) => of?.[name] as Record<string, unknown> | undefined,
            json,
          )
          if (at?.[last] === undefined) continue
          const optional = /^(dram\.bandwidth|calibration|tileBandwidth|fetch|filters)$|banks$/.test(path)
          at[last] = {}
          expect(messageOf(() => parseArch(json))).toContain(`arch.${path}`)
          delete at[last]
          if (optional || (path === 'queue' && given.kind === 'pairs')) parseArch(json)
          else expect(messageOf(() => parseArch(json))).toContain(`arch.${path}`)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('are valid or refused, whatever comes', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(undefined, Number.NaN, Number.POSITIVE_INFINITY))
    const changes = fc.dictionary(
      fc.oneof(
        fc.constantFrom('lanes', 'tech', 'buffers', 'dram', 'kind', 'fetch', '__proto__', 'constructor'),
        fc.string(),
      ),
      anything,
      { maxKeys: 3 },
    )
    const given = fc.oneof(
      anything,
      changes,
      fc.tuple(fc.constantFrom(...Object.keys(archs)), changes).map(([preset, more]) => ({ ...more, preset })),
      fc.tuple(fc.constantFrom(...Object.values(archs)), changes).map(([arch, more]) => ({ ...arch, ...more })),
    )
    fc.assert(
      fc.property(given, (json) => {
        let read: Arch
        try {
          read = parseArch(json)
        } catch (e) {
          expect((e as WhiteDwarfError).code).toBe('E_OPTION')
          return
        }
        expect(parseArch(copy(read))).toEqual(read)
      }),
      { numRuns: 500 },
    )
    expect(messageOf(() => parseArch(JSON.parse('{"preset": "stripes", "__proto__": {"calibration": 2}}')))).toContain(
      '__proto__ is not known',
    )
  })

  it('are refused with the path, what it must be and what came', () => {
    const stripes = copy(archs.stripes)
    const changed = (change: object) => messageOf(() => parseArch({ ...stripes, ...change }))
    expect(changed({ lane: 3 })).toBe(
      'arch.lane is not known; fields there are kind, name, provenance, tech, buffers, dram, calibration, design, groups, lanes',
    )
    expect(changed({ lanes: 0 })).toBe('arch.lanes must be a whole number from 1 to 65536, got 0')
    expect(changed({ lanes: '16' })).toBe("arch.lanes must be a whole number from 1 to 65536, got '16'")
    expect(changed({ design: 'strips' })).toContain("arch.design must be one of 'stripes', 'loom'")
    expect(changed({ kind: 'cpu' })).toContain('arch.kind must be one of')
    expect(changed({ tech: { ...(stripes.tech as object), voltage: 12 } })).toBe(
      'arch.tech.voltage must be a number from 0.3 to 3, got 12',
    )
    expect(changed({ buffers: {} })).toBe('arch.buffers.weights must be an object, it is missing')
    expect(changed({ buffers: { weights: { bytes: -1, width: 8 } } })).toBe(
      'arch.buffers.weights.bytes must be a whole number from 64 to 67108864, got -1',
    )
    expect(messageOf(() => parseArch([], 'mine.json'))).toBe('mine.json: arch must be an object, got an array of 0')
    expect(messageOf(() => parseArch(null))).toBe('arch must be an object, got null')
    expect(messageOf(() => parseArch(JSON.parse('{"kind": "serial", "__proto__": {}}')))).toContain('__proto__')
    const energy = { low: 2, mid: 1, high: 3, unit: 'pJ/bit', evidence: 'inferred', source: 'here' }
    expect(changed({ dram: { energy } })).toBe('arch.dram.energy must have low <= mid <= high, got 2, 1, 3')
    const systolic = { ...stripes, kind: 'systolic', rows: 4, columns: 4, dataflow: 'os', convention: 'paper' }
    const { design, groups, lanes, ...rest } = systolic as Record<string, unknown>
    expect(messageOf(() => parseArch({ ...rest, skipping: { kind: 'none', n: 2 } }))).toContain('arch.skipping.n')
  })
})

describe('presets', () => {
  it('are valid, and tell what is published and what is not', () => {
    for (const [name, preset] of Object.entries(archs)) {
      expect(parseArch({ preset: name })).toEqual(preset)
      expect(parseArch(preset)).toEqual(preset)
      expect(preset.provenance).toMatch(/[Ii]nferred/)
    }
  })

  it('can be started from', () => {
    const faster = parseArch({ preset: 'stripes', groups: 64, tech: { voltage: 0.7 } })
    expect(faster).toEqual({
      ...archs.stripes,
      groups: 64,
      tech: { ...archs.stripes.tech, voltage: 0.7 },
      provenance: `${archs.stripes.provenance} Changed here: groups, tech.`,
    })
    expect(parseArch({ preset: 'stripes', name: 'mine', provenance: 'mine' })).toEqual({
      ...archs.stripes,
      name: 'mine',
      provenance: 'mine',
    })
    expect(messageOf(() => parseArch({ preset: 'strips' }, 'a.json'))).toContain("a.json: arch.preset must be one of '")
    expect(messageOf(() => parseArch({ preset: 'stripes', kind: 'pairs' }))).toBe(
      "arch.kind must be 'serial', got 'pairs'",
    )
    expect(messageOf(() => parseArch({ preset: 'stripes', queue: 4 }))).toContain('arch.queue is not known')
  })
})

describe('one parameter', () => {
  const stripes = archs.stripes

  it('is changed, everything else is not', () => {
    expect(withParameter(stripes, 'tech.voltage', 0.7)).toEqual({ ...stripes, tech: { ...stripes.tech, voltage: 0.7 } })
    expect(withParameter(stripes, 'calibration', 2)).toEqual({ ...stripes, calibration: 2 })
    expect(withParameter(stripes, 'dram.bandwidth', 64)).toEqual({ ...stripes, dram: { bandwidth: 64 } })
    expect(stripes.tech.voltage).toBe(1)
  })

  it('exists, and has a value that makes sense', () => {
    expect(messageOf(() => withParameter(stripes, 'tech.volts', 1))).toMatch(
      /^arch.tech.volts is not a parameter; parameters are tech.node, tech.voltage,.*buffers.weights.bytes.*lanes$/,
    )
    expect(messageOf(() => withParameter(stripes, 'lanes.x', 1))).toContain('arch.lanes.x is not a parameter')
    expect(messageOf(() => withParameter(stripes, '', 1))).toContain('is not a parameter')
    expect(messageOf(() => withParameter(stripes, 'constructor', 1))).toContain('is not a parameter')
    expect(messageOf(() => withParameter(stripes, 'lanes', 1.5))).toContain('arch.lanes must be a whole number')
    expect(messageOf(() => withParameter(stripes, 'buffers.index.bytes', 64))).toContain(
      'arch.buffers.index.width must be a whole number from 1 to 8192, it is missing',
    )
  })
})
