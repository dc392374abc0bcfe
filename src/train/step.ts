/** One step of training: levels, a batch, forward, loss, backward, optimiser. */
import type { Settings } from './settings.js'
import type { TrainState } from './state.js'
import type { Timeline } from './timeline.js'

/**
 * @returns mean loss over the batch, and how many of its examples were right
 * @throws WhiteDwarfError E_DATA when scores are no longer finite or a teacher's are not usable
 */
export async function trainStep(
  state: TrainState,
  s: Settings,
  time: Timeline,
): Promise<{ loss: number; correct: number }> {
  const { net, feeder, order, rng, step } = state
  const within = step % time.stepsPerEpoch
  if (within === 0) rng.shuffle(order)
  const frozen = step > time.lastChoice
  if (!frozen) chooseLevels(state, s, time)
  feeder.load(s.train, order, within * s.batch, s.batch, rng, s.augment)
  await state.teacher?.load(order, within * s.batch)
  net.forward(true)
  const result = loss(state, s)
  net.backward()
  state.optimiser.step(step + 1, time.rateAt(step), frozen)
  if (!frozen) state.averages?.scores.update(step)
  state.averages?.norms.update(step)
  state.step++
  return result
}

/** The last choice falls on a step of its own, so that it meets the density exactly, and is the averages'. */
function chooseLevels({ weights, averages, step }: TrainState, s: Settings, time: Timeline): void {
  const last = step === time.lastChoice
  if (last) averages?.scores.install()
  if (last || step % s.refresh === 0) weights.refresh(time.densityAt(step))
  weights.apply()
}

/** Writes the gradient of the network's output. */
function loss({ net, feeder, teacher, lossSums }: TrainState, s: Settings): { loss: number; correct: number } {
  const { mem, output } = net
  const classes = net.shape(s.graph.outputs[0])[0]
  const sizes = [classes, s.batch, s.batch] as const
  if (teacher !== undefined && s.distill !== undefined) {
    const { alpha, temperature } = s.distill
    mem.kernels.distill_loss_f32(
      output.value,
      teacher.scores,
      output.grad,
      feeder.labels,
      ...sizes,
      s.labelSmoothing,
      alpha,
      temperature,
      lossSums,
    )
  } else {
    mem.kernels.softmax_loss_f32(output.value, output.grad, feeder.labels, ...sizes, s.labelSmoothing, lossSums)
  }
  return { loss: mem.f64(lossSums, 1)[0] / s.batch, correct: mem.u32(lossSums, 3)[2] }
}
