import type { AccountId, LinkId, MeterId } from './ids.js'
import type { Stamp } from './reading.js'

export type Severity = 'info' | 'warning' | 'alarm'

/**
 * Something a master or a technician must be able to find later: a record of the `event` stream.
 * `code` is stable, kebab-case, `area.what`: `bus.port-lost`, `account.transition`, `order.refused`, `store.salvaged`.
 */
export interface EventFact {
  readonly code: string
  readonly severity: Severity
  readonly meter?: MeterId
  readonly account?: AccountId
  readonly link?: LinkId
  /** The readings, frames and figures that caused it; never a secret. Amounts and energies are decimal text. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface EventRecord extends EventFact {
  readonly stamp: Stamp
}
