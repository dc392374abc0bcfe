/**
 * Everything the command line takes from other packages. The build bundles this file with what it imports, so that the
 * published package has no dependencies; nothing else under src may import a package.
 */
import type { Writable } from 'node:stream'
import { progress } from '@clack/prompts'
import asciichart from 'asciichart'
import decode from 'jpeg-js/lib/decoder.js'

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

/** The pixels of a JPEG image, row by row, red, green and blue side by side. Throws when it is damaged or larger than 100 megapixels. */
export function decodeJpeg(bytes: Uint8Array): { width: number; height: number; channels: 3; data: Uint8Array } {
  const limits = { maxResolutionInMP: 100, maxMemoryUsageInMB: 1024 }
  const options = { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, ...limits } as const
  const { width, height, data } = decode(bytes, options)
  return { width, height, channels: 3, data }
}
