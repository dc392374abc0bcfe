/** whitedwarf train: interrupted, continued, taught. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkpointInfo } from '../../src/compress.js'
import { decodeModel } from '../../src/format.js'
import { parsePattern, violation } from '../../src/patterns.js'
import { cli, main, root } from './run-cli.js'

const work = mkdtempSync(join(tmpdir(), 'whitedwarf-train-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

const args = (out: string, ...more: string[]) => [
  'train',
  '--data',
  'data/mnist',
  '--arch',
  'mlp:16',
  '--limit',
  '2000',
  '--out',
  join(work, out),
  ...more,
]

const events = (log: string) =>
  readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('--budget', () => {
  it('is what the file takes at most, and nearly', () => {
    const recipe = ['--epochs', '2', '--coats', '3', '--bits', '6', '--budget', '2kB', '--json']
    const { status, stdout } = cli(args('budget.wd', ...recipe))
    expect(status).toBe(0)
    const bytes = readFileSync(join(work, 'budget.wd')).length
    expect(bytes).toBeLessThanOrEqual(2000)
    expect(bytes).toBeGreaterThan(0.98 * 2000)
    expect(JSON.parse(stdout).bytes).toBe(bytes)
  })

  it('goes on from a checkpoint to the same file', { timeout: 120_000 }, () => {
    const recipe = ['--budget', '1500', '--bits', '5', '--checkpoint', join(work, 'b.wdcp'), '--epochs', '3']
    expect(cli(args('one.wd', ...recipe)).status).toBe(0)
    expect(cli(args('two.wd', ...recipe, '--resume')).status).toBe(0)
    expect(readFileSync(join(work, 'two.wd')).equals(readFileSync(join(work, 'one.wd')))).toBe(true)
  })

  it.each([
    ['64k', /a size must be like/],
    ['20', /a budget of 20 bytes is too small/],
  ])('%s is refused', (budget, message) => {
    const { status, stderr } = cli(args('none.wd', '--epochs', '1', '--budget', budget))
    expect(status).not.toBe(0)
    expect(stderr).toMatch(message)
    expect(existsSync(join(work, 'none.wd'))).toBe(false)
  })
})

describe('--pattern', () => {
  it('is what the levels keep to, and what the summary says', () => {
    const recipe = ['--epochs', '1', '--coats', '3', '--pattern', 'cgs:7/4', '--pattern-layers', 'fc1']
    const { status, stdout } = cli(args('pattern.wd', ...recipe))
    expect(status).toBe(0)
    expect(stdout).toContain('pattern cgs:7/4 in 1 of 2 layers')
    const { shape, levels } = decodeModel(readFileSync(join(work, 'pattern.wd'))).tensors.fc1
    expect(violation(parsePattern('cgs:7/4'), shape, levels)).toBeUndefined()
    expect(levels.filter((l) => l !== 0).length).toBe((784 * 16) / 4)
  })

  it.each([
    [['--pattern', '5:4'], /pattern\.keep must be a whole number from 1 to 3, got 5/],
    [['--pattern', 'stripes'], /a pattern is called like '2:4'.*got 'stripes'/],
    [['--pattern', 'PS4_P4'], /does not fit any layer/],
    [['--evolve', 'transfer'], /--evolve needs --pattern/],
    [['--mine'], /--mine needs --pattern/],
    [['--pattern', 'cgs:7/4', '--mine'], /mine must be false but for periodic patterns/],
  ])('%s is refused', (recipe, message) => {
    const { status, stderr } = cli(args('none.wd', '--epochs', '1', ...recipe))
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(existsSync(join(work, 'none.wd'))).toBe(false)
  })
})

describe('checkpoints', () => {
  const checkpoint = join(work, 'c.wdcp')
  const log = join(work, 'l.jsonl')

  it('an interrupted training continues, to the same file and with every event once', {
    timeout: 120_000,
  }, async () => {
    const recipe = ['--epochs', '40', '--test-every', '20', '--ema', '0.99']
    expect(cli(args('whole.wd', ...recipe, '--log', join(work, 'whole.jsonl'))).status).toBe(0)
    const part = args('part.wd', ...recipe, '--checkpoint', checkpoint, '--log', log)
    const child = spawn(process.execPath, [main, ...part], { cwd: root })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // In the middle: as soon as the first epoch is in the log.
    const watch = setInterval(() => {
      if (!existsSync(log) || !readFileSync(log, 'utf8').includes('"epoch":4')) return
      clearInterval(watch)
      child.kill('SIGTERM')
    }, 5)
    const status = await new Promise((resolve) => child.on('exit', resolve))
    expect(status).toBe(130)
    expect(stderr).toContain('--resume continues it')
    expect(existsSync(join(work, 'part.wd'))).toBe(false)
    const { step } = checkpointInfo(readFileSync(checkpoint))
    expect(step).toBeGreaterThan(0)
    expect(step).toBeLessThan(600)

    expect(cli(part)).toMatchObject({ status: 2, stderr: expect.stringMatching(/exists: continue it with --resume/) })
    expect(cli([...part, '--resume']).status).toBe(0)
    expect(readFileSync(join(work, 'part.wd')).equals(readFileSync(join(work, 'whole.wd')))).toBe(true)
    const known = (all: ReturnType<typeof events>) =>
      all.map(({ imagesPerSecond: _, secondsLeft: __, ...event }) => event)
    expect(known(events(log))).toEqual(known(events(join(work, 'whole.jsonl'))))
  })

  it('of a training that is done writes the model again', () => {
    const again = args('again.wd', '--epochs', '40', '--ema', '0.99', '--checkpoint', checkpoint, '--resume')
    expect(cli(again).status).toBe(0)
    expect(readFileSync(join(work, 'again.wd')).equals(readFileSync(join(work, 'whole.wd')))).toBe(true)
  })

  it('--resume starts when there is no checkpoint yet', () => {
    const first = args('first.wd', '--epochs', '1', '--checkpoint', join(work, 'first.wdcp'), '--resume')
    expect(cli(first).status).toBe(0)
    expect(checkpointInfo(readFileSync(join(work, 'first.wdcp'))).step).toBe(15)
  })

  it('wrong use and wrong files leave log and checkpoint as they are', () => {
    const before = [readFileSync(checkpoint), readFileSync(log)]
    const resume = ['--checkpoint', checkpoint, '--log', log, '--resume']
    expect(cli(args('x.wd', '--resume'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/needs --checkpoint/),
    })
    expect(cli(args('x.wd', '--epochs', '7', ...resume))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/with epochs 40, not 7/),
    })
    expect([readFileSync(checkpoint), readFileSync(log)]).toEqual(before)
    const damaged = join(work, 'damaged.wdcp')
    writeFileSync(damaged, before[0].subarray(0, 1000))
    expect(cli(args('x.wd', '--checkpoint', damaged, '--resume'))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/E_FORMAT: the checkpoint is damaged/),
    })
    expect(existsSync(join(work, 'x.wd'))).toBe(false)
  })
})

describe('workers', () => {
  it('give the same file, and may continue for each other', () => {
    const recipe = ['--epochs', '2', '--quiet']
    const checkpoint = ['--checkpoint', join(work, 'w.wdcp'), '--resume']
    expect(cli(args('one.wd', ...recipe)).status).toBe(0)
    expect(cli(args('two.wd', ...recipe, '--workers', '2', ...checkpoint)).status).toBe(0)
    expect(cli(args('all.wd', ...recipe, '--workers', 'auto', ...checkpoint)).status).toBe(0)
    const [one, two, all] = ['one.wd', 'two.wd', 'all.wd'].map((name) => readFileSync(join(work, name)))
    expect(two.equals(one)).toBe(true)
    expect(all.equals(one)).toBe(true)
    expect(cli(args('x.wd', '--workers', '0'))).toMatchObject({ status: 2, stderr: expect.stringMatching(/--workers/) })
  })
})

describe('a teacher', () => {
  it('changes what is learned', () => {
    const recipe = ['--epochs', '2', '--quiet']
    const taught = ['--teacher', 'models/mnist-lenet.wd', '--alpha', '0.9', '--temperature', '3']
    expect(cli(args('untaught.wd', ...recipe)).status).toBe(0)
    expect(cli(args('taught.wd', ...recipe, ...taught)).status).toBe(0)
    const [one, other] = ['untaught.wd', 'taught.wd'].map((name) => readFileSync(join(work, name)))
    expect(one.equals(other)).toBe(false)
  })

  it('that is missing or of another kind is refused', () => {
    expect(cli(args('x.wd', '--alpha', '0.5'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/need --teacher/),
    })
    const missing = cli(args('x.wd', '--teacher', join(work, 'none.wd')))
    expect(missing).toMatchObject({ status: 1, stderr: expect.stringMatching(/E_IO: cannot read teacher/) })
  })
})

describe('the recipe', () => {
  it('reaches the training: optimiser, schedule, ramp, averages', () => {
    const log = join(work, 'recipe.jsonl')
    const recipe =
      '--optimiser adamw --lr 0.02 --schedule linear --warmup 0.1 --ramp-shape cubic --ramp 0.5 --clip 1 --norm-rate 2'
    expect(cli(args('r.wd', '--epochs', '4', ...recipe.split(' '), '--density', '0.2', '--log', log)).status).toBe(0)
    const all = events(log)
    for (const { step, steps, learningRate, density } of all) {
      const progress = (step - 1) / steps
      expect(learningRate).toBeCloseTo(progress < 0.1 ? 0.2 * progress : (0.02 * (1 - progress)) / 0.9, 9)
      // Thresholds are chosen every ten steps, and scores go on moving. A linear ramp would be further away.
      const chosen = (10 * Math.floor((step - 1) / 10)) / steps
      const wanted = chosen < 0.5 ? 0.2 + 0.8 * (1 - 2 * chosen) ** 3 : 0.2
      expect(Math.abs(density - wanted), `step ${step}`).toBeLessThan(0.15)
    }
    expect(all.at(-1).density).toBeCloseTo(0.2, 3)
    expect(all.at(-1).trainAccuracy).toBeGreaterThan(0.3)
  })
})
