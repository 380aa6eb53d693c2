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
  /** Daily freeze: register of the last freeze's values; its time stands in `dailyFreezeTime`. */
  readonly dailyFreeze?: { readonly value: string; readonly time: string; readonly depthDays: number }
  /** Load record: the class register and which of its values, in order, make up this item. */
  readonly loadRecord?: { readonly register: string; readonly from: number; readonly count: number; readonly depthDays: number }
}

export type TaskKind = 'instantaneous' | 'daily-freeze' | 'curve' | 'status' | 'clock'

/** Names items, meters, calendar, priority and depth of back-fill. From tasks follow slots. */
export interface Task {
  readonly id: TaskId
  readonly kind: TaskKind
  /** Five- or six-field cron expression in the site's zone; each firing is one slot for each meter. */
  readonly cron: string
  readonly items: readonly ItemId[]
  /** All meters, or those of some roles, or a list. */
  readonly meters: { readonly all: true } | { readonly roles: readonly MeterRole[] } | { readonly ids: readonly MeterId[] }
  readonly priority: TaskPriority
  /** How far back missing slots are asked from the meter's own memory, in days; 0: never. */
  readonly backfillDays: number
  /** How long after its instant a live value still counts for the slot. */
  readonly liveWindowMs: number
  /** When an unfilled slot is closed with its reason, measured from its instant. */
  readonly closesAfterMs: number
}
export type TaskPriority = 'freeze' | 'curve' | 'clock-care'
