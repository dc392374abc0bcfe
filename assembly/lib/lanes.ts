// Every second lane of two vectors.

/** Lanes 0, 2, 4, ... of the 2 * lanes values of a and b. */
export function evenLanes<Lane>(a: v128, b: v128): v128 {
  if (sizeof<Lane>() == 2) return v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6)
}

/** Lanes 1, 3, 5, ... */
export function oddLanes<Lane>(a: v128, b: v128): v128 {
  if (sizeof<Lane>() == 2) return v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
  return v128.shuffle<i32>(a, b, 1, 3, 5, 7)
}
