// Pairs of planes with their sum and difference, for the planar gather of layers in which neighbouring weights are both there.
//
//   y[p] = a, b, a + b, a - b        a and b: planes 2p and 2p + 1 of the list
//
// Where two weights of a row, of the channels of a pair and at the same tap, are both other than zero, the row program
// (kernels/gather/planar.ts) then adds the sum or the difference, one vector instead of two.
//
//   list   u32 [pairs][2]: byte offsets of planes from x
//
// Contract: 4-byte alignment of the list; `plane` is the size of a plane, a multiple of 16 bytes. Writes 4 * plane bytes to y for
// each pair, which overlap nothing that is read.
//
// Exact: arithmetic modulo 2^16 or 2^32, a ring: sums of sums and differences are exact whenever their result fits.

function pairs<Lane>(list: usize, pairs: i32, x: usize, y: usize, plane: usize): void {
  for (const end = list + ((pairs as usize) << 3); list < end; list += 8) {
    const a = x + (load<u32>(list) as usize)
    const b = x + (load<u32>(list, 4) as usize)
    const sum = y + 2 * plane
    for (let i: usize = 0; i < plane; i += 16) {
      const v = v128.load(a + i)
      const w = v128.load(b + i)
      v128.store(y + i, v)
      v128.store(y + i + plane, w)
      v128.store(sum + i, v128.add<Lane>(v, w))
      v128.store(sum + i + plane, v128.sub<Lane>(v, w))
    }
    y += plane << 2
  }
}

export function pairs_i16(list: usize, count: i32, x: usize, y: usize, plane: usize): void {
  pairs<i16>(list, count, x, y, plane)
}

export function pairs_i32(list: usize, count: i32, x: usize, y: usize, plane: usize): void {
  pairs<i32>(list, count, x, y, plane)
}
