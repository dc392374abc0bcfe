// Packs a selection of ONNX's conformance tests into test/fixtures/onnx-node/tests.json.gz: of the node tests that pass, all small
// ones, and the smallest of each operator.
//
//   ONNX_TESTS=FOLDER node scripts/onnx-fixture.mjs      after a build; FOLDER: a checkout of https://github.com/onnx/onnx
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { operatorOf, readTests, runTest, testBytes } from '../build/bench/onnx-tests.js'

const SMALL = 1500
/** No operator needs larger ones, but Mish, whose only test has 80 kB and whose function body is tested in small. */
const LARGEST = 30_000

const passed = []
for (const test of readTests(process.env.ONNX_TESTS, ['node'])) {
  if (testBytes(test) <= LARGEST && (await runTest(test)).kind === 'passed') passed.push(test)
}
const smallest = new Map()
for (const test of passed) {
  const operator = operatorOf(test)
  const known = smallest.get(operator)
  if (known === undefined || testBytes(test) < testBytes(known)) smallest.set(operator, test)
}
const chosen = passed.filter((test) => testBytes(test) < SMALL || smallest.get(operatorOf(test)) === test)
const base64 = (files) => files.map((bytes) => Buffer.from(bytes).toString('base64'))
const packed = chosen.map(({ name, model, sets }) => ({
  name,
  model: base64([model])[0],
  sets: sets.map(({ inputs, outputs }) => ({ inputs: base64(inputs), outputs: base64(outputs) })),
}))
const file = gzipSync(JSON.stringify(packed), { level: 9 })
writeFileSync(new URL('../test/fixtures/onnx-node/tests.json.gz', import.meta.url), file)
console.log(`${chosen.length} tests of ${smallest.size} operators, ${file.length} bytes`)
