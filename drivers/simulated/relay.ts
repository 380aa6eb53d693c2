import { minuteMs } from '../../src/model/index.js'
import type { RelayWord } from '../../src/protocols/dlt645/index.js'

export type RelayRefusal = 'protected' | 'restore-time' | 'already-tripped'
export type RelayVerdict =
  /** `word` is the execution word of newer meters. */
  { readonly accepted: true; readonly word: number } | { readonly accepted: false; readonly refusal: RelayRefusal }

/** One thing that happened to a relay; `at` is true time, ms. */
export interface RelayAction {
  readonly at: number
  readonly cause: 'order' | 'button' | 'delay' | 'restore' | 'control'
  readonly command: string
  readonly accepted: boolean
  readonly refusal: string | null
  /** End of the order's life as its frame says it, by which orders can be told apart: `2026-03-01 10:00:00`. */
  readonly expiry: string | null
  readonly contactBefore: Contact
  readonly contactAfter: Contact
}
export type Contact = 'closed' | 'open'

/** Actions kept; the oldest are dropped, `dropped` counts them. */
export const relayActionsMax = 10_000

/** What the meter's contact is to do later. */
type Pending =
  | { readonly kind: 'none' }
  | { readonly kind: 'trip'; readonly at: number; readonly restore: Restore | null }
  | { readonly kind: 'restore'; readonly at: number; readonly how: 'close' | 'permit' }
interface Restore {
  readonly afterMs: number
  readonly how: 'close' | 'permit'
}

const restoreStepMs = 5 * minuteMs

/** The supply relay of a meter with its alarm and protection, and the log of all that happened to it. */
export class SupplyRelay {
  readonly actions: RelayAction[] = []
  dropped = 0
  /** Parameter 04001401: how long a trip waits. */
  tripDelayMinutes: number
  #contact: Contact = 'closed'
  #command: 'close' | 'trip' = 'close'
  #mayClose = false
  #alarm = false
  #protected = false
  #pending: Pending = { kind: 'none' }

  constructor(tripDelayMinutes: number) {
    this.tripDelayMinutes = tripDelayMinutes
  }

  get contact(): Contact {
    return this.#contact
  }
  get command(): 'close' | 'trip' {
    return this.#command
  }
  get alarm(): boolean {
    return this.#alarm
  }
  get protected(): boolean {
    return this.#protected
  }
  /** A press of the button would close. */
  get mayClose(): boolean {
    return this.#mayClose
  }
  /** True time at which the relay acts by itself; null: never. */
  get dueAt(): number | null {
    return this.#pending.kind === 'none' ? null : this.#pending.at
  }

  /** Carries an order out whose password and expiry were found good. `n2` is its second byte: 5-minute steps. */
  order(command: RelayWord, n2: number, at: number, expiry: string | null = null): RelayVerdict {
    const before = this.#contact
    const verdict = this.#apply(command, n2, at)
    const refusal = verdict.accepted ? null : verdict.refusal
    this.#log({ at, cause: 'order', command, accepted: verdict.accepted, refusal, expiry }, before)
    return verdict
  }

  /** An order that the meter refused before looking at the relay. */
  refuse(command: string, refusal: string, at: number, expiry: string | null = null): void {
    this.#log({ at, cause: 'order', command, accepted: false, refusal, expiry }, this.#contact)
  }

  /** The customer presses the meter's button. @returns whether it closed */
  press(at: number): boolean {
    const before = this.#contact
    const closes = before === 'open' && this.#mayClose
    if (closes) this.#close()
    const refusal = closes ? null : 'not-permitted'
    this.#log({ at, cause: 'button', command: 'press', accepted: closes, refusal, expiry: null }, before)
    return closes
  }

  /** Does what is due at `dueAt`. */
  actDue(): void {
    const pending = this.#pending
    if (pending.kind === 'none') return
    const before = this.#contact
    this.#pending = { kind: 'none' }
    if (pending.kind === 'trip') this.#open(pending.restore, pending.at)
    else if (pending.how === 'close') this.#close()
    else this.#permit()
    const cause = pending.kind === 'trip' ? 'delay' : 'restore'
    this.#log({ at: pending.at, cause, command: pending.kind, accepted: true, refusal: null, expiry: null }, before)
  }

  #apply(command: RelayWord, n2: number, at: number): RelayVerdict {
    switch (command) {
      case 'trip':
        return this.#trip(null, at)
      case 'trip-then-close':
        return this.#tripAndRestore({ afterMs: n2 * restoreStepMs, how: 'close' }, at)
      case 'trip-then-permit':
        return this.#tripAndRestore({ afterMs: n2 * restoreStepMs, how: 'permit' }, at)
      case 'permit-to-close':
        this.#permit()
        return { accepted: true, word: 0x0002 }
      case 'close':
        this.#close()
        return { accepted: true, word: 0x0001 }
      case 'alarm-on':
      case 'alarm-off':
        this.#alarm = command === 'alarm-on'
        return { accepted: true, word: this.#alarm ? 0x0400 : 0x0800 }
      case 'protect-on':
      case 'protect-off':
        this.#protected = command === 'protect-on'
        if (this.#protected) this.#dropDelayedTrip()
        return { accepted: true, word: this.#protected ? 0x0100 : 0x0200 }
    }
  }

  #trip(restore: Restore | null, at: number): RelayVerdict {
    if (this.#protected) return { accepted: false, refusal: 'protected' }
    this.#command = 'trip'
    this.#mayClose = false
    if (this.#contact === 'closed' && this.tripDelayMinutes > 0) {
      this.#pending = { kind: 'trip', at: at + this.tripDelayMinutes * minuteMs, restore }
      return { accepted: true, word: 0x0008 }
    }
    this.#open(restore, at)
    return { accepted: true, word: restore === null ? 0x0004 : 0x0010 }
  }

  #tripAndRestore(restore: Restore, at: number): RelayVerdict {
    if (restore.afterMs === 0) return { accepted: false, refusal: 'restore-time' }
    if (this.#contact === 'open') return { accepted: false, refusal: 'already-tripped' }
    return this.#trip(restore, at)
  }

  /** Protection means that supply is never cut, not even by an order taken before. */
  #dropDelayedTrip(): void {
    if (this.#pending.kind !== 'trip') return
    this.#pending = { kind: 'none' }
    this.#command = 'close'
  }

  #open(restore: Restore | null, at: number): void {
    this.#contact = 'open'
    this.#pending = restore === null ? { kind: 'none' } : { kind: 'restore', at: at + restore.afterMs, how: restore.how }
  }

  /** The contact stays open until somebody presses the button. */
  #permit(): void {
    this.#command = 'close'
    this.#pending = { kind: 'none' }
    this.#mayClose = this.#contact === 'open'
  }

  #close(): void {
    this.#contact = 'closed'
    this.#command = 'close'
    this.#mayClose = false
    this.#pending = { kind: 'none' }
  }

  #log(action: Omit<RelayAction, 'contactBefore' | 'contactAfter'>, contactBefore: Contact): void {
    this.actions.push({ ...action, contactBefore, contactAfter: this.#contact })
    if (this.actions.length > relayActionsMax) {
      this.actions.shift()
      this.dropped++
    }
  }
}
