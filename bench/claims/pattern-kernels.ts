/** Speed of layers with sparsity patterns beside the planar gather at equal density. */
import { round } from '../machine.js'
import { describeLayer, measurePatterns, type PatternFigure } from '../suites/patterns.js'
import type { Claim } from './claim.js'

/** Patterns whose rows read the same inputs. */
const SHARED = /^(h?cgs|ps)/i

/** Rates of patterns over those of the gather at random places. */
const ratios = (figures: readonly PatternFigure[]) => figures.map(({ rate, unstructured }) => rate / unstructured)
const mean = (figures: readonly PatternFigure[]): number => {
  const all = ratios(figures)
  return round(Math.exp(all.reduce((sum, r) => sum + Math.log(r), 0) / all.length))
}
const worst = (figures: readonly PatternFigure[]): number => round(Math.min(...ratios(figures)))

export const patternKernelClaims: readonly Claim[] = [
  {
    name: 'pattern-kernels',
    title:
      'Layers whose rows read the same inputs (CGS, HCGS, PPS), ternary and INT4 levels, one core: speed of the kernel that the engine takes over that of the planar gather at the same density, geometric mean over convolutions and batches, and the least; for one vector against the scalar gather',
    unit: 'times as fast',
    bar: { op: '>=', value: 1.5 },
    also: [
      { figure: 'least', unit: 'times as fast', bar: { op: '>=', value: 0.9 } },
      { figure: 'oneVector', unit: 'times as fast', bar: { op: '>=', value: 6 } },
      { figure: 'oneVectorLeast', unit: 'times as fast', bar: { op: '>=', value: 3 } },
    ],
    minutes: 4,
    async measure(onProgress) {
      const { figures, limit, warnings } = await measurePatterns((f) =>
        onProgress(
          `${f.pattern}, ${describeLayer(f)}, INT${f.maxLevel === 1 ? 2 : 4}: ${f.kernel} ${f.rate}, gather ${f.unstructured}`,
        ),
      )
      const shared = figures.filter(({ pattern }) => SHARED.test(pattern))
      const isVector = ({ side, batch }: PatternFigure) => side === 0 && batch === 1
      return {
        value: mean(shared.filter((f) => !isVector(f))),
        details: {
          least: worst(shared.filter((f) => !isVector(f))),
          oneVector: mean(shared.filter(isVector)),
          oneVectorLeast: worst(shared.filter(isVector)),
          limit,
          rows: figures.map((f) => ({
            pattern: f.pattern,
            layer: describeLayer(f),
            levels: f.maxLevel === 1 ? 'INT2' : 'INT4',
            percentNotZero: round(100 * f.density),
            kernel: f.kernel,
            rate: f.rate,
            gatherSameWeights: f.lowered,
            gatherRandomPlaces: f.unstructured,
            timesAsFast: round(f.rate / f.unstructured),
          })),
        },
        warnings,
      }
    },
  },
]
