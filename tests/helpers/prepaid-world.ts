import { dayMs, epochMs, startOfLocalDay, toLocal, type EpochMs, type RelayCommand } from '../../src/model/index.js'
import { tariffBook, type Accepted, type Decision, type RegisterReading } from '../../src/prepaid/index.js'
import { AccountCase, at, plainTariff, utcOffsetMinutes, yuan, type CaseOptions } from './prepaid-case.js'

export const tickMs = 900_000
const price = 600_000n

/** One price all day: then the true cost is known exactly, whenever the meter was read. */
export const flatTariff = { ...plainTariff, prices: [price, price] }

export type Corruption = 'none' | 'zero' | 'tenfold' | 'ones' | 'dip'
export type Step =
  | { readonly do: 'live'; readonly ticks: number; readonly watts: number }
  | { readonly do: 'read'; readonly corruption: Corruption }
  | { readonly do: 'freeze' }
  | { readonly do: 'late'; readonly ticksAgo: number }
  | { readonly do: 'pay'; readonly amount: number }
  | { readonly do: 'replay'; readonly purchase: number }
  | { readonly do: 'adjust'; readonly resume: boolean }
  | { readonly do: 'protect'; readonly on: boolean; readonly hours: number | null }
  | { readonly do: 'order'; readonly fate: 'acts' | 'lost' | 'lost-acts' | 'refused' | 'expired' }
  | { readonly do: 'see' }
  | { readonly do: 'press' }
  | { readonly do: 'evaluate' }
  | { readonly do: 'clock'; readonly stepHours: number }
  | { readonly do: 'tariff'; readonly isGood: boolean }
  | { readonly do: 'salvage' }
  | { readonly do: 'agree' }
  | { readonly do: 'restart' }
  | { readonly do: 'replace' }

const nightFrom = 1320
const nightTo = 420

/**
 * A customer, a meter with a relay, a concentrator whose clock may be wrong, and a judge who knows the truth. The rules see only what
 * is read; the judge records every cut that the truth does not bear out.
 */
export class PrepaidWorld {
  readonly account: AccountCase
  readonly wrongs: string[] = []
  /** True time, true register, and whether the relay lets energy through. */
  time: EpochMs = at('2026-03-02 09:00')
  #register = 5_000_000_000n
  #isClosed = true
  #isPermitted = false
  #alarm = false
  readonly #history = new Map<EpochMs, bigint>()
  /** Money paid in less money used, by truth. */
  #truth = yuan('5') as bigint
  #clockOffsetMs = 0
  #isTariffGood = true
  #protectedUntil: number | null | undefined = undefined
  #isVerified = true
  #lastGoodReadingAt: EpochMs = at('2026-03-02 09:00')
  #lastGoodRaw = 5_000_000_000n
  #isLastGood = true
  #seconds = 0
  #lastTold: 'closed' | 'open' | null = null
  readonly #paid: { amount: bigint; purchase: number }[] = []
  #orders: RelayCommand[] = []
  readonly #overdraft: bigint

  constructor(options: CaseOptions = {}) {
    this.#overdraft = options.limits?.overdraft ?? 0n
    this.account = new AccountCase({
      register: '5000',
      opening: '5',
      tariffs: [flatTariff],
      rules: { blocked: { night: { fromMinute: nightFrom, toMinute: nightTo }, weekdays: [], dates: [] } },
      ...options,
    })
    this.#history.set(this.time, this.#register)
    this.#judge(this.account.last)
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) this.step(step)
  }

  step(step: Step): void {
    switch (step.do) {
      case 'live':
        return this.#live(step.ticks, step.watts)
      case 'read':
        return this.#read(step.corruption)
      case 'freeze':
        return this.#readAt(startOfLocalDay(this.time, utcOffsetMinutes), true)
      case 'late':
        return this.#readAt(epochMs(this.time - step.ticksAgo * tickMs), false)
      case 'pay':
        return this.#pay(BigInt(step.amount) * 1_000_000n, this.account.account.purchaseCount + 1)
      case 'replay': {
        const paid = this.#paid[step.purchase % Math.max(1, this.#paid.length)]
        return paid === undefined ? undefined : this.#pay(paid.amount, paid.purchase)
      }
      case 'adjust':
        return this.#adjust(step.resume)
      case 'protect':
        return this.#protect(step.on, step.hours)
      case 'order':
        return this.#order(step.fate)
      case 'see':
        return this.#see()
      case 'press':
        if (this.#isPermitted) this.#isClosed = true
        return
      case 'evaluate':
        return this.#act({ kind: 'time-passed' })
      case 'clock':
        this.#clockOffsetMs = step.stepHours * 3_600_000
        return
      case 'tariff':
        return this.#setTariff(step.isGood)
      case 'salvage':
        this.#isVerified = false
        return this.#act({ kind: 'doubted', reason: 'salvaged' })
      case 'agree':
        return this.#agree()
      case 'restart':
        this.#stamp()
        this.account.ledger = this.account.rebuilt()
        return
      case 'replace':
        return this.#replace()
    }
  }

  #live(ticks: number, watts: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      ;[this.time, this.#seconds] = [epochMs(this.time + tickMs), 0]
      const used = this.#isClosed ? BigInt(watts) * 250n : 0n
      this.#register += used
      this.#truth -= (used * price) / 1_000_000n
      this.#history.set(this.time, this.#register)
    }
  }

  #read(corruption: Corruption): void {
    // No two readings of one instant: the second would say nothing new.
    this.#seconds += 1
    const now = this.#now()
    const isTrusted = this.#clockOffsetMs === 0
    const raw = corrupted(this.#register, corruption, this.#lastGoodRaw)
    if (isTrusted) this.#isLastGood = raw === this.#register
    if (isTrusted && this.#isLastGood) [this.#lastGoodReadingAt, this.#lastGoodRaw] = [now, raw]
    this.#give({ raw, at: now, source: 'live', isFreeze: false, receivedAt: now, trusted: isTrusted })
  }

  /** From the meter's own memory, which keeps the true time. */
  #readAt(when: EpochMs, isFreeze: boolean): void {
    const energy = this.#history.get(when)
    if (energy === undefined) return
    const source = isFreeze ? 'daily-freeze' : 'load-record'
    if (this.#clockOffsetMs === 0 && when >= this.#lastGoodReadingAt) this.#noteGood(when, energy)
    this.#give({ raw: energy, at: when, source, isFreeze, receivedAt: this.#now(), trusted: this.#clockOffsetMs === 0 })
  }

  #noteGood(when: EpochMs, raw: bigint): void {
    ;[this.#lastGoodReadingAt, this.#lastGoodRaw, this.#isLastGood] = [when, raw, true]
  }

  #give(reading: Omit<RegisterReading, 'raw'> & { readonly raw: bigint }): void {
    const taken = reading as RegisterReading
    this.account.stored.push(taken)
    this.#act({ kind: 'reading', reading: taken })
  }

  #pay(amount: bigint, purchase: number): void {
    const before = this.account.entries.length
    this.#stamp()
    this.#judge(this.account.credit(`${amount / 1_000_000n}`, purchase))
    if (this.account.entries.slice(before).some((entry) => entry.kind === 'credit')) {
      this.#truth += amount
      this.#paid.push({ amount, purchase })
    }
  }

  /** The master settles what it knows: after a stop, all that was used and not charged. */
  #adjust(resume: boolean): void {
    this.#stamp()
    const decision = this.account.adjust('0', resume)
    if (decision.accepted && resume) this.#isVerified = true
    this.#judge(decision)
  }

  #protect(on: boolean, hours: number | null): void {
    const until = hours === null ? null : epochMs(this.#now() + hours * 3_600_000)
    this.#protectedUntil = on ? until : undefined
    this.#act({ kind: 'protect', on, until })
  }

  #order(fate: Extract<Step, { do: 'order' }>['fate']): void {
    const [command, ...rest] = this.#orders
    if (command === undefined) return
    this.#orders = rest
    if (fate === 'acts' || fate === 'lost-acts') this.#carryOut(command)
    const stage = ({ acts: 'done', lost: 'failed', 'lost-acts': 'failed', refused: 'refused', expired: 'expired' } as const)[fate]
    const isRead = fate === 'acts'
    if (isRead) this.#lastTold = this.#contact
    else if (command === 'trip' && stage === 'failed') this.#lastTold = null
    const relay = isRead ? { contact: this.#contact, alarm: this.#alarm } : null
    this.#act({ kind: 'order-finished', command, byRule: true, stage, relay, needsSecurityChip: false })
  }

  #carryOut(command: RelayCommand): void {
    if (command === 'trip') [this.#isClosed, this.#isPermitted] = [false, false]
    if (command === 'permit-to-close') this.#isPermitted = true
    if (command === 'alarm-on' || command === 'alarm-off') this.#alarm = command === 'alarm-on'
  }

  get #contact(): 'closed' | 'open' {
    return this.#isClosed ? 'closed' : 'open'
  }

  #see(): void {
    this.#lastTold = this.#contact
    this.#act({ kind: 'relay-seen', contact: this.#contact, alarm: this.#alarm })
  }

  #setTariff(isGood: boolean): void {
    this.#isTariffGood = isGood
    const tariffs = tariffBook(isGood ? [flatTariff] : [{ ...flatTariff, minimumMonthlyCharge: 1n }])
    this.account.context = { ...this.account.context, tariffs }
    this.#act({ kind: 'parameters-changed' })
  }

  #agree(): void {
    const { entryCount, chainHash } = this.account.account
    this.#isVerified = true
    this.#act({ kind: 'agree', entry: entryCount, chainHash, ownHash: chainHash })
  }

  #replace(): void {
    if (this.#clockOffsetMs !== 0) return
    const before = this.account.kinds.length
    const finalEnergy = this.#register as RegisterReading['raw']
    const initialEnergy = 0n as RegisterReading['raw']
    const fact = { kind: 'replace-meter', finalEnergy, initialEnergy, at: this.#now(), witness: 'x', newAddress: '1' } as const
    const count = this.account.entries.filter((entry) => entry.kind === 'replacement').length
    this.#act(fact)
    if (this.account.entries.slice(before).filter((entry) => entry.kind === 'replacement').length === 0 && count >= 0) return
    this.#register = 0n
    this.#history.clear()
    ;[this.#isClosed, this.#isPermitted, this.#alarm] = [true, false, false]
    this.#lastTold = null
    this.#noteGood(this.#now(), 0n)
    this.#orders = []
    this.account.stored.length = 0
  }

  #now(): EpochMs {
    return epochMs(this.time + this.#seconds * 1000 + this.#clockOffsetMs)
  }

  #stamp(): void {
    this.account.now(this.#now(), this.#clockOffsetMs === 0)
  }

  #act(fact: Parameters<AccountCase['act']>[0]): void {
    this.#stamp()
    this.#judge(this.account.act(fact))
  }

  #judge(decision: Decision): void {
    if (!decision.accepted) return
    for (const command of decision.withdrawn) this.#withdraw(command)
    this.#orders.push(...decision.wanted)
    if (decision.wanted.includes('trip')) this.#judgeCut(decision)
  }

  /** As the store does it: an order that has not begun expires, and the account is told. */
  #withdraw(command: RelayCommand): void {
    if (!this.#orders.includes(command)) return
    this.#orders = this.#orders.filter((other) => other !== command)
    this.#act({ kind: 'order-finished', command, byRule: true, stage: 'expired', relay: null, needsSecurityChip: false })
  }

  #judgeCut(decision: Accepted): void {
    const wrongs = [...this.#wrongsOfMoney(), ...this.#wrongsOfTime(), ...this.#wrongsOfState(decision)]
    for (const wrong of wrongs) this.wrongs.push(`cut although ${wrong}`)
  }

  #wrongsOfMoney(): readonly string[] {
    const isPaid = this.#truth > -this.#overdraft
    return [
      ...(isPaid ? [`${this.#truth} is left`] : []),
      ...(this.#isTariffGood ? [] : ['the tariff is not verified']),
      ...(this.#isVerified ? [] : ['the account is not verified']),
    ]
  }

  #wrongsOfTime(): readonly string[] {
    const local = toLocal(this.#now(), utcOffsetMinutes)
    const minute = local.hour * 60 + local.minute
    const isNight = minute >= nightFrom || minute < nightTo
    const ageMs = this.#now() - this.#lastGoodReadingAt
    return [
      ...(this.#clockOffsetMs === 0 ? [] : ['the clock is wrong']),
      ...(isNight ? ['it is night'] : []),
      ...(ageMs > this.account.context.rules.readingStaleAfterMs ? [`the reading is ${ageMs} ms old`] : []),
      ...(this.#isLastGood ? [] : ['the last reading is corrupt']),
    ]
  }

  #wrongsOfState(decision: Accepted): readonly string[] {
    const until = this.#protectedUntil
    const isProtected = until === null || (until !== undefined && this.#now() < until)
    const wasPermitted = decision.events.some(({ detail }) => detail['from'] === 'may-close')
    const isRelayKnown = this.#lastTold === 'closed' || (this.#lastTold === 'open' && wasPermitted)
    return [...(isProtected ? ['supply is protected'] : []), ...(isRelayKnown ? [] : ['the relay is not known to be closed'])]
  }
}

/** Only what can be told from the truth: what lies between the last reading and the power's limit nobody can doubt. */
function corrupted(raw: bigint, corruption: Corruption, last: bigint): bigint {
  switch (corruption) {
    case 'none':
      return raw
    case 'zero':
      return last > 2_000_000n ? 0n : raw
    case 'tenfold':
      return raw * 10n + 90_000_000_000n
    case 'ones':
      return 655_350_000_000n
    case 'dip':
      return last > 2_000_000n ? last - 2_000_000n : raw
  }
}

export const daysOf = (steps: readonly Step[]): number =>
  steps.reduce((ms, step) => ms + (step.do === 'live' ? step.ticks * tickMs : 0), 0) / dayMs
