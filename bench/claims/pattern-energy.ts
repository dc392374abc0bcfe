/** What sparsity patterns keep of random weights before any training: how much freedom each leaves. */
import { kernelEnergies, patternEnergies } from '../energies.js'
import type { Claim } from './claim.js'

const percent = (share: number): number => Math.round(1000 * share) / 10

export const patternEnergyClaims: readonly Claim[] = [
  {
    name: 'pattern-energy',
    title: 'Energy (sum of squares) of a million random normal weights that complementary groups of four filters keep',
    unit: '%',
    bar: { op: '>=', value: 61.5 },
    also: [{ figure: 'ofUnstructured', unit: '% of what the largest quarter has', bar: { op: '>=', value: 85 } }],
    minutes: 0.2,
    async measure() {
      const energies = patternEnergies()
      const four = energies[1]
      return {
        value: percent(four.complementary),
        details: {
          ofUnstructured: percent(four.complementary / four.unstructured),
          rows: energies.map((row) => ({
            density: `1/${row.g}`,
            unstructured: percent(row.unstructured),
            '4:4G': percent(row.fourOf),
            '2:2G': percent(row.twoOf),
            '1:G': percent(row.oneOf),
            'complementary:G': percent(row.complementary),
            'best parts of 4': percent(row.blocks4),
            'of 16': percent(row.blocks16),
            'of 64': percent(row.blocks64),
            'cgs:16/G': percent(row.cgs),
          })),
        },
      }
    },
  },
  {
    name: 'kernel-energy',
    title: 'Energy of random 3 x 3 kernels that 4 taps keep, the best of 8 sets for each kernel',
    unit: '%',
    bar: { op: '>=', value: 71.5 },
    minutes: 0.2,
    async measure() {
      const { free, best, shared } = kernelEnergies()
      const row = (choice: string, share: number) => ({ choice, 'energy %': percent(share) })
      return {
        value: percent(best[8]),
        details: {
          rows: [
            row('any 4 taps', free),
            ...[56, 32, 16, 8, 4].map((count) => row(`the best of ${count} sets with the centre`, best[count])),
            ...[64, 128, 512].map((count) => row(`one set for ${count} filters, chosen for them`, shared[count])),
            row('one set, chosen before', 4 / 9),
          ],
        },
      }
    },
  },
]
