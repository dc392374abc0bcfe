/**
 * Everything the command line takes from other packages. The build bundles this file with what it imports, so that the
 * published package has no dependencies; nothing else under src may import a package.
 */
import type { Writable } from 'node:stream'
import { progress } from '@clack/prompts'
import asciichart from 'asciichart'

export interface ProgressBar {
  start(message: string): void
  advance(steps: number, message: string): void
  stop(message: string): void
  error(message: string): void
}

/** A bar of `max` steps on a terminal, `size` columns wide. */
export const progressBar = (max: number, size: number, output: Writable): ProgressBar => progress({ max, size, output })

/** Numbers as a line drawn with box characters, `height` rows high. */
export const plotLine = (values: readonly number[], height: number, format: (value: number) => string): string =>
  asciichart.plot(values, { height, format })
