/** Node, voltage and frequency, and how figures of one node become those of another. */

export interface Technology {
  /** Nanometres, 3 to 250. */
  readonly node: number
  /** Volts, 0.3 to 3. */
  readonly voltage: number
  /** Megahertz, above 0 to 10,000. */
  readonly frequency: number
  /** Transistors of memories: fast ones, those for low operating power, those for low standby power (ITRS). */
  readonly cell: 'hp' | 'lop' | 'lstp'
}

/** Voltage that the tables are for. */
const TABLE_VOLTAGE = 0.9

/** Energy follows capacitance, which follows length, and the square of the voltage: a first-order rule. */
export const scaleEnergy = (energy: number, node: number, to: Technology): number =>
  energy * (to.node / node) * (to.voltage / TABLE_VOLTAGE) ** 2

export const scaleArea = (area: number, node: number, to: Technology): number => area * (to.node / node) ** 2

/** Leakage of a memory is that of its cells at any node of the table's generation; power is current times voltage. */
export const scaleLeakage = (power: number, to: Technology): number => power * (to.voltage / TABLE_VOLTAGE)
