/** Elements from the beginning to the row with these indices in the five outer dimensions, of which `steps` has the steps. */
export function offset(steps: usize, i0: i32, i1: i32, i2: i32, i3: i32, i4: i32): i32 {
  return (
    i0 * load<i32>(steps) +
    i1 * load<i32>(steps, 4) +
    i2 * load<i32>(steps, 8) +
    i3 * load<i32>(steps, 12) +
    i4 * load<i32>(steps, 16)
  )
}
