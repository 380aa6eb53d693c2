import type { AccountId, KeyId, MeterId } from './ids.js'
import type { AccountLimits, AccountUnit } from './account.js'
import type { ParameterName } from './parameters.js'
import type { Stream } from './stream.js'
import type { EnergyMwh, EpochMs, Micro } from './units.js'

/** What an authorised instruction may ask for. Master, console and the concentrator's own rules use the same kinds. */
export type OrderBody =
  | {
      readonly kind: 'open-account'
      readonly account: AccountId
      readonly meter: MeterId
      readonly unit: AccountUnit
      readonly tariff: string
      readonly limits: AccountLimits
      readonly opening: Micro
    }
  | { readonly kind: 'close-account'; readonly account: AccountId }
  | {
      readonly kind: 'credit'
      readonly account: AccountId
      readonly amount: Micro
      readonly purchase: number
      readonly idempotencyKey: string
    }
  | {
      readonly kind: 'adjust'
      readonly account: AccountId
      readonly amount: Micro
      readonly reason: string
      readonly resumePricing: boolean
      readonly idempotencyKey: string
    }
  | { readonly kind: 'agree'; readonly account: AccountId; readonly entry: number; readonly chainHash: string }
  | { readonly kind: 'disconnect'; readonly meter: MeterId }
  | { readonly kind: 'permit-to-close'; readonly meter: MeterId }
  | { readonly kind: 'protect'; readonly meter: MeterId; readonly on: boolean; readonly until: EpochMs | null }
  | { readonly kind: 'alarm'; readonly meter: MeterId; readonly on: boolean }
  | { readonly kind: 'read-now'; readonly meter: MeterId; readonly registers: readonly string[] }
  | { readonly kind: 'set-clock'; readonly meter: MeterId | 'all' }
  | { readonly kind: 'set-time'; readonly at: EpochMs }
  | {
      readonly kind: 'replace-meter'
      readonly meter: MeterId
      readonly newAddress: string
      readonly finalEnergy: EnergyMwh | null
      readonly initialEnergy: EnergyMwh
      readonly at: EpochMs
      readonly witness: string
    }
  | { readonly kind: 'set-parameters'; readonly name: ParameterName; readonly version: number; readonly body: unknown }
  | { readonly kind: 'replay'; readonly stream: Stream; readonly first: number; readonly count: number }
export type OrderKind = OrderBody['kind']

/** Who asked. `rule` is the concentrator itself: an account's transition. */
export type OrderOrigin =
  | { readonly by: 'master' | 'console'; readonly key: KeyId; readonly number: number }
  | { readonly by: 'rule'; readonly account: AccountId; readonly number: number }

export type Role = 'viewer' | 'technician' | 'administrator' | 'master'

/** An order whose signature, target, number and window were found good. */
export interface AuthorisedOrder {
  readonly origin: OrderOrigin
  readonly role: Role
  readonly body: OrderBody
  readonly notBefore: EpochMs
  readonly expiry: EpochMs
}

/** What the relay of a meter can be told. */
export type RelayCommand = 'trip' | 'permit-to-close' | 'alarm-on' | 'alarm-off' | 'protect-on' | 'protect-off'

/** Life of a journalled order. `unknown`: sent, no answer; it is verified, never sent again blindly. */
export const orderStages = ['journalled', 'sending', 'unknown', 'done', 'refused', 'expired', 'failed'] as const
export type OrderStage = (typeof orderStages)[number]

/** A row of the order journal. */
export interface JournalledOrder {
  readonly id: number
  readonly order: AuthorisedOrder
  readonly stage: OrderStage
  /** How often a request left for the meter; each one but the first was preceded by a verification that it had not acted. */
  readonly attempts: number
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>
}
