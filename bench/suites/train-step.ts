/** Whole steps of training, one thread: ResNet-20 and Conv-6 with plain weights, with all levels, and with a tenth of them. */
import { round } from '../machine.js'
import { NETWORKS, network } from '../networks.js'
import type { Figure, Suite, SuiteResult } from '../suite.js'
import { type Phase, phases, timeSteps } from '../training.js'

const BATCH = 32

export const trainStepSuite: Suite = {
  name: 'train-step',
  title: `training steps of ${BATCH} images of 32 x 32, one thread`,
  async run(): Promise<SuiteResult> {
    const variants = NETWORKS.flatMap((name) =>
      (Object.keys(phases) as Phase[]).map((phase) => ({
        ...{ name: `${name}, ${phase}`, graph: network(name), batch: BATCH, options: phases[phase] },
      })),
    )
    const { times, warnings } = await timeSteps(variants)
    const figures = times.map(
      ({ name, imagesPerSecond, spread }): Figure => ({
        ...{ name, value: round(imagesPerSecond), unit: 'images/s', spread },
      }),
    )
    return { figures, warnings }
  },
}
