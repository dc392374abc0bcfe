/** What networks answer, as people and programs read it. */
import { readFileSync } from 'node:fs'
import { WhiteDwarfError } from '../errors.js'
import type { InferenceSession, Tensor } from '../index.js'
import { probabilities } from './classify.js'
import { reason } from './files.js'
import { percent, plainTable } from './text.js'

/** One of the classes with the highest scores. */
export interface Guess {
  readonly class: number
  readonly label?: string
  readonly score: number
  readonly probability: number
}

export interface Answer {
  /** What was fed. */
  readonly input: string
  /** The likeliest classes, of a classifier. */
  readonly top?: readonly Guess[]
  readonly outputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>
}

/** Whether a network's only result is a row of scores. */
export const isClassifier = ({ outputs }: InferenceSession): boolean =>
  outputs.length === 1 && outputs[0].shape.filter((d) => d > 1).length === 1

/** The lines of a file. @throws WhiteDwarfError E_IO */
export function readLabels(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split(/\r?\n/)
  } catch (cause) {
    throw new WhiteDwarfError('E_IO', `cannot read labels '${path}': ${reason(cause)}`, { cause })
  }
}

/**
 * The results of a run, example by example.
 * @param top so many classes; 0: raw results alone
 * @throws WhiteDwarfError E_SHAPE when there are not as many labels as classes
 */
export function answersOf(
  results: Readonly<Record<string, Tensor>>,
  names: readonly string[],
  top: number,
  labels?: readonly string[],
): Answer[] {
  return names.map((input, i) => {
    const outputs = Object.entries(results).map(([name, { data, dims }]) => {
      const shape = dims.slice(1)
      const size = shape.reduce((a, b) => a * b, 1)
      return [name, { shape, values: Array.from(data.subarray(i * size, (i + 1) * size)) }] as const
    })
    const answer = { input, outputs: Object.fromEntries(outputs) }
    return top === 0 ? answer : { ...answer, top: guesses(outputs[0][1].values, top, labels) }
  })
}

function guesses(scores: readonly number[], top: number, labels: readonly string[] | undefined): Guess[] {
  if (labels !== undefined && labels.length !== scores.length) {
    throw new WhiteDwarfError('E_SHAPE', `${labels.length} labels for ${scores.length} classes: one a line is needed`)
  }
  const sum = scores.reduce((a, b) => a + b, 0)
  const already = scores.every((s) => s >= 0) && Math.abs(sum - 1) < 1e-3
  const chances = already ? scores : probabilities(Float32Array.from(scores))
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b)
  return order.slice(0, top).map((i) => ({
    class: i,
    ...(labels !== undefined && { label: labels[i] }),
    score: scores[i],
    probability: chances[i],
  }))
}

/** Values of a raw result that are printed. */
const FIRST = 6

const short = (value: number) => value.toPrecision(4)

export function answerTable(answers: readonly Answer[]): string {
  return answers.some((a) => a.top !== undefined) ? classTable(answers) : rawTable(answers)
}

function classTable(answers: readonly Answer[]): string {
  const labelled = answers[0].top?.[0].label !== undefined
  const header = ['  input', 'class', ...(labelled ? ['label'] : []), 'score', 'probability']
  const rows = answers.flatMap(({ input, top = [] }) =>
    top.map((g, i) => [
      i === 0 ? `  ${input}` : '',
      `${g.class}`,
      ...(labelled ? [g.label ?? ''] : []),
      short(g.score),
      percent(g.probability, 1),
    ]),
  )
  const last = header.length - 1
  return plainTable([header, ...rows], [1, last - 1, last])
}

function rawTable(answers: readonly Answer[]): string {
  const rows = answers.flatMap(({ input, outputs }) =>
    Object.entries(outputs).map(([name, { shape, values }], i) => {
      const [least, most] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
      const mean = values.reduce((a, b) => a + b, 0) / values.length
      const first = values.slice(0, FIRST).map(short).join(' ') + (values.length > FIRST ? ' ...' : '')
      return [i === 0 ? `  ${input}` : '', name, shape.join('x') || '1', short(least), short(mean), short(most), first]
    }),
  )
  return plainTable([['  input', 'output', 'shape', 'least', 'mean', 'most', 'values'], ...rows], [3, 4, 5])
}
