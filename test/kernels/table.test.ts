import { describe, expect, it } from 'vitest'
import { kernelTable } from '../../src/kernels/table.js'
import { builds } from './harness.js'

describe.each(['core', 'tensor', 'train', 'pe'] as const)('the kernel table and the %s module', (module) => {
  it.each(builds(module))('list the same kernels ($build build)', ({ exports }) => {
    // The loader adds helpers of its own, all with a leading underscore.
    const functions = Object.keys(exports).filter(
      (name) => typeof exports[name] === 'function' && !name.startsWith('_'),
    )
    const rows = kernelTable.filter((row) => row.module === module).map((row) => row.name)
    expect(functions.sort()).toEqual(rows.sort())
  })

  it('names and describes every kernel once', () => {
    const rows = kernelTable.filter((row) => row.module === module)
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length)
    for (const row of rows) {
      expect(row.formula.length, row.name).toBeGreaterThan(3)
      expect(row.contract.length, row.name).toBeGreaterThan(10)
      // One parameter of the reference for each of the kernel, after the memory.
      expect(row.reference.length, row.name).toBeLessThanOrEqual(row.params.length + 1)
    }
  })
})
