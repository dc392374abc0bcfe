/**
 * The demo: trains a network on MNIST, writes it to a file, loads the file again, and classifies all test images in
 * every precision, against the dense float32 run of the same network in the same process.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SessionOptions } from 'whitedwarf'
import { describeMachine } from './machine.js'
import { accuracy, fp32Bytes, images, loadMnist, timeVariants } from './models.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const path = (name: string) => relative(process.cwd(), `${root}${name}`)
const model = path('build/demo/mnist.wd')
const picture = path('build/demo/learning-curve.svg')

const VARIANTS: Record<string, SessionOptions> = {
  'sparse int8': { precision: 'int8' },
  'sparse fp8': { precision: 'fp8' },
  'sparse f32': { precision: 'f32' },
  'dense f32': { precision: 'f32', kernels: 'dense' },
}
const TIMED_IMAGES = 64

/** Trains through the command line, as a user would. */
function train(): boolean {
  mkdirSync(path('build/demo'), { recursive: true })
  const args = ['train', '--data', path('data/mnist'), '--preset', 'mnist-demo', '--out', model, '--svg', picture]
  console.log(`$ whitedwarf ${args.join(' ')}\n`)
  const { status } = spawnSync(process.execPath, [path('dist/cli/main.js'), ...args], { stdio: 'inherit' })
  return status === 0
}

async function classify(): Promise<void> {
  const bytes = readFileSync(model)
  const { test } = await loadMnist()
  const { measurements } = await timeVariants(bytes, images(test, TIMED_IMAGES), VARIANTS)
  const perImage = measurements.map((m) => m.medianNs / 1000 / TIMED_IMAGES)
  const dense = perImage[perImage.length - 1]

  const machine = describeMachine()
  console.log(`\n${model}, loaded again, on ${test.labels.length} test images; one thread, one image at a time`)
  console.log(`(${machine.cpu}, ${machine.runtime})\n`)
  console.log('kernels         right        time per image   against dense f32')
  for (const [i, [name, options]] of Object.entries(VARIANTS).entries()) {
    const right = await accuracy(bytes, test, options)
    const speed = `${(dense / perImage[i]).toFixed(1)} x`
    console.log(
      `${name.padEnd(14)}  ${right.toFixed(2)} %  ${perImage[i].toFixed(1).padStart(14)} µs  ${speed.padStart(18)}`,
    )
  }
  const dense32 = fp32Bytes(bytes)
  console.log(
    `\nfile: ${bytes.length} bytes, everything counted; as float32: ${dense32} bytes, ${(dense32 / bytes.length).toFixed(1)} times as much`,
  )
  console.log(`learning curve: ${picture}`)
}

if (train()) await classify()
else process.exitCode = 1
