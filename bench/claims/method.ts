/** Coats, folding and signs compared at the same number of bytes: one sweep of the command line. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cifar10Folder, inRepository } from '../models.js'
import type { Claim, Detail } from './claim.js'

const RECIPE = {
  arch: 'resnet20:8,16,32 resnet20:8,16,32/fold=all',
  coats: '1,3,7',
  signs: 'learned,7',
  budget: '8kB',
  epochs: '8',
  lr: '0.4',
  warmup: '0.02',
  ramp: '0.4',
  'ramp-shape': 'cubic',
  'label-smoothing': '0',
  shift: '4',
}

/** What the claim uses of a result of `whitedwarf sweep --json`. */
interface SweepResult {
  readonly point: { readonly arch: string; readonly coats: string; readonly signs: string }
  readonly weights: number
  readonly nonZeros: number
  readonly bytes: number
  readonly accuracy: number
}

const table: Claim = {
  name: 'method-table',
  title:
    'CIFAR-10, ResNet-20 of 8, 16 and 32 channels in 8 kB after 8 epochs: 1, 3 or 7 coats, folded or not, signs seeded or learned; the best of the 12, all test images, int8',
  unit: '%',
  bar: { op: '>=', value: 74 },
  also: [{ figure: 'mostBytes', unit: 'bytes', bar: { op: '<=', value: 8000 } }],
  minutes: 90,
  async measure(onProgress) {
    const options = Object.entries(RECIPE).flatMap(([name, value]) => [`--${name}`, value])
    // An interrupted measurement goes on where it stopped.
    const results = inRepository('build/method-table.jsonl')
    const out = ['--out', results, '--workers', 'auto', '--json']
    const args = ['sweep', '--data', cifar10Folder(), ...options, '--flip', '--normalise', ...out]
    const points = JSON.parse(await commandLine(args, onProgress)) as SweepResult[]
    // The next one begins afresh.
    rmSync(results)
    const percent = (share: number) => Number((100 * share).toFixed(2))
    return {
      value: percent(Math.max(...points.map((r) => r.accuracy))),
      details: {
        command: `whitedwarf ${['sweep', '--data', 'CIFAR', ...options, '--flip', '--normalise'].join(' ')}`,
        mostBytes: Math.max(...points.map((r) => r.bytes)),
        rows: points.map(
          ({ point, weights, nonZeros, bytes, accuracy }): Detail => ({
            coats: Number(point.coats),
            folded: point.arch.includes('fold') ? 'yes' : 'no',
            signs: point.signs === 'learned' ? 'learned' : 'seeded',
            weights,
            density: percent(nonZeros / weights),
            bytes,
            accuracy: percent(accuracy),
          }),
        ),
      },
    }
  },
}

/** Standard output of the command line; its standard error, line by line, is progress. */
function commandLine(args: readonly string[], onProgress: (line: string) => void): Promise<string> {
  const child = spawn(process.execPath, [inRepository('dist/cli/main.js'), ...args])
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = text
    for (const line of text.split('\n')) if (line.trim() !== '') onProgress(line.trim())
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve(output)
      else reject(new Error(`whitedwarf ${args[0]} failed: ${errors.trim()}`))
    })
  })
}

export const methodClaims: readonly Claim[] = [table]
