/** When checkpoints are taken. */
import { CheckpointWriter } from './checkpoint.js'
import type { Settings } from './settings.js'
import type { TrainState } from './state.js'
import type { Timeline } from './timeline.js'

const MS_PER_MINUTE = 60_000

export class Saver {
  private readonly state: TrainState
  private readonly s: Settings
  private readonly time: Timeline
  private writer: CheckpointWriter | undefined
  /** Step and time of the last checkpoint: the start is one. */
  private step: number
  private at = performance.now()

  constructor(state: TrainState, s: Settings, time: Timeline) {
    this.state = state
    this.s = s
    this.time = time
    this.step = state.step
  }

  /** Between two steps, before anything is reported or finished: a resumed training does that again. */
  async saveIfDue(): Promise<void> {
    const { step } = this.state
    const due =
      step % (this.time.stepsPerEpoch * this.s.checkpointEvery) === 0 ||
      step === this.time.steps ||
      performance.now() - this.at > this.s.checkpointMinutes * MS_PER_MINUTE
    if (due) await this.save()
  }

  /** Hands out a checkpoint unless the last one is of this step. */
  async save(): Promise<void> {
    const { state, s } = this
    if (s.onCheckpoint === undefined || state.step === this.step) return
    this.writer ??= new CheckpointWriter(s)
    const bytes = this.writer.write(state)
    this.step = state.step
    await s.onCheckpoint(bytes, { step: state.step, history: [...state.history] })
    this.at = performance.now()
  }
}
