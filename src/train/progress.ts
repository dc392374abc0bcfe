/** What a training reports while it runs. */

export interface ProgressEvent {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  /** Steps done, and in all. */
  readonly step: number
  readonly steps: number
  /** Mean over the steps since the last event. */
  readonly loss: number
  /** Of the training batches since the last event, 0..1. */
  readonly trainAccuracy: number
  readonly learningRate: number
  readonly density: number
  readonly imagesPerSecond: number
  readonly secondsLeft: number
  /** On events at the end of an epoch that measured it: share of the test set that is right, 0..1. */
  readonly testAccuracy?: number
}

/** What a checkpoint says of itself. */
export interface CheckpointInfo {
  /** Steps done. */
  readonly step: number
  /** Progress events so far. */
  readonly history: readonly ProgressEvent[]
}

/** Sums over the steps since the last event. */
export class Meter {
  private loss = 0
  private correct = 0
  private steps = 0
  private started = performance.now()

  add(loss: number, correct: number): void {
    this.loss += loss
    this.correct += correct
    this.steps++
  }

  /** @param batch examples per step */
  read(batch: number): Pick<ProgressEvent, 'loss' | 'trainAccuracy' | 'imagesPerSecond'> {
    const images = this.steps * batch
    return {
      loss: this.loss / this.steps,
      trainAccuracy: this.correct / images,
      imagesPerSecond: (1000 * images) / (performance.now() - this.started),
    }
  }

  /** Starts the next event. */
  reset(): void {
    this.sums = [0, 0, 0]
  }

  /** For checkpoints. */
  get sums(): readonly [loss: number, correct: number, steps: number] {
    return [this.loss, this.correct, this.steps]
  }

  set sums([loss, correct, steps]: readonly [loss: number, correct: number, steps: number]) {
    this.loss = loss
    this.correct = correct
    this.steps = steps
    this.started = performance.now()
  }
}

/** How long a training has run, over all its parts if it was resumed. Tests of the network count apart. */
export class Clock {
  private readonly started = performance.now()
  private readonly before: number
  /** Seconds of all tests. */
  testing: number

  constructor(seconds = 0, testing = 0) {
    this.before = seconds
    this.testing = testing
  }

  get seconds(): number {
    return this.before + (performance.now() - this.started) / 1000
  }
}
