/** Bounds that every file keeps, so that a reader can refuse absurd claims before it allocates anything. */
import { WhiteDwarfError } from '../errors.js'

export const MAX_NAME_BYTES = 255
export const MAX_RANK = 8
export const MAX_INPUTS = 255
export const MAX_NODES = 65535
export const MAX_OUTPUTS = 255
export const MAX_SIGN_SEED = 62
/** Largest size of a dimension, as in the graph (ir.ts). */
export const MAX_DIM = 2 ** 24
/**
 * Most numbers that the tensor functions of a file list, their inputs included: a node that repeats an earlier one takes a few bits
 * whatever it lists. Most that its patterns list, too.
 */
export const MAX_LISTED = 2 ** 20
/** The decoder's state takes some 20 bytes per column. */
export const MAX_COLS = 2 ** 22

/** Most weights of a file in context mode, which decodes slowly: some 20 million a second, so a tenth of a second. */
export const MAX_CONTEXT_WEIGHTS = 2 ** 21

/**
 * Most values that one byte of stream can hold. No decision is surer than its clamp allows, so each costs a minimum:
 * 0.0113 bit for constants (clamp 512 / 65536), 0.00048 bit for a weight in context mode (22 / 65536); in runs mode one bit
 * for 4095 zeros.
 */
export const PARAMS_PER_BYTE = 730
export const WEIGHTS_PER_BYTE = { context: 16600, runs: 32768 } as const
/** Most blocks of tensors with such a pattern for each byte of stream: drawing them takes more time than decoding zeros. */
export const BLOCKS_PER_BYTE = 512

export function damaged(what: string): WhiteDwarfError {
  return new WhiteDwarfError('E_FORMAT', `damaged .wd file: ${what}`)
}

export function refuse(what: string): WhiteDwarfError {
  return new WhiteDwarfError('E_FORMAT', `this model does not fit the .wd format: ${what}`)
}
