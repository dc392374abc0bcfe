/** Numbers and tables as people read them. */

/** Columns padded to their widest cell, two spaces between, none at the end. Cells of `right` columns align right. */
export function plainTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** 12345 as 12,345. */
export const grouped = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')

export const percent = (fraction: number, digits = 2): string => `${(100 * fraction).toFixed(digits)} %`

/** Milliseconds as 12.3 µs, 4.56 ms, 7.8 s, 3 min 5 s. */
export function duration(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toPrecision(3)} µs`
  if (ms < 1000) return `${ms.toPrecision(3)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

const PREFIXES = ['p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P']
const UNIT = PREFIXES.indexOf('')

/** What `value` is divided by to be 1 to 999, and the prefix that stands for that: from p, 10^-12, to P, 10^15. */
export function prefixOf(value: number): { readonly factor: number; readonly prefix: string } {
  const power = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value) * (1 + 1e-12)) / 3)
  const i = Math.max(0, Math.min(PREFIXES.length - 1, power + UNIT))
  return { factor: 1000 ** (i - UNIT), prefix: PREFIXES[i] }
}

/** Three digits that count, without an exponent: 0.00123, 1.20, 123, 12300. */
export function digits(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) * (1 + 1e-12)))))
}

/** The same without zeros at the end, for axes. */
export const tick = (value: number): string =>
  Math.abs(value) >= 100 ? digits(value) : String(Number(value.toPrecision(3)))

/** 1234567 pieces of `unit` as 1.23 M and the unit. */
export function metric(value: number, unit: string): string {
  const { factor, prefix } = prefixOf(value)
  return `${digits(value / factor)} ${prefix}${unit}`.trimEnd()
}
