import type { MeterId, TaskId } from '../model/index.js'
import type { PlannedTask } from './site-plan.js'
import { planChange } from './site-plan.js'
import type { SlotOwner } from './slots.js'
import { newOwner } from './slots.js'

type OwnersByMeter = ReadonlyMap<MeterId, ReadonlyMap<TaskId, SlotOwner>>

/** The owners of slots by meter and task. */
export class SlotOwners {
  private byMeter = new Map<MeterId, Map<TaskId, SlotOwner>>()
  private readonly byTask = new Map<TaskId, readonly SlotOwner[]>()

  get(meter: MeterId, task: TaskId): SlotOwner | undefined {
    return this.byMeter.get(meter)?.get(task)
  }

  ofMeter(meter: MeterId): readonly SlotOwner[] {
    return [...(this.byMeter.get(meter)?.values() ?? [])]
  }

  /** One list for all firings of a task: deadlines hold on to it. */
  ofTask(id: TaskId): readonly SlotOwner[] {
    let owners = this.byTask.get(id)
    if (owners === undefined) {
      owners = [...this.byMeter.values()].flatMap((tasks) => tasks.get(id) ?? [])
      this.byTask.set(id, owners)
    }
    return owners
  }

  /** Begins a new plan. @returns the owners so far, to be adopted or retired */
  clear(): OwnersByMeter {
    const before = this.byMeter
    this.byMeter = new Map()
    this.byTask.clear()
    return before
  }

  /** Makes an owner, or goes on with the one before whose slots fit the new plan. */
  adopt(planned: PlannedTask, work: SlotOwner['work'], before: OwnersByMeter): SlotOwner {
    const meter = planned.target.meter.id
    const old = before.get(meter)?.get(planned.task.id)
    let owner = newOwner(planned, work)
    if (old !== undefined && planChange(old.plan, planned) === null) {
      owner = old
      owner.plan = planned
    }
    const tasks = this.byMeter.get(meter) ?? new Map<TaskId, SlotOwner>()
    tasks.set(planned.task.id, owner)
    this.byMeter.set(meter, tasks)
    this.byTask.delete(planned.task.id)
    return owner
  }
}
