import { energyMwh, formatDecimal, micro } from '../model/index.js'
import type {
  Account,
  BillingReading,
  ChargePiece,
  EventFact,
  EpochMs,
  LedgerEntry,
  Micro,
  RelayCommand,
  Statement,
} from '../model/index.js'
import { chargeLines, pricingOf, totalOf, type ChargeLine } from './charges.js'
import { priceReadings } from './charging.js'
import type { Accepted, Context, LedgerState, Refused, Running } from './decision.js'
import { appendEntry, type EntryDraft } from './ledger.js'
import { lastReading } from './running.js'
import { keepSplits, splitsOf } from './splits.js'

/** One decision in the making. Lives inside one call of `decide` and is never kept. */
export class Draft {
  account: Account
  running: Running
  readonly context: Context
  readonly entries: LedgerEntry[] = []
  readonly statements: Statement[] = []
  readonly events: EventFact[] = []
  readonly wanted: RelayCommand[] = []
  readonly withdrawn: RelayCommand[] = []
  readonly before: LedgerState
  /** The last balance and what it was made of: one decision asks for it many times. */
  #priced: { readonly of: (Pick<LedgerState, 'account'> & Pick<Running, 'pieces'>) | null; readonly balance: Micro }

  constructor(ledger: LedgerState, context: Context) {
    this.before = ledger
    this.account = ledger.account
    this.running = ledger.running
    this.context = context
    this.#priced = { of: null, balance: ledger.account.balance }
  }

  get now(): EpochMs {
    return this.context.stamp.receivedAt
  }

  /** Posted balance less what the readings since cost; the posted balance alone while nothing can be priced. */
  get balance(): Micro {
    const { account, running } = this
    const { of } = this.#priced
    if (of?.account !== account || of.pieces !== running.pieces) {
      this.#priced = { of: { account, pieces: running.pieces }, balance: runningBalance(account, running, this.context) }
    }
    return this.#priced.balance
  }

  get lastReading(): BillingReading {
    return lastReading(this.account, this.running)
  }

  event(code: string, severity: EventFact['severity'], detail: EventFact['detail']): void {
    this.events.push({ code, severity, meter: this.account.meter, account: this.account.id, detail })
  }

  set(change: Partial<Account>): void {
    this.account = { ...this.account, ...change }
  }

  setRunning(change: Partial<Running>): void {
    this.running = { ...this.running, ...change }
  }

  /** Wants a relay order of the account's rules, unless the same one is still under way. */
  want(command: RelayCommand): void {
    if (this.running.pending.includes(command)) return
    this.wanted.push(command)
    this.setRunning({ pending: [...this.running.pending, command] })
  }

  withdraw(command: RelayCommand): void {
    if (!this.running.pending.includes(command)) return
    this.withdrawn.push(command)
  }

  addEntry(draft: EntryDraft): void {
    const { account, entry } = appendEntry(this.account, draft, this.context.stamp)
    this.account = account
    this.entries.push(entry)
    this.setRunning({ tally: addToTally(this.running.tally, entry) })
  }

  /**
   * Posts what the readings up to and including `upTo` cost; later readings stay running. Nothing happens while the account is not
   * verified or no tariff prices the interval: the energy stays unposted, not lost.
   */
  post(upTo: BillingReading): void {
    const { account, running } = this
    const isAll = upTo === this.lastReading
    const within = running.readings.filter((reading) => reading.at <= upTo.at)
    const pieces = isAll ? running.pieces : this.#price([account.postedTo, ...within])
    if (!account.verified || pieces === null || upTo.at <= account.postedTo.at) return
    const charged = upTo.energy > account.postedTo.energy ? pieces : []
    this.#charge(charged)
    this.set({ postedTo: upTo, register: registerAt(upTo, running.register, this.context.metering.capacity) })
    const rest = running.readings.slice(within.length)
    this.setRunning({
      readings: rest,
      pieces: this.#price([upTo, ...rest]),
      splits: keepSplits([...running.splits, ...splitsOf(charged)], this.now),
    })
  }

  postAll(): void {
    this.post(this.lastReading)
  }

  chargeEntries(line: ChargeLine, kind: 'charge' | 'correction', at: EpochMs): void {
    const note = kind === 'correction' ? 'late reading' : ''
    this.set({ energyCarry: line.energyCarry })
    this.addEntry({ kind, key: null, amount: micro(-line.charge), at, pieces: line.pieces, note })
    if (!line.isTaxed) return
    this.set({ taxCarry: line.taxCarry })
    this.addEntry({ kind: 'tax', key: null, amount: micro(-line.tax), at, pieces: [], note })
  }

  #charge(pieces: readonly ChargePiece[]): void {
    for (const line of chargeLines(pieces, this.account, this.context.tariffs)) {
      const at = line.pieces.reduce((_before, piece) => piece.to, this.account.postedTo.at)
      this.chargeEntries(line, 'charge', at)
    }
  }

  #price(readings: readonly BillingReading[]): readonly ChargePiece[] | null {
    return priceReadings(readings, pricingOf(this.account, this.context))
  }

  accept(watch: Accepted['watch'], repeated = false): Accepted {
    const { account, running } = this
    return {
      accepted: true,
      ledger: { account, running },
      entries: this.entries,
      statements: this.statements,
      events: this.events,
      wanted: this.wanted,
      withdrawn: this.withdrawn,
      watch,
      durable: account !== this.before.account || this.events.length + this.wanted.length + this.statements.length > 0,
      repeated,
    }
  }
}

/** Posted balance less what the readings since cost; the posted balance alone while nothing can be priced. */
export function runningBalance(account: Account, running: Running, context: Context): Micro {
  const pieces = running.pieces ?? []
  if (!account.verified || pieces.length === 0) return account.balance
  return micro(account.balance - totalOf(chargeLines(pieces, account, context.tariffs)))
}

/** The raw register at an earlier accepted reading: a wrap between the two is taken back. */
function registerAt(reading: BillingReading, latest: Account['register'], capacity: bigint): Account['register'] {
  const raw = reading.energy - latest.offset
  const wraps = raw < 0n ? capacity : 0n
  return { lastRaw: energyMwh(raw + wraps), lastAt: reading.at, offset: energyMwh(latest.offset - wraps) }
}

export function addToTally(tally: Running['tally'], entry: Pick<LedgerEntry, 'kind' | 'amount'>): Running['tally'] {
  switch (entry.kind) {
    case 'open':
    case 'credit':
      return { ...tally, credits: micro(tally.credits + entry.amount) }
    case 'charge':
    case 'tax':
      return { ...tally, charges: micro(tally.charges + entry.amount) }
    case 'correction':
    case 'adjustment':
    case 'replacement':
    case 'close':
      return { ...tally, corrections: micro(tally.corrections + entry.amount) }
  }
}

/** Amounts and energies in events: decimal text in the unit people use. */
export const inUnits = (millionths: bigint): string => formatDecimal(millionths, -6)

/** Longest reason, witness or address kept in an entry's note; more is cut off. */
export const noteCharsMax = 200

export const refuse = (code: Refused['code'], message: string, events: Refused['events'] = []): Refused => ({
  accepted: false,
  code,
  message,
  events,
})
