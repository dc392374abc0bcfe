/** Arrays by name. What their fields are based on is told by `provenance`. */
import type { Arch } from '../arch.js'
import { blockPresets } from './blocks.js'
import { gatherPresets } from './gather.js'
import { pairPresets } from './pairs.js'
import { serialPresets } from './serial.js'
import { systolicPresets } from './systolic.js'

const presets = { ...gatherPresets, ...blockPresets, ...serialPresets, ...pairPresets, ...systolicPresets }

export type ArchName = keyof typeof presets

export const archs: Readonly<Record<ArchName, Arch>> & Readonly<Record<string, Arch>> = {
  ...systolicPresets,
  ...presets,
}
