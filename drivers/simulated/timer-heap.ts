interface Timer {
  readonly due: number
  readonly order: number
  fire: (() => void) | null
}

/** Cancelled timers are kept until they come up, but never more than this many or more than half of the heap. */
const cancelledMax = 1024

/** Timers by time, then by order of setting. A cancelled one costs nothing until the heap is swept. */
export class TimerHeap {
  #timers: Timer[] = []
  #order = 0
  #cancelled = 0

  get size(): number {
    return this.#timers.length - this.#cancelled
  }

  /** @returns the way to cancel; harmless after it fired */
  push(due: number, fire: () => void): () => void {
    const timer: Timer = { due, order: this.#order++, fire }
    this.#timers.push(timer)
    this.#rise(this.#timers.length - 1)
    return () => this.#cancel(timer)
  }

  /** When the next timer is due; null: none waits. */
  peek(): number | null {
    let first = this.#timers[0]
    while (first !== undefined && first.fire === null) {
      this.#cancelled--
      this.#removeFirst()
      first = this.#timers[0]
    }
    return first === undefined ? null : first.due
  }

  /** Takes the next timer's action out. Call after `peek` gave a time. */
  pop(): (() => void) | null {
    const first = this.#timers[0]
    if (first === undefined) return null
    const fire = first.fire
    first.fire = null
    this.#removeFirst()
    return fire
  }

  #cancel(timer: Timer): void {
    if (timer.fire === null) return
    timer.fire = null
    this.#cancelled++
    if (this.#cancelled > cancelledMax && this.#cancelled * 2 > this.#timers.length) this.#sweep()
  }

  #sweep(): void {
    this.#timers = this.#timers.filter((timer) => timer.fire !== null).sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.#cancelled = 0
  }

  #removeFirst(): void {
    const last = this.#timers.pop()
    if (last === undefined || this.#timers.length === 0) return
    this.#timers[0] = last
    this.#sink()
  }

  #rise(from: number): void {
    const timers = this.#timers
    const timer = timers[from]
    let index = from
    while (timer !== undefined && index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = timers[parentIndex]
      if (parent === undefined || !isBefore(timer, parent)) return
      timers[index] = parent
      timers[parentIndex] = timer
      index = parentIndex
    }
  }

  #sink(): void {
    const timers = this.#timers
    let index = 0
    for (;;) {
      const timer = timers[index]
      let childIndex = index * 2 + 1
      let child = timers[childIndex]
      if (timer === undefined || child === undefined) return
      const right = timers[childIndex + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        childIndex++
      }
      if (!isBefore(child, timer)) return
      timers[index] = child
      timers[childIndex] = timer
      index = childIndex
    }
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.due === b.due ? a.order < b.order : a.due < b.due
}
