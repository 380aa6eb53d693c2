import type { EpochMs, MeterId, TaskId } from '../model/index.js'
import { taskId } from '../model/index.js'
import type { WatchHint } from '../ports/index.js'
import { Coverage } from './coverage.js'
import { TimeHeap } from './heap.js'
import type { Now } from './now.js'
import type { CollectionSettings } from './settings.js'
import type { PlannedMeter, PlannedTask } from './site-plan.js'
import { planTask } from './site-plan.js'

/** Reads that an account asks for before its balance can reach a threshold. */
export const watchTaskId = taskId('threshold-watch')
/** Reads at the instants where a tariff changes its rate. */
export const boundaryTaskId = taskId('boundary')

/** The read behind both: the billing item alone, live or not at all. */
export function watchPlan(target: PlannedMeter, id: TaskId, settings: CollectionSettings): PlannedTask {
  return planTask(target, {
    id,
    kind: 'instantaneous',
    cron: '',
    items: [target.profile.billingItem],
    meters: { ids: [target.meter.id] },
    priority: 'curve',
    backfillDays: 0,
    liveWindowMs: settings.watchWindowMs,
    closesAfterMs: settings.watchWindowMs,
  })
}

/** A watch starts this long before its hint's last moment: one exchange with its repeats. */
const LEAD_MS = 5_000
/** A meter is not watched more often than this, whatever the hints say. */
const GAP_MS_MIN = 15_000

/** Replaced hints stay in the heap until their time; with more than this and twice the watches it is built anew. */
const STALE_MAX = 64

interface Watch {
  /** −∞ once it was handed out. */
  dueAt: number
  startedAt: number
  failures: number
  relay: boolean
}

/** When which meter is to be read for its account: one watch a meter, the latest hint counts. */
export class ThresholdWatch {
  private readonly watches = new Map<MeterId, Watch>()
  private heap = new TimeHeap<{ readonly meter: MeterId; readonly dueAt: number }>()
  private readonly settings: CollectionSettings

  constructor(settings: CollectionSettings) {
    this.settings = settings
  }

  get nextAt(): number | null {
    return this.heap.nextAt
  }

  /** Entries held, for whoever checks that they stay few. */
  get size(): number {
    return this.heap.size
  }

  hint({ meter, readBy, relay }: WatchHint, now: Now): void {
    const known = this.watches.get(meter)
    const startedAt = known?.startedAt ?? -Infinity
    const dueAt = Math.max(now.monotonic + readBy - now.wall - LEAD_MS, startedAt + GAP_MS_MIN, now.monotonic)
    this.put(meter, { dueAt, startedAt, failures: 0, relay: relay ?? false })
  }

  /** A watch brought nothing: it is tried anew, ever more rarely, until a new hint comes. */
  failed(meter: MeterId, now: Now): void {
    const known = this.watches.get(meter)
    if (known === undefined || known.dueAt > now.monotonic) return
    const { watchRetryMs, watchRetryMsMax } = this.settings
    const pauseMs = Math.min(watchRetryMs * 2 ** known.failures, watchRetryMsMax)
    this.put(meter, { ...known, dueAt: now.monotonic + pauseMs, failures: known.failures + 1 })
  }

  /** Meters to be read now, and whether their relay as well. */
  due(now: Now): readonly { readonly meter: MeterId; readonly relay: boolean }[] {
    const due: { meter: MeterId; relay: boolean }[] = []
    for (let one = this.heap.popUntil(now.monotonic); one !== null; one = this.heap.popUntil(now.monotonic)) {
      const watch = this.watches.get(one.meter)
      if (watch === undefined || watch.dueAt !== one.dueAt) continue
      watch.startedAt = now.monotonic
      watch.dueAt = -Infinity
      due.push({ meter: one.meter, relay: watch.relay })
    }
    return due
  }

  forget(meter: MeterId): void {
    this.watches.delete(meter)
  }

  private put(meter: MeterId, watch: Watch): void {
    this.watches.set(meter, watch)
    if (this.heap.size >= 2 * this.watches.size + STALE_MAX) {
      this.heap = new TimeHeap()
      for (const [id, { dueAt }] of this.watches) if (dueAt > -Infinity) this.heap.push(dueAt, { meter: id, dueAt })
    } else this.heap.push(watch.dueAt, { meter, dueAt: watch.dueAt })
  }
}

/** Meters with accounts of one tariff, and its next change of rate. */
export interface BoundaryGroup {
  readonly tariff: string
  readonly meters: readonly MeterId[]
}

interface Boundary extends BoundaryGroup {
  nextAt: EpochMs | null
  /** Boundaries that were read: a clock that steps back brings them a second time. */
  readonly handled: Coverage
}

/** The next instants at which tariffs change their rate; wall time, so each step of the clock looks anew. */
export class Boundaries {
  private groups: Boundary[] = []
  private readonly nextBoundary: (tariff: string, after: EpochMs) => EpochMs | null

  /** @param nextBoundary the first change of rate, season or version strictly after an instant; null: none */
  constructor(nextBoundary: (tariff: string, after: EpochMs) => EpochMs | null) {
    this.nextBoundary = nextBoundary
  }

  set(groups: readonly BoundaryGroup[], now: Now): void {
    const handled = new Map(this.groups.map((group) => [group.tariff, group.handled]))
    this.groups = groups.map(({ tariff, meters }) => {
      const nextAt = this.nextBoundary(tariff, now.wall)
      return { tariff, meters, nextAt, handled: handled.get(tariff) ?? new Coverage() }
    })
  }

  /** The wall clock was stepped: what comes next is asked anew; a boundary that was read is not read twice. */
  stepped(now: Now): void {
    this.set(this.groups, now)
  }

  /** Monotonic time of the next boundary. */
  nextAt(now: Now): number | null {
    const next = this.groups.reduce((least, group) => Math.min(least, group.nextAt ?? Infinity), Infinity)
    return next === Infinity ? null : now.monotonic + next - now.wall
  }

  due(now: Now): readonly { readonly at: EpochMs; readonly meters: readonly MeterId[] }[] {
    const due: { at: EpochMs; meters: readonly MeterId[] }[] = []
    for (const group of this.groups) {
      const at = group.nextAt
      if (at === null || at > now.wall) continue
      group.nextAt = this.nextBoundary(group.tariff, now.wall)
      if (group.handled.has(at)) continue
      group.handled.add(at, at)
      due.push({ at, meters: group.meters })
    }
    return due
  }
}
