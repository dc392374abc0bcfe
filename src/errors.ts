/**
 * The one error class of the library. `code` is stable and meant for programs; `message` is meant for people and says
 * what was expected, what came, and what to do about it.
 */
export type ErrorCode =
  /** The runtime lacks WebAssembly SIMD, or its content security policy forbids compiling. */
  | 'E_WASM'
  /** A file or stream is not what its format says: wrong magic, truncated, damaged, inconsistent. */
  | 'E_FORMAT'
  /** A tensor, layer or graph has a shape that does not fit. */
  | 'E_SHAPE'
  /** A tensor has an element type that is not accepted here. */
  | 'E_DTYPE'
  /** Values are not usable: NaN pixels, labels out of range. */
  | 'E_DATA'
  /** An option or argument is unknown, missing or out of its range. */
  | 'E_OPTION'
  /** A graph is malformed: unknown names, cycles, operations in the wrong place. */
  | 'E_GRAPH'
  /** A file could not be read or written. */
  | 'E_IO'
  /** The model needs more memory than allowed. */
  | 'E_MEMORY'
  /** The object was disposed. */
  | 'E_DISPOSED'
  /** A thread could not be started, or was lost. */
  | 'E_WORKER'
  /** The operation was aborted by its signal. */
  | 'E_ABORTED'

export class WhiteDwarfError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'WhiteDwarfError'
    this.code = code
  }
}
