/** First in, first out, without moving what waits. */
export class JobFifo<J> {
  #jobs: J[] = []
  #first = 0

  get size(): number {
    return this.#jobs.length - this.#first
  }

  push(job: J): void {
    this.#jobs.push(job)
  }

  shift(): J | undefined {
    const job = this.#jobs[this.#first]
    if (job === undefined) return undefined
    this.#first++
    if (this.#first * 2 > this.#jobs.length) {
      this.#jobs = this.#jobs.slice(this.#first)
      this.#first = 0
    }
    return job
  }

  /** Takes out all that match, in order. */
  take(matches: (job: J) => boolean): readonly J[] {
    const taken: J[] = []
    const kept: J[] = []
    for (const job of this.#jobs.slice(this.#first)) (matches(job) ? taken : kept).push(job)
    this.#jobs = kept
    this.#first = 0
    return taken
  }
}
