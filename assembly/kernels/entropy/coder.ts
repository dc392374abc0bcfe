// Binary arithmetic decoder: the interval is [0, range), the stream's position in it is code.
//
//   bound = (range >>> 16) * one;  bit = code < bound;  renormalise by bytes while range < 2^24
//
// The registers live in module globals while a kernel runs, between openStream and closeStream. Past the end of the
// stream zeros are read; `next` then stops five bytes past the end, which tells that too much was read.
import { CODE, END, NEXT, RANGE } from './state'

let range: u32 = 0
let code: u32 = 0
let next: usize = 0
let end: usize = 0

/** The decoder reads four bytes ahead. */
const READ_AHEAD: usize = 4

export function openStream(state: usize): void {
  range = load<u32>(state, RANGE)
  code = load<u32>(state, CODE)
  next = load<u32>(state, NEXT) as usize
  end = load<u32>(state, END) as usize
}

export function closeStream(state: usize): void {
  store<u32>(state, range, RANGE)
  store<u32>(state, code, CODE)
  store<u32>(state, next as u32, NEXT)
}

export function overrun(): bool {
  return next > end + READ_AHEAD
}

/** Whether the stream was read to its end and no further. */
export function exhausted(): bool {
  return next >= end && !overrun()
}

function shiftByte(): void {
  let byte: u32 = 0
  if (next < end) {
    byte = load<u8>(next)
    next++
  } else if (next <= end + READ_AHEAD) {
    next++
  }
  range <<= 8
  code = (code << 8) | byte
}

/** One decision; `one` is the probability of a 1 in 1/65536, 1..65535. Without a branch on the bit, which nothing can predict. */
export function decodeBit(one: u32): i32 {
  const bound = (range >>> 16) * one
  const bit = code < bound
  code -= select<u32>(0, bound, bit)
  range = select<u32>(bound, range - bound, bit)
  while (range < 0x1000000) shiftByte()
  return bit as i32
}
