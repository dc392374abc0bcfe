import {
  entropyBegin,
  entropyDecodeDense,
  entropyDecodeProgram,
  entropyDecodeSubsets,
  entropyEnd,
  entropyTensor,
} from '../ref/entropy.js'
import type { KernelRow } from '../row.js'

const STATE =
  'state: multiple of 8, stateBytes(maxCols, maxRows) long; its row of levels and its pairs are scratch, left undefined. '

export const entropyRows: readonly KernelRow[] = [
  {
    name: 'entropy_begin',
    module: 'core',
    family: 'entropy',
    formula: 'decoder state at a place in the coded stream, fresh models',
    params: ['state', 'range', 'code', 'next', 'end', 'maxCols', 'maxRows'],
    contract: `${STATE}next and end are pointers to the next byte and the end of the stream.`,
    exact: 'bits',
    reference: entropyBegin,
  },
  {
    name: 'entropy_tensor',
    module: 'core',
    family: 'entropy',
    formula: 'begins the next level tensor of the stream',
    params: ['state', 'rows', 'cols', 'plane', 'width', 'maxLevel', 'signs', 'conv', 'mode', 'classes'],
    contract:
      `${STATE}rows and cols at most maxRows and maxCols; plane divides cols; width at most plane; ` +
      'signs 0 or 1 + seed; mode 0 context, 1 runs; classes: rows bytes 0..7, kept until the tensor is done.',
    exact: 'bits',
    reference: entropyTensor,
  },
  {
    name: 'entropy_decode_dense',
    module: 'core',
    family: 'entropy',
    formula: 'levels[r, k] for rows rowBegin .. rowEnd - 1, int8',
    params: ['state', 'rowBegin', 'rowEnd', 'levels'],
    contract: `${STATE}rowBegin is the number of rows decoded so far. Returns the rows decoded, -1 for a damaged stream.`,
    exact: 'bits',
    reference: entropyDecodeDense,
  },
  {
    name: 'entropy_decode_program',
    module: 'core',
    family: 'entropy',
    formula: 'row programs of rows rowBegin .. rowEnd - 1',
    params: ['state', 'rowBegin', 'rowEnd', 'ctx', 'out', 'outEnd'],
    contract:
      `${STATE}ctx as for program_from_levels. Stops before a row with less than 8 * planes + 4 * cols * (planes > 1 ? 2 : 1) + 4 ` +
      'bytes of space. Returns the rows decoded, -1 for a damaged stream; the word at state + 72 is then the end of the programs, ' +
      'behind which one word may be overwritten.',
    exact: 'bits',
    reference: entropyDecodeProgram,
  },
  {
    name: 'entropy_decode_subsets',
    module: 'core',
    family: 'entropy',
    formula: 'which members of each group are chosen, as ascending numbers u8, group after group',
    params: ['state', 'groups', 'count', 'members'],
    contract:
      `${STATE}groups: u32 each, its size (at most 256) + 65536 * how many are chosen, at most all; ` +
      'members: room for a byte each. Returns the bytes written, -1 for a damaged stream.',
    exact: 'bits',
    reference: entropyDecodeSubsets,
  },
  {
    name: 'entropy_end',
    module: 'core',
    family: 'entropy',
    formula: '1 if the stream was read to its end and no further, else 0',
    params: ['state'],
    contract: `${STATE}Called after the last tensor.`,
    exact: 'bits',
    reference: entropyEnd,
  },
]
