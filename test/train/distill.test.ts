import { describe, expect, it } from 'vitest'
import { exportModel, predict, type Teacher, train } from '../../src/compress.js'
import { encodeModel } from '../../src/format.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { Rng } from '../../src/rng.js'
import { TrainMemory } from '../../src/train/memory.js'
import { base, bits, codeOf, small, squares } from './data.js'
import { derivative } from './plain.js'

const softmax = (z: readonly number[]): number[] => {
  const powers = z.map((v) => Math.exp(v - Math.max(...z)))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((p) => p / sum)
}

describe('distillation loss', () => {
  it('is the formula, and its gradient the formula’s derivative', async () => {
    const mem = await TrainMemory.create()
    const rng = new Rng(2)
    const [classes, n] = [5, 6]
    const { z, teacher, dz } = { z: mem.words(30), teacher: mem.words(30), dz: mem.words(30) }
    const [labels, out] = [mem.bytes(n), mem.bytes(16)]
    const scores = Float64Array.from({ length: 30 }, () => Math.fround(2 * rng.normal()))
    const wanted = Float64Array.from({ length: 30 }, () => Math.fround(2 * rng.normal()))
    mem.u8(labels, n).set(Uint8Array.from({ length: n }, () => rng.below(classes)))
    for (const [smoothing, alpha, T] of [
      [0, 1, 3],
      [0.1, 0.3, 2],
      [0.05, 0, 4],
    ]) {
      mem.f32(z, 30).set(scores)
      mem.f32(teacher, 30).set(wanted)
      mem.kernels.distill_loss_f32(z, teacher, dz, labels, classes, n, n, smoothing, alpha, T, out)
      const column = (a: Float64Array, i: number, t: number) =>
        softmax(Array.from({ length: classes }, (_, c) => a[c * n + i] / t))
      const loss = () => {
        let sum = 0
        for (let i = 0; i < n; i++) {
          const [p, q, P] = [column(scores, i, 1), column(scores, i, T), column(wanted, i, T)]
          for (let c = 0; c < classes; c++) {
            const target = (c === mem.u8(labels, n)[i] ? 1 - smoothing : 0) + smoothing / classes
            sum -= (1 - alpha) * target * Math.log(p[c])
            sum += alpha * T * T * P[c] * Math.log(P[c] / q[c])
          }
        }
        return sum / n
      }
      expect(mem.f64(out, 1)[0] / n).toBeCloseTo(loss(), 6)
      const slopes = mem.f32(dz, 30).slice()
      derivative(scores, loss).forEach((slope, i) => {
        expect(slopes[i]).toBeCloseTo(slope, 6)
      })
    }
  })
})

describe('training with a teacher', () => {
  const data = squares(512)
  const dense = () => train({ ...base(), train: data, supermask: 'none', learningRate: 0.1, epochs: 6, test: data })

  it('a dense network learns, tells its scores, and is not exported', async () => {
    const teacher = await dense()
    expect(teacher.testAccuracy).toBeGreaterThan(0.97)
    expect(teacher.tensors).toEqual({})
    expect(Object.keys(teacher.weights ?? {})).toEqual(['conv1', 'fc1'])
    const scores = await predict(teacher, data)
    let right = 0
    data.labels.forEach((label, i) => {
      const row = scores.subarray(4 * i, 4 * i + 4)
      if (row.indexOf(Math.max(...row)) === label) right++
    })
    expect(right / data.labels.length).toBe(teacher.testAccuracy)
    await expect(exportModel(teacher, { calibration: data })).rejects.toMatchObject({
      code: 'E_OPTION',
      message: expect.stringMatching(/no levels/),
    })
  })

  it('learns from scores alone, without a single right label', async () => {
    const teacher = await predict(await dense(), data)
    const unlabelled = { ...data, labels: new Uint8Array(data.labels.length) }
    const student = await train({
      ...base(),
      train: unlabelled,
      test: data,
      epochs: 6,
      distill: { teacher, alpha: 1, temperature: 2 },
    })
    expect(student.testAccuracy).toBeGreaterThan(0.95)
  })

  it('gives the same bits for scores found before and by a function, when images are not augmented', async () => {
    const trained = await dense()
    const teacher = await predict(trained, data)
    const size = 64
    const known = new Map<string, Float32Array>()
    for (let i = 0; i < data.labels.length; i++) {
      known.set(data.images.subarray(i * size, (i + 1) * size).join(), teacher.subarray(4 * i, 4 * i + 4))
    }
    const lookUp: Teacher = async (images, count) => {
      const scores = new Float32Array(4 * count)
      for (let i = 0; i < count; i++) {
        const image = Array.from(images.subarray(i * size, (i + 1) * size), (v) => Math.round(v))
        scores.set(known.get(image.join()) as Float32Array, 4 * i)
      }
      return scores
    }
    const options = { ...base(), graph: small(), train: data }
    const before = await train({ ...options, distill: { teacher } })
    expect(bits(await train({ ...options, distill: { teacher: lookUp } }))).toBe(bits(before))
    expect(bits(await train(options))).not.toBe(bits(before))
    expect(bits(await train({ ...options, distill: { teacher, alpha: 0 } }))).toBe(bits(await train(options)))
  })

  it('takes a session as it is: raw pixels in, scores out', async () => {
    const trained = await train({ ...base(), train: data, epochs: 6 })
    const session = await InferenceSession.create(encodeModel(await exportModel(trained, { calibration: data })), {
      precision: 'f32',
      batch: 32,
    })
    const teacher: Teacher = async (images, count) => {
      const feeds = { image: new Tensor('float32', images, [count, 1, 8, 8]) }
      return Object.values(await session.run(feeds))[0].data
    }
    const unlabelled = { ...data, labels: new Uint8Array(data.labels.length) }
    const distill = { teacher, alpha: 1, temperature: 2 }
    const student = await train({ ...base(), train: unlabelled, test: data, epochs: 6, augment: { shift: 1 }, distill })
    session.dispose()
    expect(student.testAccuracy).toBeGreaterThan(0.95)
  })

  it('refuses scores that do not fit', async () => {
    const bad = (teacher: Float32Array | Teacher) => codeOf(train({ ...base(), train: data, distill: { teacher } }))
    expect(await bad(new Float32Array(512 * 3))).toBe('E_DATA')
    expect(await bad(new Float32Array(512 * 4).fill(Number.NaN))).toBe('E_DATA')
    expect(await bad(() => new Float32Array(5))).toBe('E_DATA')
    expect(await bad(() => [] as unknown as Float32Array)).toBe('E_DATA')
    expect(await codeOf(predict(await dense(), data, { signal: AbortSignal.abort() }))).toBe('E_ABORTED')
  })
})
