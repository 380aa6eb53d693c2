import type { Meter, Profile, Task } from './archive.js'
import type { KeyId } from './ids.js'
import type { Role } from './order.js'
import type { Stream } from './stream.js'
import type { TariffVersion } from './tariff.js'

/** When supply is never cut, in the site's local time. */
export interface BlockedCalendar {
  /** Daily span; `fromMinute` > `toMinute` runs across midnight; null: none. */
  readonly night: { readonly fromMinute: number; readonly toMinute: number } | null
  /** 0 = Sunday … 6. */
  readonly weekdays: readonly number[]
  /** Local dates `YYYY-MM-DD`: holidays, heat and cold orders. */
  readonly dates: readonly string[]
}

export interface PrepaidRules {
  readonly blocked: BlockedCalendar
  /** A balance whose last reading is older than this never cuts. */
  readonly readingStaleAfterMs: number
  /** Life of a relay order inside the meter's frame. */
  readonly relayExpiryMs: number
  /** A register that stands within this part (millionths) below its wrap may wrap. */
  readonly wrapWindowPpm: number
}

export interface RetentionRule {
  readonly stream: Stream
  readonly keepDays: number
  /** Never evicted before every master has acknowledged it. */
  readonly onlyAcknowledged: boolean
  /** Lower goes first when the disk fills; null: never for want of space. */
  readonly evictionOrder: number | null
}

/** A registered public key: a master's from the settings, a technician's by a master's order. */
export interface RegisteredKey {
  readonly id: KeyId
  readonly role: Role
  /** Ed25519, raw 32 bytes, base64url. */
  readonly publicKey: string
}

/** What the site is told to do; versioned as a whole by `hash`. Plain data that crosses to the store's thread. */
export interface SiteParameters {
  readonly concentrator: string
  readonly utcOffsetMinutes: number
  readonly meters: readonly Meter[]
  readonly profiles: readonly Profile[]
  readonly tasks: readonly Task[]
  readonly tariffs: readonly TariffVersion[]
  readonly rules: PrepaidRules
  readonly retention: readonly RetentionRule[]
  readonly keys: readonly RegisteredKey[]
}

/** Sets that an order may replace; each has its own version. */
export const parameterNames = ['archive', 'tariffs', 'tasks', 'rules', 'keys'] as const
export type ParameterName = (typeof parameterNames)[number]
