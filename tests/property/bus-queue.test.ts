import t from 'tap'
import fc from 'fast-check'
import { meterAddress, monotonicMs, type MeterAddress } from '../../src/model/index.js'
import { priorities, type Priority } from '../../src/ports/index.js'
import { BusQueue, defaultSchedulingPolicy, type QueuedJob } from '../../src/scheduling/index.js'

interface Job extends QueuedJob {
  readonly number: number
  hasSent: boolean
}
type Step =
  | { readonly kind: 'offer'; readonly meter: number; readonly priority: Priority; readonly lifeMs: number | null }
  | {
      readonly kind: 'turn'
      readonly outcome: 'replied' | 'failed' | 'neither'
      readonly goesOn: boolean
      readonly tookMs: number
    }
  | { readonly kind: 'wait'; readonly ms: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('offer' as const),
      meter: fc.nat(4),
      priority: fc.constantFrom(...priorities),
      lifeMs: fc.oneof(fc.constant(null), fc.nat(20_000)),
    }),
    fc.record({
      kind: fc.constant('turn' as const),
      outcome: fc.constantFrom('replied' as const, 'failed' as const, 'neither' as const),
      goesOn: fc.boolean(),
      tookMs: fc.integer({ min: 50, max: 1_000 }),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(30_000) }),
  ),
  { maxLength: 200 },
)

/** Drives a queue as the runner does and follows each job to its one end. */
class Bus {
  readonly queue = new BusQueue<Job>({ ...defaultSchedulingPolicy, queueMax: 30 }, { next: () => 0.5 }, monotonicMs(0))
  readonly open = new Set<number>()
  readonly faults: string[] = []
  #now = 0
  #numbers = 0

  take(step: Step): void {
    switch (step.kind) {
      case 'offer':
        return this.#offer(step)
      case 'turn':
        return this.#turn(step)
      case 'wait':
        this.#now += step.ms
        for (const job of this.queue.takeExpired(monotonicMs(this.#now))) this.#end(job, 'expired')
    }
  }

  /** Lets everything run out. */
  finish(): void {
    for (let i = 0; i < 10_000 && this.open.size > 0; i++) {
      this.#turn({ kind: 'turn', outcome: 'replied', goesOn: false, tookMs: 50 })
      const { wakeAt } = this.#idleAt()
      if (wakeAt !== null) this.#now = Math.max(this.#now, wakeAt)
      for (const job of this.queue.takeExpired(monotonicMs(this.#now))) this.#end(job, 'expired')
    }
    if (this.open.size > 0) this.faults.push(`${this.open.size} jobs never ended`)
    if (this.queue.size !== 0) this.faults.push(`the queue says ${this.queue.size}`)
  }

  #idleAt(): { readonly wakeAt: number | null } {
    const decision = this.queue.next(monotonicMs(this.#now))
    if (decision.kind === 'idle') return decision
    this.#end(decision.job, decision.kind)
    return { wakeAt: this.#now }
  }

  #offer(step: Extract<Step, { kind: 'offer' }>): void {
    const expiresAt = step.lifeMs === null ? null : monotonicMs(this.#now + step.lifeMs)
    const meter: MeterAddress | 'all' = step.meter === 0 ? 'all' : meterAddress(String(step.meter))
    const job: Job = { number: this.#numbers++, meter, priority: step.priority, expiresAt, hasSent: false }
    if (this.queue.offer(job, monotonicMs(this.#now)).kind === 'queued') this.open.add(job.number)
    if (this.queue.size !== this.open.size) this.faults.push(`${this.queue.size} queued, ${this.open.size} open`)
  }

  #turn(step: Extract<Step, { kind: 'turn' }>): void {
    const decision = this.queue.next(monotonicMs(this.#now))
    if (decision.kind === 'idle') return
    const { job } = decision
    const isUrgent = job.priority === 'relay' || job.priority === 'live-call'
    const silent = this.queue.silentMeters().find(({ meter }) => meter === job.meter)
    if (decision.kind === 'hold') {
      if (silent === undefined || isUrgent) this.faults.push('held without need')
      return this.#end(job, 'hold')
    }
    if (silent !== undefined && !isUrgent && silent.nextProbe > this.#now)
      this.faults.push('a silent meter was asked before its time')
    job.hasSent = true
    this.#now += step.tookMs
    const result =
      step.outcome === 'replied' ? ({ kind: 'replied', firstByteMs: 20 } as const) : ({ kind: step.outcome } as const)
    this.queue.report(job, result, step.tookMs, monotonicMs(this.#now))
    if (step.goesOn) this.queue.requeue(job)
    else this.#end(job, 'done')
  }

  #end(job: Job, how: string): void {
    if (!this.open.delete(job.number)) this.faults.push(`job ${job.number} ended twice: ${how}`)
  }
}

await t.test('every job comes to exactly one end, and no silent meter is asked before its time', async (t) => {
  fc.assert(
    fc.property(steps, (taken) => {
      const bus = new Bus()
      for (const step of taken) bus.take(step)
      bus.finish()
      if (bus.faults.length > 0) throw new Error(bus.faults.join('; '))
    }),
    { numRuns: 500 },
  )
  t.pass()
})
