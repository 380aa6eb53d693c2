import { setTimeout as pause } from 'node:timers/promises'
import type { SeededRandom } from '../../drivers/simulated/index.js'
import type { OrderRow } from '../../scripts/master-station/orders.js'
import { accountId, meterId, micro, streams, type OrderBody } from '../../src/model/index.js'
import { siteConcentrator } from './e2e-site.js'
import { isOver, type FieldWorld } from './field-world.js'
import { until } from './uplink-bench.js'

type Credit = Extract<OrderBody, { kind: 'credit' }>

/** A payment: it must stand in the ledger exactly once, whatever was repeated, lost or sent again. */
export interface Payment {
  readonly body: Credit
  readonly orders: number[]
}

interface Customer {
  readonly account: string
  readonly meter: string
  /** The last purchase that was done. */
  purchase: number
  /** The credit order that is on its way. */
  open: { readonly id: number; readonly payment: Payment } | null
  last: Payment | null
}

const yuan = (value: number) => micro(BigInt(Math.round(value * 1_000_000)))
/** Orders that may be on their way at a time: a master does not order faster than it is answered. */
const underWayMax = 8
/** How long orders may take to come to their end when nobody is killed any more. */
const patienceMs = 90_000
/** The life of relay orders differs by a second each, so that the meter's log tells them apart. */
const relayLifeMs = 120_000

/** The master's clerk: opens accounts, takes payments (some twice, some wrong), orders relays, asks for what it has already. */
export class Clerk {
  readonly payments: Payment[] = []
  /** Payments with a purchase number that leaves a gap: none of them may ever be credited. */
  readonly wrongPayments: Credit[] = []
  readonly orders: number[] = []
  readonly #world: FieldWorld
  readonly #random: SeededRandom
  readonly #customers: readonly Customer[]
  #relayOrders = 0

  /** @param world its last meters stay without an account */
  constructor(world: FieldWorld, accounts: number) {
    this.#world = world
    this.#random = world.random.fork('clerk')
    this.#customers = world.meters.slice(0, accounts).map((meter, index) => ({
      ...{ account: `a${index + 1}`, meter, purchase: 0, open: null, last: null },
    }))
  }

  get accounts(): readonly string[] {
    return this.#customers.map(({ account }) => account)
  }

  async openAccounts(): Promise<void> {
    for (const { account, meter } of this.#customers) {
      const limits = { alarm1: yuan(6), alarm2: yuan(3), overdraft: yuan(0), closePermitted: yuan(1) }
      const more = { hoarding: yuan(0), largestCredit: yuan(50) }
      this.#order({
        ...{ kind: 'open-account', account: accountId(account), meter: meterId(meter), unit: 'money', tariff: 'dear' },
        ...{ limits: { ...limits, ...more }, opening: yuan(8) },
      })
    }
    await this.settled()
  }

  /** Until `signal`; returns with orders still on their way. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(80 + this.#random.below(320))
      this.#takeAnswers()
      if (this.#underWay() < underWayMax) this.#act()
    }
  }

  /** Waits until every order has come to its end. */
  async settled(): Promise<void> {
    await until('all orders come to their end', () => this.#underWay() === 0, patienceMs).catch((error: unknown) => {
      const open = this.rows().filter((row) => !isOver(row))
      throw new Error(`${String(error)}: ${JSON.stringify(open)}\n${this.#world.state()}`)
    })
    this.#takeAnswers()
  }

  rows(): readonly OrderRow[] {
    return this.orders.flatMap((id) => this.#world.station.orderState(id) ?? [])
  }

  #act(): void {
    const random = this.#random
    const dice = random.below(100)
    const customer = this.#customers[random.below(this.#customers.length)]
    const meter = meterId(this.#world.meters[random.below(this.#world.meters.length)] ?? '')
    if (customer === undefined) return
    if (dice < 50) this.#pay(customer)
    else if (dice < 58) this.#payAgain(customer)
    else if (dice < 62) this.#payWrong(customer)
    else if (dice < 72) this.#orderRelay({ kind: 'disconnect', meter })
    else if (dice < 86) this.#orderRelay({ kind: 'permit-to-close', meter })
    else if (dice < 90) this.#orderRelay({ kind: 'alarm', meter, on: random.below(2) === 0 })
    else if (dice < 93) this.#order({ kind: 'read-now', meter, registers: ['0001FF00', '040005FF'] })
    else if (dice < 96) this.#askAgain()
    else this.#sendOld()
  }

  #pay(customer: Customer): void {
    if (customer.open !== null) return
    const purchase = customer.purchase + 1
    const body: Credit = {
      ...{ kind: 'credit', account: accountId(customer.account), amount: yuan(4 + this.#random.below(600) / 100), purchase },
      idempotencyKey: `pay/${customer.account}/${purchase}`,
    }
    const payment = { body, orders: [] }
    this.payments.push(payment)
    this.#send(customer, payment)
  }

  /** The bank sends the same payment once more. */
  #payAgain(customer: Customer): void {
    if (customer.open === null && customer.last !== null) this.#send(customer, customer.last)
  }

  #payWrong(customer: Customer): void {
    if (customer.open !== null) return
    const purchase = customer.purchase + 3
    const idempotencyKey = `wrong/${customer.account}/${this.orders.length}`
    const body: Credit = { kind: 'credit', account: accountId(customer.account), amount: yuan(5), purchase, idempotencyKey }
    this.wrongPayments.push(body)
    this.#order(body)
  }

  #send(customer: Customer, payment: Payment): void {
    const id = this.#order(payment.body)
    payment.orders.push(id)
    customer.open = { id, payment }
  }

  #orderRelay(body: OrderBody): void {
    this.#relayOrders += 1
    this.#order(body, relayLifeMs + this.#relayOrders * 1_000)
  }

  #askAgain(): void {
    const stream = streams[this.#random.below(streams.length)] ?? 'ledger'
    const hi = this.#world.marks()[stream]
    if (hi === 0) return
    const first = 1 + this.#random.below(hi)
    this.#order({ kind: 'replay', stream, first, count: Math.min(50, hi - first + 1) })
  }

  /** Somebody repeats an old message. */
  #sendOld(): void {
    const { station } = this.#world
    const row = station.orderState(this.orders[this.#random.below(this.orders.length)] ?? 0)
    if (row !== null && isOver(row)) station.sendEnvelope(siteConcentrator, row.envelope)
  }

  #order(body: OrderBody, validMs = 600_000): number {
    const { id } = this.#world.station.order(siteConcentrator, body, validMs)
    this.orders.push(id)
    return id
  }

  #takeAnswers(): void {
    for (const customer of this.#customers) {
      const { open } = customer
      const row = open === null ? null : this.#world.station.orderState(open.id)
      if (open === null || row === null || !isOver(row)) continue
      if (row.stage === 'done') customer.purchase = Math.max(customer.purchase, open.payment.body.purchase)
      customer.last = open.payment
      customer.open = null
    }
  }

  #underWay(): number {
    return this.rows().filter((row) => !isOver(row)).length
  }
}
