import type { ItemId, LinkId, MeterAddress, MeterId, TaskId } from './ids.js'

export type MeterRole = 'customer' | 'area-supply' | 'generation'

/** A metering point as the site's archive lists it. */
export interface Meter {
  readonly id: MeterId
  readonly address: MeterAddress
  /** A protocol's registered name: `dlt645-2007`. */
  readonly protocol: string
  readonly link: LinkId
  readonly profile: string
  /** Transformer ratios; registers are secondary values, energy for accounts is multiplied by both. */
  readonly ct: number
  readonly pt: number
  readonly role: MeterRole
  readonly phase: 'A' | 'B' | 'C' | 'ABC'
  /** Meter box, for grouping outages. */
  readonly box: string
  /** A key customer: tasks for `key` meters read it more often. */
  readonly isKey?: true
}

/** What a kind of meter can be asked, as data: item names to that protocol's registers. */
export interface Profile {
  readonly name: string
  readonly protocol: string
  readonly items: ReadonlyMap<ItemId, ItemSource>
  /** Capacity of the billing register in kWh: where it wraps to zero (DL/T 645 energy: 1 000 000). */
  readonly registerWrapKwh: number
  /** The most the connection can carry, for plausibility; primary kW. */
  readonly maxPowerKw: number
  /** The item accounts are charged on. */
  readonly billingItem: ItemId
  readonly relay: boolean
}

/** Where an item comes from: read now, and where the meter itself keeps its history. */
export interface ItemSource {
  readonly register: string
  /** A register that holds this item beside others: several of them are read at once, unless the meter refuses it. */
  readonly block?: ValuePart
  /** Daily freeze: register of the last freeze's values, and that of its time; earlier ones are counted back in their last two digits. */
  readonly dailyFreeze?: { readonly value: string; readonly time: string; readonly depthDays: number }
  /** Daily freezes as records from a time on: many days in one request. Goes before `dailyFreeze`. */
  readonly dailyRecord?: ValuePart & { readonly depthDays: number }
  /** The meter's own freeze of the settlement day, counted back like a daily one. */
  readonly monthlyFreeze?: MonthlyFreeze
  /** Load record: the class register and which of its values, in order, make up this item. */
  readonly loadRecord?: ValuePart & { readonly depthDays: number }
}

/** `time` is the register of the freeze's date and time, counted back with it; `day` the one that says on which day and hour the meter settles. */
export type MonthlyFreeze = { readonly value: string; readonly depthMonths: number } & (
  { readonly time: string } | { readonly day: string }
)

/** Which values of a register, in order, make up an item. */
export interface ValuePart {
  readonly register: string
  readonly from: number
  readonly count: number
}

/** A monthly freeze is the daily one of the day on which its calendar fires, or the meter's own. */
export type TaskKind = 'instantaneous' | 'daily-freeze' | 'monthly-freeze' | 'curve' | 'status' | 'clock'

/** Names items, meters, calendar, priority and depth of back-fill. From tasks follow slots. */
export interface Task {
  readonly id: TaskId
  readonly kind: TaskKind
  /** Five- or six-field cron expression in the site's zone; each firing is one slot for each meter. */
  readonly cron: string
  readonly items: readonly ItemId[]
  /** All meters, or those of some roles, or the key customers, or a list. */
  readonly meters:
    | { readonly all: true }
    | { readonly roles: readonly MeterRole[] }
    | { readonly key: true }
    | { readonly ids: readonly MeterId[] }
  readonly priority: TaskPriority
  /** How far back missing slots are asked from the meter's own memory, in days; 0: never. */
  readonly backfillDays: number
  /** How long after its instant a live value still counts for the slot. */
  readonly liveWindowMs: number
  /** From its instant to the first question to the meters' own memory: a slow meter has not frozen yet; default 0. */
  readonly startDelayMs?: number
  /** Over how long these first questions are spread, evenly over the meters of each link; default 0. */
  readonly spreadMs?: number
  /** When an unfilled slot is closed with its reason, measured from its instant. */
  readonly closesAfterMs: number
}
export type TaskPriority = 'freeze' | 'curve' | 'clock-care'
