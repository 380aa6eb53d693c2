import {
  accountId,
  energyMwh,
  epochMs,
  fromLocal,
  meterId,
  micro,
  parseDecimal,
  type AccountLimits,
  type AccountUnit,
  type EnergyMwh,
  type EpochMs,
  type EventFact,
  type LedgerEntry,
  type Micro,
  type PrepaidRules,
  type RelayCommand,
  type Stamp,
  type Statement,
  type TariffVersion,
} from '../../src/model/index.js'
import {
  decide,
  openAccount,
  orderEntryKey,
  rebuildLedger,
  tariffBook,
  verifyChain,
  viewAccount,
  type Accepted,
  type AccountFact,
  type Context,
  type Decision,
  type LedgerState,
  type Metering,
  type OpenFact,
  type RegisterReading,
} from '../../src/prepaid/index.js'

export const utcOffsetMinutes = 480

/** An instant from local text `2026-03-02 08:00` or `… 08:00:07`. */
export function at(text: string): EpochMs {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/[- :]/).map(Number)
  return fromLocal({ year, month, day, hour, minute, second }, utcOffsetMinutes)
}

export const kwh = (text: string): EnergyMwh => energyMwh(millionths(text))
export const yuan = (text: string): Micro => micro(millionths(text))

function millionths(text: string): bigint {
  const value = parseDecimal(text, -6)
  if (value === null) throw new RangeError(`no decimal number: ${text}`)
  return value
}

/** 0.60 a kWh from 08:00 to 22:00 on workdays, 0.30 else; no tax. */
export const plainTariff: TariffVersion = {
  tariff: 'home',
  version: 1,
  effectiveFrom: at('2026-01-01 00:00'),
  utcOffsetMinutes,
  basis: 'total-register',
  prices: [600_000n, 300_000n],
  seasons: [
    {
      from: { month: 1, day: 1 },
      workday: [
        { minute: 0, rate: 2 },
        { minute: 480, rate: 1 },
        { minute: 1320, rate: 2 },
      ],
      restday: [{ minute: 0, rate: 2 }],
    },
  ],
  restWeekdays: [0, 6],
  holidays: [],
  steps: null,
  taxPpm: 0n,
  minimumMonthlyCharge: 0n,
}

export const plainRules: PrepaidRules = {
  blocked: { night: null, weekdays: [], dates: [] },
  readingStaleAfterMs: 2 * 3_600_000,
  relayExpiryMs: 1_800_000,
  wrapWindowPpm: 10_000,
}

/** 10 kW, six digits before the point, with a relay. */
export const plainMetering: Metering = { ratio: 1n, capacity: kwh('1000000'), maxPowerKw: 10, relay: true }

export const plainLimits: AccountLimits = {
  alarm1: yuan('10'),
  alarm2: yuan('5'),
  overdraft: yuan('0'),
  closePermitted: yuan('0'),
  hoarding: yuan('1000'),
  largestCredit: yuan('500'),
}

export interface CaseOptions {
  readonly opensAt?: string
  readonly opening?: string
  /** Register at opening; null: never read. */
  readonly register?: string | null
  readonly unit?: AccountUnit
  readonly limits?: Partial<AccountLimits>
  readonly tariffs?: readonly TariffVersion[]
  readonly rules?: Partial<PrepaidRules>
  readonly metering?: Partial<Metering>
}

/** One account's story: facts in, and everything the decisions gave, in order. */
export class AccountCase {
  ledger: LedgerState
  context: Context
  readonly entries: LedgerEntry[] = []
  readonly statements: Statement[] = []
  readonly events: EventFact[] = []
  readonly wanted: RelayCommand[] = []
  readonly withdrawn: RelayCommand[] = []
  /** Readings as the store would hand them over after a restart. */
  readonly stored: RegisterReading[] = []
  last: Decision

  constructor(options: CaseOptions = {}) {
    const opensAt = at(options.opensAt ?? '2026-03-02 09:00')
    this.context = {
      stamp: stampAt(opensAt),
      utcOffsetMinutes,
      rules: { ...plainRules, ...options.rules },
      tariffs: tariffBook(options.tariffs ?? [plainTariff]),
      metering: { ...plainMetering, ...options.metering },
    }
    const decision = openAccount(openFact(options, opensAt), this.context)
    if (!decision.accepted) throw new Error(decision.message)
    this.last = decision
    this.ledger = decision.ledger
    this.#keep(decision)
  }

  get account() {
    return this.ledger.account
  }

  get state() {
    return this.ledger.account.state
  }

  get balance(): bigint {
    return viewAccount(this.ledger, this.context).runningBalance
  }

  get codes(): readonly string[] {
    return this.events.map((event) => event.code)
  }

  get kinds(): readonly string[] {
    return this.entries.map((entry) => entry.kind)
  }

  now(when: string | EpochMs, trusted = true): this {
    this.context = { ...this.context, stamp: stampAt(typeof when === 'string' ? at(when) : when, trusted) }
    return this
  }

  act(fact: AccountFact): Decision {
    const decision = decide(this.ledger, fact, this.context)
    this.last = decision
    if (decision.accepted) {
      this.ledger = decision.ledger
      this.#keep(decision)
    } else this.events.push(...decision.events)
    return decision
  }

  /** The decision, which must have been accepted. */
  accept(fact: AccountFact): Accepted {
    const decision = this.act(fact)
    if (!decision.accepted) throw new Error(`refused: ${decision.code} ${decision.message}`)
    return decision
  }

  /** A reading that is received when it was measured (or when `now` says). */
  read(energy: string, when: string, options: Partial<RegisterReading> & { readonly receivedAt?: EpochMs } = {}): Accepted {
    const reading: RegisterReading = {
      raw: kwh(energy),
      at: at(when),
      source: 'live',
      isFreeze: false,
      receivedAt: at(when),
      trusted: true,
      ...options,
    }
    this.context = { ...this.context, stamp: stampAt(reading.receivedAt, reading.trusted) }
    this.stored.push(reading)
    return this.accept({ kind: 'reading', reading })
  }

  freeze(energy: string, when: string, options: Partial<RegisterReading> = {}): Accepted {
    return this.read(energy, when, { source: 'daily-freeze', isFreeze: true, ...options })
  }

  credit(amount: string, purchase = this.account.purchaseCount + 1, key = `k${purchase}`): Decision {
    const ledgerKey = orderEntryKey(key)
    const posted = this.entries.find((entry) => entry.key === ledgerKey) ?? null
    return this.act({ kind: 'credit', amount: yuan(amount), purchase, key: ledgerKey, posted })
  }

  adjust(amount: string, resumePricing: boolean, key = `a${this.entries.length}`): Decision {
    const ledgerKey = orderEntryKey(key)
    const posted = this.entries.find((entry) => entry.key === ledgerKey) ?? null
    return this.act({ kind: 'adjust', amount: yuan(amount), reason: 'found', resumePricing, key: ledgerKey, posted })
  }

  passes(when: string, trusted = true): Accepted {
    this.now(when, trusted)
    return this.accept({ kind: 'time-passed' })
  }

  relay(contact: 'closed' | 'open', alarm = this.account.alarmOn): Accepted {
    return this.accept({ kind: 'relay-seen', contact, alarm })
  }

  finish(
    command: RelayCommand,
    stage: 'done' | 'refused' | 'expired' | 'failed' | 'unknown',
    contact?: 'closed' | 'open',
  ): Accepted {
    return this.accept({
      kind: 'order-finished',
      command,
      byRule: true,
      stage,
      relay: contact === undefined ? null : { contact, alarm: this.account.alarmOn },
      needsSecurityChip: false,
    })
  }

  /** What the store would rebuild after a restart now. */
  rebuilt(): LedgerState {
    const { account, running } = this.ledger
    return rebuildLedger(
      {
        account,
        statement: this.statements.at(-1) ?? null,
        entries: this.entries,
        readings: this.stored.filter((reading) => reading.at > account.postedTo.at),
        pending: running.pending,
      },
      this.context,
    )
  }

  /** What money depends on, as rebuilt and as it is; recent power and the pace of relay orders start anew. */
  restart(): [unknown, unknown] {
    return [moneyOf(this.rebuilt()), moneyOf(this.ledger)]
  }

  /** Empty when the ledger adds up. */
  faults(): readonly string[] {
    const chain = verifyChain(this.entries)
    if (!chain.ok) return [`${chain.error.code} at ${chain.error.at}`]
    const sum = this.entries.reduce((total, entry) => total + entry.amount, 0n)
    const { balance, chainHash, entryCount } = this.account
    return [
      ...(sum === balance ? [] : [`sum ${sum} is not the balance ${balance}`]),
      ...(chain.value.hash === chainHash && chain.value.number === entryCount ? [] : ['the head is not the last entry']),
    ]
  }

  #keep(decision: Accepted): void {
    this.entries.push(...decision.entries)
    this.statements.push(...decision.statements)
    this.events.push(...decision.events)
    this.wanted.push(...decision.wanted)
    this.withdrawn.push(...decision.withdrawn)
  }
}

function moneyOf({ account, running }: LedgerState) {
  const { readings, pieces, register, suspect, seen, splits, pending, statement, tally } = running
  return { account, readings, pieces, register, suspect, seen, splits, pending, statement, tally }
}

function openFact(options: CaseOptions, opensAt: EpochMs): OpenFact {
  const { register = '100', unit = 'money' } = options
  const reading: RegisterReading | null =
    register === null
      ? null
      : { raw: kwh(register), at: opensAt, source: 'live', isFreeze: false, receivedAt: opensAt, trusted: true }
  return {
    account: accountId('A1'),
    meter: meterId('M1'),
    unit,
    tariff: 'home',
    limits: { ...plainLimits, ...options.limits },
    opening: yuan(options.opening ?? '100'),
    reading,
  }
}

export const stampAt = (receivedAt: EpochMs, clockTrusted = true): Stamp => ({
  receivedAt,
  clockTrusted,
  boot: 'boot-1',
  monotonicMs: receivedAt - at('2026-01-01 00:00'),
})

export const later = (instant: EpochMs, ms: number): EpochMs => epochMs(instant + ms)
