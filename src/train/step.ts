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
  // Behind this the memory changes: part 0 may have been taking a checkpoint.
  net.mem.part.barrier()
  const within = step % time.stepsPerEpoch
  if (within === 0) rng.shuffle(order)
  const frozen = step > time.lastChoice
  if (!frozen) chooseLevels(state, s, time)
  feeder.load(s.train, order, within * s.batch, s.batch, rng, s.augment)
  await state.teacher?.load(order, within * s.batch)
  roundFrom(state, time, step)
  net.forward(true)
  const result = loss(state, s)
  net.backward()
  if (!frozen) confineGradients(state, s, time)
  state.optimiser.step(step + 1, time.rateAt(step), frozen)
  if (!frozen) state.averages?.scores.update(step)
  state.averages?.norms.update(step)
  state.step++
  return result
}

/** Switches rounding on or off as a step has it; tests after the step leave it like that. */
export function roundFrom({ rounding }: TrainState, time: Timeline, step: number): void {
  if (rounding !== undefined) rounding.active = step >= time.roundFrom
}

/**
 * Part 0 chooses for all: it is little work next to the passes. The last choice falls on a step of its own, so that it meets
 * the density exactly, and is the averages'.
 */
function chooseLevels({ net, weights, averages, shared, step }: TrainState, s: Settings, time: Timeline): void {
  const { part } = net.mem
  const last = step === time.lastChoice
  if (last) averages?.scores.install()
  part.barrier()
  if (part.index === 0) {
    if (last || step % s.refresh === 0) weights.refresh(time.densityAt(step), step / time.steps, last)
    weights.apply()
    shared.numbers(weights.numbers.length).set(weights.numbers)
  }
  part.barrier()
  weights.numbers = Array.from(shared.numbers(weights.numbers.length))
  weights.install()
}

/** Choices of thresholds between two times at which weights give their places to others. */
const CHOICES_PER_MOVE = 10

/** Behind the last choice nothing may change which weights stay. */
function confineGradients({ weights, step }: TrainState, s: Settings, time: Timeline): void {
  const move = step % (CHOICES_PER_MOVE * s.refresh) === 0 && step < time.lastChoice
  weights.confine?.(step / time.steps, move)
}

/** Part 0 writes the gradient of the network's output. */
function loss({ net, feeder, teacher, shared }: TrainState, s: Settings): { loss: number; correct: number } {
  const { mem, output } = net
  if (mem.part.index === 0) {
    const classes = net.shape(s.graph.outputs[0])[0]
    const sizes = [classes, s.batch, s.batch, s.labelSmoothing] as const
    const { labels } = feeder
    if (teacher !== undefined && s.distill !== undefined) {
      const { alpha, temperature } = s.distill
      const scores = teacher.scores
      const to = output.grad
      mem.kernels.distill_loss_f32(output.value, scores, to, labels, ...sizes, alpha, temperature, shared.lossSums)
    } else {
      mem.kernels.softmax_loss_f32(output.value, output.grad, labels, ...sizes, shared.lossSums)
    }
  }
  mem.part.barrier()
  return { loss: mem.f64(shared.lossSums, 1)[0] / s.batch, correct: mem.u32(shared.lossSums, 3)[2] }
}
