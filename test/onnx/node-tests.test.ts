/** ONNX's own conformance tests, a selection of them (test/fixtures/onnx-node), through the engine. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { operatorOf, runTest, unpackTests } from '../../bench/onnx-tests.js'

const tests = unpackTests(readFileSync(new URL('../fixtures/onnx-node/tests.json.gz', import.meta.url)))
const about = (test: (typeof tests)[number]) => operatorOf(test) ?? 'several nodes'
const operators = [...new Set(tests.map(about))].sort()

describe('conformance', () => {
  it('has tests of all kinds', () => {
    expect(tests.length).toBeGreaterThan(600)
    expect(operators.length).toBeGreaterThan(85)
  })

  it.each(operators)('%s', async (operator) => {
    for (const test of tests.filter((t) => about(t) === operator)) {
      expect([test.name, await runTest(test)]).toEqual([test.name, { kind: 'passed' }])
    }
  })
})
