/** The learning curve of a training, as a picture file and as a drawing for the terminal. */
import type { ProgressEvent } from '../compress.js'
import { type ChartSeries, lineChart } from './chart.js'
import { percent } from './text.js'
import { plotLine } from './vendor.js'

/** Most points of a line: progress events are averaged down to them. */
const POINTS = 150
const TERMINAL_COLUMNS = 60
const TERMINAL_ROWS = 10

/** [epoch, mean of `value`] over runs of neighbouring events. */
function averaged(
  history: readonly ProgressEvent[],
  points: number,
  value: (e: ProgressEvent) => number,
): [number, number][] {
  const size = Math.max(1, Math.ceil(history.length / points))
  const line: [number, number][] = []
  for (let first = 0; first < history.length; first += size) {
    const group = history.slice(first, first + size)
    const last = group[group.length - 1]
    line.push([(last.step / last.steps) * last.epochs, group.reduce((sum, e) => sum + value(e), 0) / group.length])
  }
  return line
}

/** The test accuracies, each at the end of its epoch. */
function tested(history: readonly ProgressEvent[]): [number, number][] {
  return history.flatMap((e): [number, number][] => (e.testAccuracy === undefined ? [] : [[e.epoch, e.testAccuracy]]))
}

/** Below this share of wrong answers a logarithmic axis stops. */
const LEAST_ERROR = 1e-4

const errors = (name: string, accuracies: readonly (readonly [number, number])[]): ChartSeries => ({
  name,
  points: accuracies.map(([epoch, accuracy]) => [epoch, Math.max(LEAST_ERROR, 1 - accuracy)]),
})

/** SVG: wrong answers, loss, density and learning rate over the epochs. */
export function curveSvg(title: string, history: readonly ProgressEvent[]): string {
  const test = tested(history)
  const wrong = [
    errors(
      'training',
      averaged(history, POINTS, (e) => e.trainAccuracy),
    ),
  ]
  if (test.length > 0) wrong.push(errors('test', test))
  const last = history[history.length - 1]
  const result = last.testAccuracy === undefined ? '' : ` The test accuracy ends at ${percent(last.testAccuracy)}.`
  return lineChart({
    title,
    description: `Wrong answers, loss, share of non-zero weights and learning rate over ${last.epochs} epochs of training.${result}`,
    xLabel: 'epoch',
    panels: [
      {
        yLabel: 'wrong answers (logarithmic)',
        log: true,
        format: (y) => `${Number((100 * y).toPrecision(3))} %`,
        series: wrong,
      },
      {
        yLabel: 'loss (logarithmic)',
        log: true,
        format: (y) => y.toFixed(2),
        series: [{ name: 'training', points: averaged(history, POINTS, (e) => e.loss) }],
      },
      {
        yLabel: 'non-zero weights',
        format: (y) => percent(y, 1),
        series: [{ name: 'density', points: averaged(history, POINTS, (e) => e.density) }],
      },
      {
        yLabel: 'learning rate',
        format: (y) => String(Number(y.toPrecision(2))),
        series: [{ name: 'rate', points: averaged(history, POINTS, (e) => e.learningRate) }],
      },
    ],
  })
}

/** The test accuracy over the epochs (the training accuracy when nothing was tested), drawn with box characters. */
export function curveText(history: readonly ProgressEvent[]): string {
  const test = tested(history)
  const measured = test.length > 1
  const line = measured ? test : averaged(history, TERMINAL_COLUMNS, (e) => e.trainAccuracy)
  const columns = Math.min(TERMINAL_COLUMNS, Math.max(30, line.length))
  const values = Array.from({ length: columns }, (_, i) => line[Math.round((i / (columns - 1)) * (line.length - 1))][1])
  const plot = plotLine(values, TERMINAL_ROWS, (y) => percent(y, 1).padStart(9))
  return `${measured ? 'test' : 'training'} accuracy by epoch (${history[history.length - 1].epochs} in all)\n${plot}`
}
