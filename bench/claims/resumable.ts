/** Measurements of many minutes, one row after another: an interrupted one goes on where it stopped. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { inRepository } from '../models.js'

/**
 * @param key the field of a row that has its name
 * @param name of the claim; its rows are kept in build/NAME.jsonl until all are there
 */
export async function resumable<Row extends object>(
  name: string,
  key: keyof Row,
  rowNames: readonly string[],
  measure: (rowName: string) => Promise<Row>,
): Promise<Row[]> {
  const file = inRepository(`build/${name}.jsonl`)
  mkdirSync(inRepository('build'), { recursive: true })
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const known = lines.filter((line) => line !== '').map((line): Row => JSON.parse(line))
  const rows: Row[] = []
  for (const rowName of rowNames) {
    const row = known.find((r) => r[key] === rowName) ?? (await measure(rowName))
    if (!known.includes(row)) appendFileSync(file, `${JSON.stringify(row)}\n`)
    rows.push(row)
  }
  rmSync(file)
  return rows
}
