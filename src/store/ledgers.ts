import type { AccountId, Meter, MeterId, Profile, SiteParameters, Stamp } from '../model/index.js'
import { meteringOf, tariffBook } from '../prepaid/index.js'
import type { Context, LedgerState, Metering, RegisterReading, TariffBook } from '../prepaid/index.js'

/** A meter with what its kind can do. */
export interface KnownMeter {
  readonly meter: Meter
  readonly profile: Profile
  readonly metering: Metering
}

/** An account whose meter left the archive: nothing of it can be read or switched, money still counts. */
const unknownMetering: Metering = { ratio: 1n, capacity: 1n as Metering['capacity'], maxPowerKw: 0, relay: false }

/** The site's parameters in force, and every account as the last commit left it. */
export class Ledgers {
  readonly parameters: SiteParameters
  readonly #tariffs: TariffBook
  readonly #meters: ReadonlyMap<MeterId, KnownMeter>
  readonly #states: Map<AccountId, LedgerState>
  readonly #open: Map<MeterId, AccountId>
  readonly #readings: Map<MeterId, RegisterReading>

  /** @param before accounts and latest readings of the parameters that were in force until now */
  constructor(parameters: SiteParameters, before?: Ledgers) {
    this.parameters = parameters
    this.#tariffs = tariffBook(parameters.tariffs)
    const profiles = new Map(parameters.profiles.map((profile) => [profile.name, profile]))
    this.#meters = new Map(
      parameters.meters.flatMap((meter): [MeterId, KnownMeter][] => {
        const profile = profiles.get(meter.profile)
        return profile === undefined ? [] : [[meter.id, { meter, profile, metering: meteringOf(meter, profile) }]]
      }),
    )
    this.#states = new Map(before === undefined ? [] : before.#states)
    this.#open = new Map(before === undefined ? [] : before.#open)
    this.#readings = new Map(before === undefined ? [] : before.#readings)
  }

  get(id: AccountId): LedgerState | null {
    return this.#states.get(id) ?? null
  }

  all(): readonly LedgerState[] {
    return [...this.#states.values()]
  }

  /** The account that is not closed on a meter; a meter has at most one. */
  ofMeter(meter: MeterId): LedgerState | null {
    const id = this.#open.get(meter)
    return id === undefined ? null : this.get(id)
  }

  /** Every account's ledger as a commit or a reading left it. */
  replace(states: Iterable<LedgerState>): void {
    for (const state of states) {
      const { id, meter } = state.account
      this.#states.set(id, state)
      if (state.account.state !== 'closed') this.#open.set(meter, id)
      else if (this.#open.get(meter) === id) this.#open.delete(meter)
    }
  }

  meter(id: MeterId): KnownMeter | null {
    return this.#meters.get(id) ?? null
  }

  /** The latest reading of a meter's billing register, with or without an account; null: none since start. */
  lastReading(meter: MeterId): RegisterReading | null {
    return this.#readings.get(meter) ?? null
  }

  seen(meter: MeterId, reading: RegisterReading): void {
    const last = this.#readings.get(meter)
    if (last === undefined || last.at <= reading.at) this.#readings.set(meter, reading)
  }

  /** The meter's device was replaced: its old readings say nothing about the new one. */
  forget(meter: MeterId): void {
    this.#readings.delete(meter)
  }

  contextOf(meter: MeterId, stamp: Stamp): Context {
    return {
      stamp,
      utcOffsetMinutes: this.parameters.utcOffsetMinutes,
      rules: this.parameters.rules,
      tariffs: this.#tariffs,
      metering: this.#meters.get(meter)?.metering ?? unknownMetering,
    }
  }
}
