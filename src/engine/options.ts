import { WhiteDwarfError } from '../errors.js'
import { type Fp8Format, fp8Format, LOW_PRECISIONS, type LowPrecision } from '../kernels/grid.js'

/** How activations are computed: integers of 8 bits or fewer, 8-bit floating point, or single precision. */
export type Precision = 'int8' | LowPrecision | 'fp8' | 'f32'
export const PRECISIONS: readonly Precision[] = ['int8', 'fp8', 'f32', ...LOW_PRECISIONS]

export interface SessionOptions {
  /** Default 'int8'. 'int7' to 'int1' are for networks that were trained with them; inputs have 8 bits in all of them. */
  readonly precision?: Precision
  /** Split of the 8-bit floating-point format for precision 'fp8': 'e4m3' (default), 'e5m2', 'e3m4', 'e2m5'. */
  readonly fp8?: string
  /**
   * 'auto' (default) runs every weighted layer on the sparse kernels. 'dense' runs them on dense f32 kernels, zeros
   * included: the baseline to compare with; it needs precision 'f32'.
   */
  readonly kernels?: 'auto' | 'dense'
  /**
   * Which kernels: 'simd', 'relaxed' (relaxed SIMD), or 'reference', the scalar TypeScript oracle (slow). By default
   * the fastest build that passes a known-answer test here.
   */
  readonly isa?: 'simd' | 'relaxed' | 'reference'
  /** Images computed together, 1..256; default 1. More is faster per image when many images come at once. */
  readonly batch?: number
  /** Most memory the session may use, in bytes; default 1 GiB. */
  readonly maxMemory?: number
  /** Aborts loading. */
  readonly signal?: AbortSignal
}

export interface ResolvedOptions {
  readonly precision: Precision
  readonly fp8: Fp8Format
  readonly dense: boolean
  readonly isa: 'simd' | 'relaxed' | 'reference' | undefined
  readonly batch: number
  readonly maxMemory: number
}

const KNOWN = ['precision', 'fp8', 'kernels', 'isa', 'batch', 'maxMemory', 'signal']

/** @throws WhiteDwarfError E_OPTION naming the option and what it accepts */
export function resolveOptions(options: SessionOptions): ResolvedOptions {
  for (const key of Object.keys(options)) {
    if (!KNOWN.includes(key)) {
      throw new WhiteDwarfError('E_OPTION', `unknown session option '${key}': known are ${KNOWN.join(', ')}`)
    }
  }
  const precision = oneOf('precision', options.precision ?? 'int8', PRECISIONS)
  const kernels = oneOf('kernels', options.kernels ?? 'auto', ['auto', 'dense'])
  if (kernels === 'dense' && precision !== 'f32') {
    throw new WhiteDwarfError('E_OPTION', `kernels 'dense' needs precision 'f32', got '${precision}'`)
  }
  return {
    precision,
    fp8: fp8Format(options.fp8 ?? 'e4m3'),
    dense: kernels === 'dense',
    isa:
      options.isa === undefined
        ? undefined
        : oneOf<'simd' | 'relaxed' | 'reference'>('isa', options.isa, ['simd', 'relaxed', 'reference']),
    batch: whole('batch', options.batch ?? 1, 1, 256),
    maxMemory: whole('maxMemory', options.maxMemory ?? 2 ** 30, 65536, 2 ** 32),
  }
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `${name} must be ${allowed.map((a) => `'${a}'`).join(' or ')}, got '${value}'`,
    )
  }
  return value
}

function whole(name: string, value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new WhiteDwarfError('E_OPTION', `${name} must be a whole number from ${low} to ${high}, got ${value}`)
  }
  return value
}
