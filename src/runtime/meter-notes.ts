import { meterNote, rememberNote, type Collection, type MeterNote } from '../collection/index.js'
import { epochMs, taskId, type EpochMs, type Meter, type MeterId, type TaskId } from '../model/index.js'
import type { Store } from '../ports/index.js'

/** A note that the store is to keep; a null body forgets it. */
export interface KeptNote {
  readonly name: string
  readonly body: unknown
}

const prefix = 'meter/'

/** What is to be kept of a meter; it is bound to the device, so that a replaced one is asked for everything. */
export function noteOfMeter(meter: MeterId, meters: readonly Meter[], collection: Collection): KeptNote {
  const device = meters.find(({ id }) => id === meter)
  const note = device === undefined ? null : meterNote(collection.stateOf(meter))
  if (note === null) return { name: prefix + meter, body: null }
  const { refuses, isVanished, lostDays } = note
  return { name: prefix + meter, body: { refuses, isVanished, lostDays: Object.fromEntries(lostDays), address: device?.address } }
}

/** Takes over what an earlier run kept of the meters of the archive, where their devices are still the same. */
export async function recallMeters(store: Pick<Store, 'run'>, meters: readonly Meter[], collection: Collection): Promise<void> {
  const { notes } = await store.run('notes', { prefix })
  const devices = new Map(meters.map((meter) => [prefix + meter.id, meter]))
  for (const { name, body } of notes) {
    const meter = devices.get(name)
    const note = parseNote(body)
    if (meter !== undefined && note?.address === meter.address) rememberNote(collection.stateOf(meter.id), note)
  }
}

/** Another release may have written it: what does not fit is learnt again. */
function parseNote(body: unknown): (MeterNote & { readonly address: string }) | null {
  if (typeof body !== 'object' || body === null) return null
  const { refuses, isVanished, lostDays, address } = body as Readonly<Record<string, unknown>>
  if (typeof refuses !== 'object' || refuses === null || typeof address !== 'string') return null
  const times = Object.entries(refuses).flatMap(([ability, at]: [string, unknown]) =>
    typeof at === 'number' && Number.isSafeInteger(at) ? [[ability, at] as const] : [],
  )
  return { refuses: Object.fromEntries(times), isVanished: isVanished === true, lostDays: parseDays(lostDays), address }
}

function parseDays(lostDays: unknown): ReadonlyMap<TaskId, readonly EpochMs[]> {
  const days = Object.entries((lostDays ?? {}) as Readonly<Record<string, unknown>>).flatMap(([task, listed]) =>
    Array.isArray(listed) && listed.every((day): day is number => Number.isSafeInteger(day))
      ? [[taskId(task), listed.map((day) => epochMs(day))] as const]
      : [],
  )
  return new Map(days)
}
