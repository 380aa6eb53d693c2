import type { AbsenceReason, ItemId, ItemSource, LinkId, Meter, MeterId, Profile, SiteParameters, Task } from '../model/index.js'

/** An item of a task as a given meter can deliver it. */
export interface PlannedItem {
  readonly item: ItemId
  readonly source: ItemSource
  /** A register that only ever grows: it is checked against the last good value before use. */
  readonly cumulative: boolean
  /** The item accounts are charged on: its instant is the instant of the point. */
  readonly billing: boolean
}

/** A meter with its profile, resolved. */
export interface PlannedMeter {
  readonly meter: Meter
  readonly profile: Profile
}

/** One meter of one task with the items that its profile knows. */
export interface PlannedTask {
  readonly target: PlannedMeter
  readonly task: Task
  readonly items: readonly PlannedItem[]
}

export interface SitePlan {
  readonly utcOffsetMinutes: number
  readonly meters: ReadonlyMap<MeterId, PlannedMeter>
  readonly links: readonly LinkId[]
  readonly tasks: readonly { readonly task: Task; readonly meters: readonly PlannedTask[] }[]
}

/**
 * Resolves the site's parameters. A meter whose profile is missing takes no part (the settings refuse such an archive);
 * an item that a meter's profile does not name is not due for that meter.
 */
export function planSite(parameters: SiteParameters): SitePlan {
  const profiles = new Map(parameters.profiles.map((profile) => [profile.name, profile]))
  const meters = new Map<MeterId, PlannedMeter>()
  for (const meter of parameters.meters) {
    const profile = profiles.get(meter.profile)
    if (profile !== undefined) meters.set(meter.id, { meter, profile })
  }
  const tasks = parameters.tasks.map((task) => ({
    task,
    meters: [...meters.values()]
      .filter((target) => takesPart(target.meter, task))
      .map((target) => planTask(target, task))
      .filter((planned) => planned.items.length > 0),
  }))
  return {
    utcOffsetMinutes: parameters.utcOffsetMinutes,
    meters,
    links: [...new Set([...meters.values()].map((target) => target.meter.link))],
    tasks,
  }
}

/** The items of `task` for one meter. */
export function planTask(target: PlannedMeter, task: Task): PlannedTask {
  const items: PlannedItem[] = []
  for (const item of task.items) {
    const source = target.profile.items.get(item)
    if (source === undefined) continue
    const billing = item === target.profile.billingItem
    items.push({ item, source, billing, cumulative: billing || source.dailyFreeze !== undefined })
  }
  return { target, task, items }
}

/** Why two plans of one meter and task cannot share open slots; null: they can. */
export function planChange(before: PlannedTask, after: PlannedTask): Extract<AbsenceReason, 'meter-replaced' | 'no-time'> | null {
  const [old, next] = [before.target.meter, after.target.meter]
  if (old.address !== next.address || old.protocol !== next.protocol) return 'meter-replaced'
  const sameItems =
    before.items.length === after.items.length &&
    before.items.every((item, index) => JSON.stringify(item) === JSON.stringify(after.items[index]))
  return sameItems && old.link === next.link && before.task.kind === after.task.kind ? null : 'no-time'
}

function takesPart(meter: Meter, task: Task): boolean {
  if ('all' in task.meters) return true
  return 'roles' in task.meters ? task.meters.roles.includes(meter.role) : task.meters.ids.includes(meter.id)
}
