/**
 * Weights into memory. The coded stream of levels is decoded in WebAssembly, tensor after tensor, straight into row
 * programs; a dense int8 copy is made only where a tensor is used by several layers or by the dense kernels, or is packed by a
 * sparsity pattern.
 */
import { WhiteDwarfError } from '../errors.js'
import type { WdFile, WdTensor } from '../format/read.js'
import { planesOf } from '../kernels/levels.js'
import { arraysOf, stateBytes, WORD } from '../kernels/ref/entropy/state.js'
import { ALIGNMENT, type Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import type { LevelSums } from './lanes.js'

/** A row program in memory. */
export interface Program {
  readonly address: number
  readonly rows: number
  readonly planes: number
  readonly sums: LevelSums
  readonly nonzeros: number
  readonly bytes: number
}

export interface ProgramRequest {
  /** The operation's name. */
  readonly name: string
  readonly tensor: string
  /** Byte offset of each column, for the rows of the first group. */
  readonly offsets: Uint32Array
  readonly groups: number
  /** Bytes to add for each further group. */
  readonly groupStep: number
}

/** Room for programs is added in steps of at least this many bytes, while they are decoded. */
const GROWTH = 65536

/** The decoder in the session's memory. Everything it needs is allocated before the first program. */
class Decoder {
  private readonly state: number
  private readonly rowCounts: number
  private readonly classes: number
  private readonly ctx: number
  private readonly offsets: number
  private readonly pairs: number

  constructor(
    bytes: Uint8Array,
    private readonly file: WdFile,
    private readonly instance: WasmInstance,
    private readonly arena: Arena,
  ) {
    const most = (f: (t: WdTensor) => number) => Math.max(0, ...file.tensors.map(f))
    const maxRows = most((t) => t.rows)
    const maxCols = most((t) => t.cols)
    const { range, code, next, end } = file.levels
    // The decoder reads a few bytes ahead: after a long header `next` may lie behind the end of a short stream.
    const rest = bytes.subarray(Math.min(next, end), end)
    const stream = arena.alloc(rest.length)
    this.state = arena.alloc(stateBytes(maxCols, maxRows))
    this.rowCounts = arraysOf(this.state, maxCols, maxRows).rowCounts
    this.classes = arena.alloc(maxRows)
    this.ctx = arena.alloc(24)
    this.offsets = arena.alloc(maxCols * 4)
    this.pairs = arena.alloc(maxCols * 8)
    new Uint8Array(instance.memory.buffer, stream, rest.length).set(rest)
    instance.exports.entropy_begin(this.state, range, code, stream, stream + end - next, maxCols, maxRows)
  }

  /** Turns to the next tensor of the file. */
  begin(tensor: WdTensor): void {
    new Uint8Array(this.instance.memory.buffer, this.classes, tensor.rows).set(tensor.rowClasses)
    this.instance.exports.entropy_tensor(this.state, ...tensor.kernelArguments, this.classes)
  }

  /** The program of the current tensor, decoded straight to where it will be used. */
  program(tensor: WdTensor, request: ProgramRequest): Program {
    const { exports, memory } = this.instance
    const { rows, cols } = tensor
    const planes = planesOf(tensor.maxLevel)
    const rowRoom = planes * 8 + cols * (planes > 1 ? 8 : 4) + 4
    const address = this.arena.alloc(0)
    this.setContext(planes)
    let out = address
    for (let group = 0; group < request.groups; group++) {
      this.setOffsets(request, group)
      const end = ((group + 1) * rows) / request.groups
      for (let row = (group * rows) / request.groups; row < end; ) {
        this.arena.extendTo(out + Math.max(rowRoom, GROWTH))
        const done = exports.entropy_decode_program(this.state, row, end, this.ctx, out, this.arena.used)
        if (done < 0) throw damaged(tensor)
        row += done
        out = new Uint32Array(memory.buffer, this.state, 32)[WORD.out / 4]
      }
    }
    this.arena.extendTo(out + 4)
    return { address, rows, planes, ...this.statistics(), bytes: out - address }
  }

  /** The levels of the current tensor, [rows, cols]. @throws WhiteDwarfError E_FORMAT where they break a pattern */
  levels(tensor: WdTensor): Int8Array {
    const { packing } = tensor
    const mark = this.arena.mark()
    const levels = this.matrix(tensor, packing?.rows ?? tensor.rows, packing?.cols ?? tensor.cols)
    tensor.checkLevels?.(levels)
    const unpacked = packing?.unpack(levels, (groups) => this.members(tensor, groups, levels.length)) ?? levels
    this.arena.release(mark)
    return unpacked
  }

  private matrix(tensor: WdTensor, rows: number, cols: number): Int8Array {
    const address = this.arena.alloc(rows * cols)
    if (this.instance.exports.entropy_decode_dense(this.state, 0, rows, address) < 0) throw damaged(tensor)
    return new Int8Array(this.instance.memory.buffer, address, rows * cols).slice()
  }

  /** How many levels of the current tensor, whose rows are decoded, are not zero. */
  nonzeros({ packing, rows }: WdTensor): number {
    const counts = new Uint32Array(this.instance.memory.buffer, this.rowCounts, packing?.rows ?? rows)
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Which members of their groups the levels of a packed tensor are, at most `most` of them. */
  private members(tensor: WdTensor, groups: Uint32Array, most: number): Uint8Array {
    const { exports, memory } = this.instance
    const members = this.arena.alloc(most)
    const words = this.arena.alloc(groups.byteLength)
    new Uint32Array(memory.buffer, words, groups.length).set(groups)
    const count = exports.entropy_decode_subsets(this.state, words, groups.length, members)
    if (count < 0) throw damaged(tensor)
    return new Uint8Array(memory.buffer, members, count)
  }

  /** A program from dense levels. */
  programOf(tensor: WdTensor, levels: number, nonzeros: number, request: ProgramRequest): Program {
    const { rows, cols } = tensor
    const planes = planesOf(tensor.maxLevel)
    const address = this.arena.alloc(rows * planes * 8 + nonzeros * (planes > 1 ? 8 : 4) + 4)
    this.setContext(planes)
    const each = rows / request.groups
    let out = address
    for (let group = 0; group < request.groups; group++) {
      this.setOffsets(request, group)
      const from = levels + group * each * cols
      out = this.instance.exports.program_from_levels(from, each, cols, this.pairs, this.ctx, out) >>> 0
    }
    return { address, rows, planes, ...this.statistics(), bytes: out - address }
  }

  /** Must follow the last tensor: a stream that goes on is damaged. */
  finish(): void {
    if (this.file.tensors.length > 0 && this.instance.exports.entropy_end(this.state) !== 1) {
      throw new WhiteDwarfError('E_FORMAT', 'damaged .wd file: the stream of levels does not end where its tensors end')
    }
  }

  private setOffsets({ offsets, groupStep }: ProgramRequest, group: number): void {
    const table = new Uint32Array(this.instance.memory.buffer, this.offsets, offsets.length)
    for (let k = 0; k < offsets.length; k++) table[k] = offsets[k] + group * groupStep
  }

  private setContext(planes: number): void {
    new Uint32Array(this.instance.memory.buffer, this.ctx, 6).set([planes, this.offsets, 0, 0, 0, 0])
  }

  /** What the emitter of programs has counted. */
  private statistics(): { sums: LevelSums; nonzeros: number } {
    const [, , positive, negative, total, nonzeros] = new Uint32Array(this.instance.memory.buffer, this.ctx, 6)
    return { sums: { positive, negative, total }, nonzeros }
  }
}

/** What a file's tensors became. */
export interface Decoded {
  /** By the name of the operation. */
  readonly programs: Map<string, Program>
  /** Levels of other tensors, by their own names: what becomes of them depends on what they are (level-products.ts). */
  readonly matrices: Map<string, Int8Array>
}

/** Whether other kernels than the gather may be faster: for 8-bit levels, and where rows read the same inputs. */
export const isMatrix = ({ maxLevel, pattern }: WdTensor): boolean =>
  maxLevel === 127 || (pattern !== undefined && pattern.kind !== 'groups')

/** Decodes every tensor of the file into the programs that its layers ask for, or as it is. */
export function loadPrograms(
  bytes: Uint8Array,
  file: WdFile,
  instance: WasmInstance,
  arena: Arena,
  requests: readonly ProgramRequest[],
): Decoded {
  const begin = arena.mark()
  const decoder = new Decoder(bytes, file, instance, arena)
  const first = arena.mark()
  const programs = new Map<string, Program>()
  const matrices = new Map<string, Int8Array>()
  for (const tensor of file.tensors) {
    decoder.begin(tensor)
    if (isMatrix(tensor)) {
      matrices.set(tensor.name, decoder.levels(tensor))
      continue
    }
    const users = requests.filter((r) => r.tensor === tensor.name)
    // Not compared with their groups, as decodeModel does: that takes longer than making the program, which needs no pattern.
    if (users.length === 1 && tensor.packing === undefined) {
      programs.set(users[0].name, decoder.program(tensor, users[0]))
      continue
    }
    const mark = arena.mark()
    const levels = decoder.levels(tensor)
    const address = arena.alloc(levels.length)
    new Int8Array(instance.memory.buffer, address, levels.length).set(levels)
    const nonzeros = decoder.nonzeros(tensor)
    const from = arena.mark()
    for (const user of users) programs.set(user.name, decoder.programOf(tensor, address, nonzeros, user))
    moveDown(programs, from, mark, instance, arena)
  }
  decoder.finish()
  moveDown(programs, first, begin, instance, arena)
  return { programs, matrices }
}

/** Moves all programs behind `from` down to `to`, over what decoding needed. Their words are offsets into inputs: nothing else changes. */
function moveDown(
  programs: Map<string, Program>,
  from: number,
  to: number,
  instance: WasmInstance,
  arena: Arena,
): void {
  // By whole alignments, so that programs stay aligned.
  const distance = Math.floor((from - to) / ALIGNMENT) * ALIGNMENT
  new Uint8Array(instance.memory.buffer).copyWithin(from - distance, from, arena.used)
  for (const [name, program] of programs) {
    if (program.address >= from) programs.set(name, { ...program, address: program.address - distance })
  }
  arena.release(arena.used - distance)
}

/** Hands each tensor's levels to `visit`; they are gone afterwards. */
export function eachTensor(
  bytes: Uint8Array,
  file: WdFile,
  instance: WasmInstance,
  arena: Arena,
  visit: (tensor: WdTensor, levels: Int8Array) => void,
): void {
  const decoder = new Decoder(bytes, file, instance, arena)
  for (const tensor of file.tensors) {
    decoder.begin(tensor)
    visit(tensor, decoder.levels(tensor))
  }
  decoder.finish()
}

/** Multiplies every offset of a program: for lanes that turned out wider than first assumed. */
export function rescaleOffsets(instance: WasmInstance, program: Program, factor: number): void {
  const words = new Uint32Array(instance.memory.buffer)
  let p = program.address / 4
  for (let list = 0; list < program.rows * program.planes; list++) {
    const end = p + 2 + words[p] + words[p + 1]
    for (p += 2; p < end; p++) words[p] *= factor
  }
}

const damaged = (tensor: WdTensor) =>
  new WhiteDwarfError('E_FORMAT', `damaged .wd file: the levels of '${tensor.name}' run past the end of the stream`)
