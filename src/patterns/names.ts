/** Patterns by short names, as the command line takes them. */
import { WhiteDwarfError } from '../errors.js'
import { checkPattern, type Pattern } from './pattern.js'
import { periodicPattern, readyName } from './periodic.js'

/** Forms of names, for messages. */
export const PATTERN_NAMES =
  "'2:4' (N:M), 'complementary:4' or 'complementary:2/8', 'segments:4', 'cgs:16/8' (blocks of 16, one in 8), 'hcgs:64/4,16/4', or 'PS4_P4'"

/**
 * The pattern that a name stands for.
 * @param seed of patterns of blocks
 * @throws WhiteDwarfError E_OPTION
 */
export function parsePattern(name: string, seed = 1): Pattern {
  const pattern = parse(name.trim(), seed)
  if (pattern === undefined) {
    throw new WhiteDwarfError('E_OPTION', `a pattern is called like ${PATTERN_NAMES}, got '${name}'`)
  }
  checkPattern(pattern)
  return pattern
}

function parse(name: string, seed: number): Pattern | undefined {
  const numbers = (form: RegExp) => form.exec(name)?.slice(1).map(Number)
  const nm = numbers(/^(\d+):(\d+)$/)
  if (nm) return { kind: 'groups', axis: 'in', keep: nm[0], of: nm[1] }
  const single = numbers(/^complementary:(\d+)$/)
  if (single) return { kind: 'groups', axis: 'out', keep: 1, of: single[0] }
  const layered = numbers(/^complementary:(\d+)\/(\d+)$/)
  if (layered) return { kind: 'groups', axis: 'out', keep: layered[0], of: layered[1] }
  const segments = numbers(/^segments:(\d+)$/)
  if (segments) return { kind: 'groups', axis: 'in-strided', keep: 1, of: segments[0] }
  const layeredSegments = numbers(/^segments:(\d+)\/(\d+)$/)
  if (layeredSegments) return { kind: 'groups', axis: 'in-strided', keep: layeredSegments[0], of: layeredSegments[1] }
  const blocks = numbers(/^cgs:(\d+)\/([\d.]+)$/)
  if (blocks) return { kind: 'blocks', block: blocks[0], ratio: blocks[1], seed }
  const nested = numbers(/^hcgs:(\d+)\/([\d.]+),(\d+)\/([\d.]+)$/)
  if (nested) {
    return { kind: 'blocks', block: nested[0], ratio: nested[1], seed, inner: { block: nested[2], ratio: nested[3] } }
  }
  return /^ps/i.test(name) ? periodicPattern(name) : undefined
}

/** The short name of a pattern, or a description where it has none. Names leave out seeds and the order of filters. */
export function patternName(pattern: Pattern): string {
  switch (pattern.kind) {
    case 'groups': {
      const { axis, keep, of } = pattern
      if (axis === 'in') return `${keep}:${of}`
      const parts = keep === 1 ? `${of}` : `${keep}/${of}`
      return axis === 'out' ? `complementary:${parts}` : `segments:${parts}`
    }
    case 'blocks': {
      const { block, ratio, inner } = pattern
      return inner ? `hcgs:${block}/${ratio},${inner.block}/${inner.ratio}` : `cgs:${block}/${ratio}`
    }
    case 'periodic': {
      const { kernel, taps, rotate } = pattern
      const ready = readyName(pattern)
      if (ready !== undefined) return ready
      const kept = taps.map((set) => set.length)
      const range =
        Math.min(...kept) === Math.max(...kept) ? `${kept[0]}` : `${Math.min(...kept)} to ${Math.max(...kept)}`
      return `periodic: ${range} of ${kernel ** 2} taps, period ${taps.length}${rotate ? ', rotated' : ''}`
    }
  }
}
