/** Bounds that every file keeps, so that a reader can refuse absurd claims before it allocates anything. */
import { WhiteDwarfError } from '../errors.js'

export const MAX_NAME_BYTES = 255
export const MAX_RANK = 8
export const MAX_INPUTS = 255
export const MAX_NODES = 65535
export const MAX_OUTPUTS = 255

/**
 * Most values that one byte of stream can hold. No decision is surer than its clamp allows, so each costs a minimum:
 * header and params 512/65536, that is 0.011 bit; weights in context mode 16/65536, 0.00035 bit; a zero run of
 * at most 4096 weights has an incompressible bit.
 */
export const NODES_PER_BYTE = 730
export const PARAMS_PER_BYTE = 730
export const WEIGHTS_PER_BYTE = 32768

export function damaged(what: string): WhiteDwarfError {
  return new WhiteDwarfError('E_FORMAT', `damaged .wd file: ${what}`)
}

export function refuse(what: string): WhiteDwarfError {
  return new WhiteDwarfError('E_FORMAT', `this model does not fit the .wd format: ${what}`)
}
