import { calendarOn } from '../../src/calendar.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { ok, type EpochMs, type LinkId, type MeterAddress, type SiteParameters } from '../../src/model/index.js'
import type {
  Effects,
  Effect,
  Job,
  JobResult,
  MeterProtocol,
  ReadOutcome,
  ReadPlan,
  RelayState,
  Runner,
  Session,
  Store,
} from '../../src/ports/index.js'
import { Collector, type CollectorOptions } from '../../src/runtime/collector.js'
import { answerOne, bad, utcOffsetMinutes } from './core-bench.js'
import { silentLog } from './collection-bench.js'
import { testSite } from './collection-site.js'
import { PointStore } from './point-store.js'

export type Mode = 'good' | 'silent' | 'garbled' | 'mixed' | 'down' | 'held' | 'expired' | 'refused'
export const modes: readonly Mode[] = ['good', 'silent', 'garbled', 'mixed', 'down', 'held', 'expired', 'refused']

/** The shell of the collection on a runner that answers by a mode, in virtual time. */
export class ShellBench {
  readonly time: VirtualTime
  readonly store = new PointStore()
  readonly effects: Effects[] = []
  readonly faults: Error[] = []
  readonly broadcasts: (MeterAddress | 'all')[] = []
  readonly jobs: string[] = []
  mode: Mode = 'good'
  /** How long a job is on the bus. */
  jobMs = 300
  collector: Collector
  parameters: SiteParameters
  meterFastMs = 0
  /** Registers that meters do not know. */
  readonly refused = new Set<string>()
  relayState: RelayState = { kind: 'known', contact: 'open', command: 'trip', alarm: true, protected: false, word: '0050' }
  private asked = 0
  private boots = 1
  /** Another one after each kill. */
  private life = {}
  private readonly changes: Partial<CollectorOptions>

  constructor(start: EpochMs, site: Partial<SiteParameters>, changes: Partial<CollectorOptions> = {}) {
    this.time = new VirtualTime({ wallStart: start })
    this.parameters = testSite([], { utcOffsetMinutes, ...site })
    this.changes = changes
    this.collector = this.newCollector()
  }

  /** The process dies and starts again. @param wallChangeMs what the wall clock made of the time between */
  async restart(downMs: number, wallChangeMs = 0): Promise<void> {
    await this.collector.close()
    await this.time.runFor(downMs)
    if (wallChangeMs !== 0) this.time.stepWall(wallChangeMs)
    this.time.boot = `boot-${++this.boots}`
    this.collector = this.newCollector()
    await this.collector.start()
  }

  /** The process dies at this instant and starts again: nothing it still does reaches the store. */
  async killAndRestart(downMs: number): Promise<void> {
    this.kill()
    await this.time.runFor(downMs)
    this.time.boot = `boot-${++this.boots}`
    this.collector = this.newCollector()
    await this.collector.start()
  }

  /** From now on nothing of this process reaches the store. */
  kill(): void {
    this.life = {}
  }

  readonly protocol: MeterProtocol = {
    name: 'dlt645-2007',
    read: (plan) => settledSession<readonly ReadOutcome[]>(this.answer(plan)),
    checkRegister: (register) =>
      /^[0-9A-F]{8}$/.test(register)
        ? ok(register)
        : { ok: false, error: { code: 'bad-register', at: '0', message: 'no register' } },
    checkAddress: (address) => ok(address as MeterAddress),
    relay: {
      order: () => settledSession({ kind: 'not-sent' }),
      state: () => settledSession(this.relayState),
    },
    clock: {
      read: () =>
        settledSession({ ok: false, error: { code: 'no-reply', retry: 'later', errors: [], message: '', frame: null } }),
      broadcast: () => settledSession('sent'),
    },
    scanner: () => () => ({ kind: 'incomplete' }),
  }

  private answer(plan: ReadPlan): readonly ReadOutcome[] {
    const { at } = this.time.wall()
    const now = { monotonic: this.time.monotonic(), wall: (at + this.meterFastMs) as EpochMs, trusted: true, boot: '' }
    return plan.registers.map((request) => {
      const { register } = request
      if (this.refused.has(register)) return bad(register, 'refused', { retry: 'never', errors: ['no-such-data'] })
      switch (this.mode) {
        case 'silent':
          return bad(register, 'no-reply')
        case 'garbled':
          return bad(register, 'garbled')
        case 'down':
          return bad(register, 'bus-down')
        case 'mixed':
          return this.asked++ % 3 === 0 ? bad(register, 'no-reply') : answerOne(request, now)
        case 'good':
        case 'held':
        case 'expired':
        case 'refused':
          return answerOne(request, now)
      }
    })
  }

  runnersOf(links: readonly LinkId[]): ReadonlyMap<LinkId, Runner> {
    return new Map(links.map((link) => [link, this.newRunner(link)]))
  }

  private newRunner(link: LinkId): Runner {
    const { time } = this
    let ends = 0
    return {
      link,
      concurrency: 1,
      run: <T>(job: Job<T>): Promise<JobResult<T>> => {
        this.jobs.push(job.priority)
        ends = Math.max(ends, time.monotonic()) + this.jobMs
        return new Promise((resolve) => {
          time.after(ends - time.monotonic(), () => {
            if (this.mode === 'held' || this.mode === 'refused') return resolve({ kind: this.mode })
            if (this.mode === 'expired') return resolve({ kind: 'expired', sent: true })
            const { effect } = job.session
            if (job.priority === 'clock-care' && effect.kind === 'settled' && effect.outcome === 'sent')
              this.broadcasts.push(job.meter)
            if (effect.kind === 'settled') resolve({ kind: 'settled', outcome: effect.outcome })
          })
        })
      },
      snapshot: () => ({
        link,
        up: true,
        queued: 0,
        exchanges: 0,
        replies: 0,
        silent: 0,
        garbled: 0,
        busyMs: 0,
        probeMs: 0,
        silentMeters: [],
      }),
      turned: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
  }

  private newCollector(): Collector {
    const { time, store, life } = this
    const living: Store = {
      run: (command, input) => (this.life === life ? store.run(command, input) : new Promise(() => {})),
      onAppended: () => store.onAppended(),
      onFault: () => store.onFault(),
      close: () => store.close(),
    }
    const links = [...new Set(this.parameters.meters.map((meter) => meter.link))]
    return new Collector({
      clock: time,
      timers: time,
      calendar: calendarOn({ clock: time, timers: time, onSkipped: () => {} }),
      store: living,
      log: silentLog,
      runners: this.runnersOf(links),
      protocols: new Map([[this.protocol.name, this.protocol]]),
      parameters: this.parameters,
      onEffects: (effects) => this.effects.push(effects),
      onMeterClock: () => {},
      onFault: (error) => this.faults.push(error),
      ...this.changes,
    })
  }
}

/** A session that is over before it began: what the meter would say is known. */
function settledSession<T>(outcome: T): Session<T> {
  const effect: Effect<T> = { kind: 'settled', outcome }
  const session: Session<T> = { effect, step: () => session }
  return session
}
