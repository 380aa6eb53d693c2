import {
  epochMs,
  type InputError,
  type ItemSource,
  type Meter,
  type Profile,
  type Result,
  type Task,
  type TariffVersion,
} from '../model/index.js'
import { checkTariff } from '../prepaid/index.js'
import type { Placed, Problems } from './problems.js'
import type { SettingsChecks } from './settings.js'

/** A site's lists as far as they could be read, each element with its place. */
export interface Draft {
  readonly utcOffsetMinutes: number
  readonly meters: readonly Placed<Meter>[]
  readonly profiles: readonly Placed<Profile>[]
  readonly tasks: readonly Placed<Task>[]
  readonly tariffs: readonly Placed<TariffVersion>[]
  /** Names that are declared somewhere, also by an element that is bad otherwise: no second error for those. */
  readonly declared: {
    readonly links: ReadonlySet<string>
    readonly profiles: ReadonlySet<string>
    readonly meters: ReadonlySet<string>
    readonly protocols: ReadonlySet<string>
  }
}

/** Slots closer than this would keep a bus busy with one task for ever. */
export const taskSpacingMinMs = 2_000

/** What one file or order cannot see alone: names that nobody bears, names borne twice, texts that only a protocol understands. */
export function crossCheck(draft: Draft, checks: SettingsChecks, problems: Problems): void {
  checkMeters(draft, checks, problems)
  for (const profile of draft.profiles) checkProfile(profile, draft, checks, problems)
  noneTwice(draft.profiles, 'profile', (profile) => profile.name, problems)
  for (const task of draft.tasks) checkTask(task, draft, checks, problems)
  noneTwice(draft.tasks, 'task', (task) => task.id, problems)
  checkTariffs(draft.tariffs, problems)
}

/** Meters with their addresses as their protocols write them: `2` and `000000000002` are one meter. */
export function withPlainAddresses(meters: readonly Placed<Meter>[], checks: SettingsChecks): readonly Placed<Meter>[] {
  return meters.map((meter) => {
    const checked = checks.protocols.get(meter.value.protocol)?.checkAddress(meter.value.address)
    return checked?.ok === true ? { ...meter, value: { ...meter.value, address: checked.value } } : meter
  })
}

/** Notes each element after the first that bears the same name. */
export function noneTwice<T>(
  elements: readonly Placed<T>[],
  what: string,
  nameOf: (value: T) => string,
  problems: Problems,
): void {
  const first = new Map<string, Placed<T>>()
  for (const element of elements) {
    const name = nameOf(element.value)
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, element)
    else problems.add('twice', element.at(), `${what} ${name} stands already at ${earlier.at()}`)
  }
}

function checkMeters(draft: Draft, checks: SettingsChecks, problems: Problems): void {
  noneTwice(draft.meters, 'meter', (meter) => meter.id, problems)
  noneTwice(draft.meters, 'address', (meter) => `${meter.address} on ${meter.link}`, problems)
  const profiles = new Map(draft.profiles.map(({ value }) => [value.name, value]))
  for (const { value: meter, at } of draft.meters) {
    if (!draft.declared.links.has(meter.link))
      problems.add('unknown-link', at(['link']), unknown('link', meter.link, draft.declared.links))
    const profile = profiles.get(meter.profile)
    if (profile !== undefined && profile.protocol !== meter.protocol) {
      problems.add('mismatch', at(['profile']), `${profile.name} is for ${profile.protocol}, the meter speaks ${meter.protocol}`)
    } else if (profile === undefined && !draft.declared.profiles.has(meter.profile)) {
      problems.add('unknown-profile', at(['profile']), unknown('profile', meter.profile, draft.declared.profiles))
    }
    const protocol = checks.protocols.get(meter.protocol)
    if (protocol !== undefined) note(protocol.checkAddress(meter.address), at(['address']), problems)
    else if (!draft.declared.protocols.has(meter.protocol)) {
      problems.add('unknown-protocol', at(['protocol']), unknown('protocol', meter.protocol, checks.protocols.keys()))
    }
  }
}

function checkProfile({ value: profile, at }: Placed<Profile>, draft: Draft, checks: SettingsChecks, problems: Problems): void {
  if (!profile.items.has(profile.billingItem)) {
    problems.add('unknown-item', at(['billingItem']), unknown('item', profile.billingItem, profile.items.keys()))
  }
  const protocol = checks.protocols.get(profile.protocol)
  if (protocol === undefined) {
    if (!draft.declared.protocols.has(profile.protocol))
      problems.add('unknown-protocol', at(['protocol']), unknown('protocol', profile.protocol, checks.protocols.keys()))
    return
  }
  if (profile.relay && protocol.relay === undefined) {
    problems.add('no-relay', at(['relay']), `${profile.protocol} knows no relay orders: expected false`)
  }
  for (const [item, source] of profile.items) {
    for (const { register, path } of registersOf(source)) {
      note(protocol.checkRegister(register), at(['items', item, ...path]), problems)
    }
  }
}

/** Every register that an item names, and where. */
function registersOf(source: ItemSource): readonly { readonly register: string; readonly path: readonly string[] }[] {
  const { register, block, dailyFreeze, dailyRecord, monthlyFreeze, loadRecord } = source
  const parts = { block, dailyRecord, loadRecord }
  const freezes = { dailyFreeze, monthlyFreeze }
  return [
    { register, path: ['register'] },
    ...Object.entries(parts).flatMap(([name, part]) =>
      part === undefined ? [] : [{ register: part.register, path: [name, 'register'] }],
    ),
    ...Object.entries(freezes).flatMap(([name, freeze]) =>
      (['value', 'time', 'day'] as const).flatMap((key) => {
        const text = freeze === undefined ? undefined : new Map<string, unknown>(Object.entries(freeze)).get(key)
        return typeof text === 'string' ? [{ register: text, path: [name, key] }] : []
      }),
    ),
  ]
}

function checkTask(task: Placed<Task>, draft: Draft, checks: SettingsChecks, problems: Problems): void {
  const { value, at } = task
  const cron = cronProblem(value.cron, draft.utcOffsetMinutes, checks)
  if (cron !== null) problems.add('bad-cron', at(['cron']), cron)
  if ('ids' in value.meters) {
    for (const [index, id] of value.meters.ids.entries()) {
      if (!draft.declared.meters.has(id))
        problems.add('unknown-meter', at(['meters', 'ids', index]), `meter ${id} stands in no archive`)
    }
  }
  // With a bad profile among them nobody knows which items there are.
  if (draft.profiles.length < draft.declared.profiles.size) return
  for (const [index, item] of value.items.entries()) {
    if (draft.profiles.some((profile) => profile.value.items.has(item))) continue
    problems.add('unknown-item', at(['items', index]), `item ${item} stands in no profile`)
  }
}

/** Any instant does: the calendar repeats. */
const probe = epochMs(Date.UTC(2026, 0, 1))

function cronProblem(cron: string, utcOffsetMinutes: number, checks: SettingsChecks): string | null {
  try {
    let instant = checks.nextAfter(cron, utcOffsetMinutes, probe)
    for (let match = 0; match < 3; match++) {
      const next = checks.nextAfter(cron, utcOffsetMinutes, instant)
      if (next - instant < taskSpacingMinMs) return `fires more often than every 2 seconds: ${cron}`
      instant = next
    }
    return null
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

function checkTariffs(tariffs: readonly Placed<TariffVersion>[], problems: Problems): void {
  noneTwice(tariffs, 'tariff version', (tariff) => `${tariff.tariff} ${tariff.version}`, problems)
  for (const { value, at } of tariffs) {
    const earlier = tariffs.filter((other) => other.value.tariff === value.tariff && other.value.version < value.version)
    if (earlier.some((other) => other.value.effectiveFrom >= value.effectiveFrom)) {
      problems.add('out-of-order', at(['effectiveFrom']), 'expected a later instant than that of the versions before it')
    }
    for (const error of checkTariff(value)) problems.add(error.code, at(), `${error.at}: ${error.message}`)
  }
}

function note(result: Result<unknown, InputError>, at: string, problems: Problems): void {
  if (!result.ok) problems.add(result.error.code, at, result.error.message)
}

const namesShownMax = 8

/** The words for a name that nobody bears, with those that are known. */
export function unknown(what: string, name: string, known: Iterable<string>): string {
  const names = [...known]
  const shown = names.slice(0, namesShownMax).join(', ')
  const rest = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : ''
  return `there is no ${what} ${name}; ${names.length === 0 ? 'none is declared' : `known: ${shown}${rest}`}`
}
