import { z } from 'zod'
import {
  itemId,
  linkId,
  meterAddress,
  meterId,
  taskId,
  type ItemSource,
  type Meter,
  type Profile,
  type Task,
  type TaskKind,
} from '../model/index.js'
import { checked, flag, idText, list, oneOf, remark, section, text, whole } from './scalars.js'

/** Most meters of one concentrator; a larger archive is refused. */
export const metersMax = 5000
export const profilesMax = 64
export const itemsMax = 64
export const tasksMax = 64
const minuteMs = 60_000

/** The longest is a DL/T 698.45 record with sixteen columns. */
const registerText = text(
  /^[0-9A-Za-z.:,/#-]{1,160}$/,
  'a register in quotes, in the notation of its protocol, such as "0001FF00"',
)
const addressText = text(/^[0-9A-Za-z.:-]{1,32}$/, 'an address in quotes, such as "000000000001"')
const depth = whole(1, 400, 'a number of days')
const months = whole(1, 120, 'a number of months')

export const meterSchema = section({
  id: idText,
  address: addressText,
  protocol: idText,
  link: idText,
  profile: idText,
  ct: whole(1, 999_999, 'a transformer ratio').default(1),
  pt: whole(1, 999_999, 'a transformer ratio').default(1),
  role: oneOf(['customer', 'area-supply', 'generation']).default('customer'),
  phase: oneOf(['A', 'B', 'C', 'ABC']).default('ABC'),
  box: remark.default(''),
  key: flag.default(false),
}).transform(({ key, ...meter }): Meter => ({
  ...meter,
  ...(key && { isKey: true }),
  id: meterId(meter.id),
  address: meterAddress(meter.address),
  link: linkId(meter.link),
}))

const valuePart = {
  register: registerText,
  from: whole(0, 63, 'the position of the first value'),
  count: whole(1, 64, 'a number of values'),
}
const monthlyForms = 'expected value and depthMonths, and either time (its date and time) or day (day and hour of settlement)'

const itemSchema = section({
  register: registerText,
  block: section(valuePart).optional(),
  dailyFreeze: section({ value: registerText, time: registerText, depthDays: depth }).optional(),
  dailyRecord: section({ ...valuePart, depthDays: depth }).optional(),
  monthlyFreeze: z
    .union(
      [
        section({ value: registerText, time: registerText, depthMonths: months }),
        section({ value: registerText, day: registerText, depthMonths: months }),
      ],
      { error: monthlyForms },
    )
    .optional(),
  loadRecord: section({ ...valuePart, depthDays: depth }).optional(),
}).transform(({ register, block, dailyFreeze, dailyRecord, monthlyFreeze, loadRecord }): ItemSource => ({
  register,
  ...(block && { block }),
  ...(dailyFreeze && { dailyFreeze }),
  ...(dailyRecord && { dailyRecord }),
  ...(monthlyFreeze && { monthlyFreeze }),
  ...(loadRecord && { loadRecord }),
}))

/** A kind of meter: one file of `profiles/`. */
export const profileSchema = section({
  name: idText,
  protocol: idText,
  items: z
    .record(idText, itemSchema, { error: 'expected a mapping of item names to their registers' })
    .refine((items) => Object.keys(items).length <= itemsMax, { error: `expected at most ${itemsMax} items` }),
  billingItem: idText,
  registerWrapKwh: whole(1, 1_000_000_000, 'the kWh at which the billing register wraps to zero'),
  maxPowerKw: whole(1, 1_000_000, 'the most the connection can carry in primary kW'),
  relay: flag,
}).transform((profile): Profile => ({
  ...profile,
  items: new Map(Object.entries(profile.items).map(([name, source]) => [itemId(name), source])),
  billingItem: itemId(profile.billingItem),
}))

const taskKinds = [
  'instantaneous',
  'daily-freeze',
  'monthly-freeze',
  'curve',
  'status',
  'clock',
] as const satisfies readonly TaskKind[]
const meterChoice = 'expected `all`, `key`, `roles: [customer, …]` or `ids: [METER, …]`'
const minutes = whole(1, 60 * 24 * 40, 'minutes')
const delay = whole(0, 12 * 3600, 'seconds')

const taskShape = section({
  id: idText,
  kind: oneOf(taskKinds),
  cron: text(/^[^\p{Cc}]{9,200}$/u, 'a cron expression of five or six fields, such as "*/15 * * * *"'),
  items: list(idText, itemsMax, 'item names').min(1, { error: 'expected at least one item name' }),
  meters: z
    .union(
      [
        z.literal('all').transform(() => ({ all: true as const })),
        z.literal('key').transform(() => ({ key: true as const })),
        section({ roles: list(oneOf(['customer', 'area-supply', 'generation']), 3, 'roles') }),
        section({ ids: list(idText, metersMax, 'meter ids') }).transform(({ ids }) => ({ ids: ids.map(meterId) })),
      ],
      { error: meterChoice },
    )
    .default({ all: true }),
  priority: oneOf(['freeze', 'curve', 'clock-care']).optional(),
  backfillDays: whole(0, 400, 'a number of days').optional(),
  liveWindowMinutes: minutes.optional(),
  closesAfterMinutes: minutes.optional(),
  startDelaySeconds: delay.optional(),
  spreadSeconds: delay.optional(),
}).transform(
  ({ priority, backfillDays, liveWindowMinutes, closesAfterMinutes, startDelaySeconds, spreadSeconds, ...task }): Task => {
    const defaults = defaultsOf(task.kind)
    const startDelayMs = (startDelaySeconds ?? defaults.startDelaySeconds) * 1000
    const spreadMs = (spreadSeconds ?? defaults.spreadSeconds) * 1000
    return {
      ...task,
      ...(startDelayMs > 0 && { startDelayMs }),
      ...(spreadMs > 0 && { spreadMs }),
      id: taskId(task.id),
      items: task.items.map(itemId),
      priority: priority ?? defaults.priority,
      backfillDays: backfillDays ?? defaults.backfillDays,
      liveWindowMs: (liveWindowMinutes ?? defaults.liveWindowMinutes) * minuteMs,
      closesAfterMs: (closesAfterMinutes ?? defaults.closesAfterMinutes) * minuteMs,
    }
  },
)

/** Names items, meters and a calendar. Defaults follow the kind: see `defaultsOf`. */
export const taskSchema = checked(taskShape, ({ closesAfterMs, liveWindowMs }) =>
  closesAfterMs >= liveWindowMs ? [] : [{ path: ['closesAfterMinutes'], message: 'expected at least liveWindowMinutes' }],
)

interface TaskDefaults {
  readonly priority: Task['priority']
  readonly backfillDays: number
  readonly liveWindowMinutes: number
  readonly closesAfterMinutes: number
  readonly startDelaySeconds: number
  readonly spreadSeconds: number
}

const atOnce = { startDelaySeconds: 0, spreadSeconds: 0 }

/**
 * What a task does not say. A freeze belongs to midnight and is asked for from 00:05, over two minutes, until the meters' memory has
 * been tried for three days. A monthly one waits six hours for the daily one of its day before the meter is asked for its own;
 * curve values are asked live for a third of their usual spacing and from the load record until 06:00 of the next day.
 */
function defaultsOf(kind: TaskKind): TaskDefaults {
  switch (kind) {
    case 'daily-freeze':
      return {
        ...{ priority: 'freeze', backfillDays: 3, liveWindowMinutes: 30, closesAfterMinutes: 3 * 24 * 60 },
        ...{ startDelaySeconds: 5 * 60, spreadSeconds: 2 * 60 },
      }
    case 'monthly-freeze':
      return {
        ...{ priority: 'freeze', backfillDays: 3, liveWindowMinutes: 1, closesAfterMinutes: 3 * 24 * 60 },
        ...{ startDelaySeconds: 6 * 3600, spreadSeconds: 30 * 60 },
      }
    case 'curve':
      return { priority: 'curve', backfillDays: 1, liveWindowMinutes: 5, closesAfterMinutes: 30 * 60, ...atOnce }
    case 'instantaneous':
    case 'status':
      return { priority: 'curve', backfillDays: 0, liveWindowMinutes: 10, closesAfterMinutes: 10, ...atOnce }
    case 'clock':
      return { priority: 'clock-care', backfillDays: 0, liveWindowMinutes: 60, closesAfterMinutes: 60, ...atOnce }
  }
}
