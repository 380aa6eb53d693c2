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
  /** From an instant to the first question to this meter's own memory: the task's delay and this meter's share of its spread. */
  readonly memoryDelayMs: number
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
  const tasks = parameters.tasks.map((task) => {
    const planned = [...meters.values()]
      .filter((target) => takesPart(target.meter, task))
      .map((target) => planTask(target, task))
      .filter(({ items }) => items.length > 0)
    return { task, meters: spread(planned, task) }
  })
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
    const isFrozen = source.dailyFreeze !== undefined || source.dailyRecord !== undefined
    items.push({ item, source, billing, cumulative: billing || isFrozen })
  }
  return { target, task, items, memoryDelayMs: task.startDelayMs ?? 0 }
}

/** The first questions of a task evenly over its spread, each link for itself. */
function spread(planned: readonly PlannedTask[], { spreadMs = 0 }: Task): readonly PlannedTask[] {
  if (spreadMs === 0) return planned
  const byLink = new Map<LinkId, PlannedTask[]>()
  for (const one of planned) {
    const own = byLink.get(one.target.meter.link)
    if (own === undefined) byLink.set(one.target.meter.link, [one])
    else own.push(one)
  }
  return [...byLink.values()].flatMap((own) =>
    own.map((one, place) => ({ ...one, memoryDelayMs: one.memoryDelayMs + Math.floor((place * spreadMs) / own.length) })),
  )
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
  if ('key' in task.meters) return meter.isKey === true
  return 'roles' in task.meters ? task.meters.roles.includes(meter.role) : task.meters.ids.includes(meter.id)
}
