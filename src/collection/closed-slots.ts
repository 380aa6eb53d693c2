import type { EpochMs, MeterId, TaskId } from '../model/index.js'
import { epochMs } from '../model/index.js'
import { countUntil } from './sorted.js'

/** Slots that stand in the store with their points: `count` of them, `stepMs` apart, from `slotAt` on; one when both are left out. */
export interface ClosedSlot {
  readonly meter: MeterId
  readonly task: TaskId
  readonly slotAt: EpochMs
  readonly stepMs?: number
  readonly count?: number
}

/** The instants of the slots, each once, ascending: what many meters have in common is looked at once. */
export function closedInstants(slots: readonly ClosedSlot[]): readonly EpochMs[] {
  const runs = new Map(slots.map((slot) => [`${slot.slotAt} ${slot.stepMs} ${slot.count}`, slot]))
  const instants = new Set<EpochMs>()
  for (const { slotAt, stepMs = 0, count = 1 } of runs.values()) {
    for (let nth = 0; nth < count; nth++) instants.add(epochMs(slotAt + nth * stepMs))
  }
  return [...instants].sort((a, b) => a - b)
}

interface Run {
  readonly first: number
  readonly last: number
  readonly stepMs: number
  /** The latest instant of this run and of all that begin before it. */
  readonly reach: number
}

/** Looks up which slots ended. Held as runs: a day of slots of one meter and task is one entry, however close they lie. */
export class ClosedSlots {
  private readonly runs = new Map<string, Run[]>()

  constructor(slots: readonly ClosedSlot[]) {
    for (const { meter, task, slotAt, stepMs = 1, count = 1 } of [...slots].sort((a, b) => a.slotAt - b.slotAt)) {
      const key = `${meter} ${task}`
      const runs = this.runs.get(key) ?? []
      const last = slotAt + (count - 1) * stepMs
      runs.push({ first: slotAt, last, stepMs, reach: Math.max(runs.at(-1)?.reach ?? last, last) })
      this.runs.set(key, runs)
    }
  }

  has(meter: MeterId, task: TaskId, at: EpochMs): boolean {
    const runs = this.runs.get(`${meter} ${task}`) ?? []
    let index = countUntil(runs, at, (run) => run.first) - 1
    for (let run = runs[index]; run !== undefined && run.reach >= at; run = runs[--index]) {
      if (at <= run.last && (at - run.first) % run.stepMs === 0) return true
    }
    return false
  }
}
