import { accountId, epochMs, itemId, keyId, meterId, micro, taskId } from '../../src/model/index.js'
import type { JournalledOrder, OrderBody, Point, Stamp, Stream } from '../../src/model/index.js'
import type { Random, Store, StoreCommandName, StoreCommands } from '../../src/ports/index.js'
import { StoreLoad } from '../benches/store-load.js'

/** What a store holds, short enough to compare: ends of the streams, heads of the ledgers, orders that are not finished. */
export interface Snapshot {
  readonly streams: Readonly<Record<string, number>>
  readonly ledgers: Readonly<Record<string, string>>
  readonly openOrders: readonly string[]
}

const METERS = 8
const slotMs = 900_000
export const workloadStart = Date.UTC(2026, 2, 1, 23)

/** A site of eight customers: readings, credits, cuts, acknowledged commands one after another. */
export class Workload {
  readonly load: StoreLoad
  readonly #store: Store
  readonly #random: Random
  readonly #acknowledged: () => Promise<void>
  readonly #purchases = new Map<string, number>()
  readonly #energy = new Map<string, number>()
  #order = 0
  #slot = 0

  /** @param acknowledged called after every command whose promise has settled */
  constructor(store: Store, random: Random, acknowledged: () => Promise<void>) {
    this.#store = store
    this.#random = random
    this.#acknowledged = acknowledged
    this.load = new StoreLoad({ meters: METERS, slotMs, startAt: workloadStart, random })
  }

  async run(commands: number): Promise<void> {
    await this.#command('configure', { parameters: this.load.parameters, stamp: this.load.stamp() })
    for (let meter = 1; meter <= METERS; meter += 1) await this.#open(meter)
    for (let count = 0; count < commands; count += 1) await this.#step()
    await this.#command('flush', {})
  }

  async #step(): Promise<void> {
    const chance = this.#random.next()
    if (chance < 0.6) return this.#read()
    if (chance < 0.8) return this.#credit()
    if (chance < 0.97) {
      const event = { code: 'area.noted', severity: 'info' as const, detail: { chance: Math.floor(chance * 1e6) } }
      await this.#command('record-event', { event, stamp: this.load.stamp() })
      return
    }
    await this.#command('close-day', { day: epochMs(0), stamp: this.load.stamp() })
  }

  /** One round of all meters; now and then one draws so much that its account runs out and it is cut. */
  async #read(): Promise<void> {
    this.#slot += 1
    this.load.pass(slotMs)
    for (let meter = 1; meter <= METERS; meter += 1) {
      this.load.pass(200)
      const id = `m${meter}`
      const step = this.#random.next() < 0.15 ? 900 : Math.floor(this.#random.next() * 40)
      const energy = (this.#energy.get(id) ?? 100_000) + step
      this.#energy.set(id, energy)
      const point = pointOf(id, energy, this.#slot, this.load.stamp())
      const { effects } = await this.#command('apply-points', { points: [point], stamp: this.load.stamp() })
      for (const order of effects.orders) await this.#carryOut(order)
    }
  }

  /** The relay obeys, refuses or stays unknown at first; each word is journalled. */
  async #carryOut(order: JournalledOrder): Promise<void> {
    const { withdrawn } = await this.#command('order-sending', { id: order.id, stamp: this.load.stamp() })
    if (withdrawn === true) return
    const { body } = order.order
    const relay = { contact: body.kind === 'disconnect' ? ('open' as const) : ('closed' as const), alarm: true, protected: false }
    if (this.#random.next() < 0.3) {
      await this.#command('order-outcome', {
        id: order.id,
        stage: 'unknown',
        evidence: { reply: 'none' },
        stamp: this.load.stamp(),
      })
    }
    const outcome = { id: order.id, stage: 'done' as const, evidence: { word: '0041' }, relay, stamp: this.load.stamp() }
    const { effects } = await this.#command('order-outcome', outcome)
    for (const next of effects.orders) await this.#carryOut(next)
  }

  async #credit(): Promise<void> {
    const meter = 1 + Math.floor(this.#random.next() * METERS)
    const account = `a-m${meter}`
    const purchase = (this.#purchases.get(account) ?? 0) + 1
    this.#purchases.set(account, purchase)
    const key = `pay-${account}-${purchase}`
    const body = {
      kind: 'credit' as const,
      account: accountId(account),
      amount: micro(4_000_000n),
      purchase,
      idempotencyKey: key,
    }
    const reply = await this.#ask(body)
    if (!reply.accepted) throw new Error(`a credit was refused: ${reply.code} ${reply.message}`)
    for (const order of reply.effects.orders) await this.#carryOut(order)
    const seen = {
      meter: meterId(`m${meter}`),
      contact: 'closed' as const,
      alarm: false,
      protected: false,
      stamp: this.load.stamp(),
    }
    const { effects } = await this.#command('relay-seen', seen)
    for (const order of effects.orders) await this.#carryOut(order)
  }

  async #open(meter: number): Promise<void> {
    const limits = {
      ...{ alarm1: micro(4_000_000n), alarm2: micro(2_000_000n), overdraft: micro(0n) },
      ...{ closePermitted: micro(1_000_000n), hoarding: micro(0n), largestCredit: micro(0n) },
    }
    const at = { account: accountId(`a-m${meter}`), meter: meterId(`m${meter}`), unit: 'money' as const, tariff: 'home' }
    const reply = await this.#ask({ kind: 'open-account', ...at, limits, opening: micro(5_000_000n) })
    if (!reply.accepted) throw new Error(`an account was refused: ${reply.code} ${reply.message}`)
  }

  #ask(body: OrderBody): Promise<StoreCommands['journal-order']['out']> {
    this.#order += 1
    const stamp = this.load.stamp()
    const window = { notBefore: stamp.receivedAt, expiry: epochMs(stamp.receivedAt + 3_600_000) }
    const origin = { by: 'master' as const, key: keyId('master'), number: this.#order }
    return this.#command('journal-order', {
      order: { origin, role: 'master', body, ...window },
      envelope: `${this.#order}`,
      stamp,
    })
  }

  async #command<K extends StoreCommandName>(name: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    const output = await this.#store.run(name, input)
    await this.#acknowledged()
    return output
  }
}

/** The accounts of the workload. */
export const workloadAccounts = Array.from({ length: METERS }, (_, index) => accountId(`a-m${index + 1}`))

/** What the store says it holds now; needs no parameters, so it can be asked before anything else happens to it. */
export async function takeSnapshot(store: Store, heads: ReadonlyMap<string, string>): Promise<Snapshot> {
  const { extents } = await store.run('extents', {})
  const { orders } = await store.run('open-orders', {})
  return {
    streams: Object.fromEntries(extents.map(({ stream, hi }): [Stream, number] => [stream, hi])),
    ledgers: Object.fromEntries([...heads].sort()),
    openOrders: orders.map(({ id, stage, attempts }) => `${id} ${stage} ${attempts}`),
  }
}

/** Number and hash of each account's last entry, taken from the ledger itself. */
export async function ledgerHeads(store: Store): Promise<ReadonlyMap<string, string>> {
  const heads = new Map<string, string>()
  for (const account of workloadAccounts) {
    const { entries } = await store.run('entries', { account, first: 1, count: 1_000_000 })
    const last = entries.at(-1)
    if (last !== undefined) heads.set(account, `${last.number} ${last.hash}`)
  }
  return heads
}

/** The same as the accounts have it in memory: cheap enough to ask after every command. */
export async function accountHeads(store: Store): Promise<ReadonlyMap<string, string>> {
  const { accounts } = await store.run('accounts', {})
  return new Map(accounts.map(({ account }) => [account.id, `${account.entryCount} ${account.chainHash}`]))
}

function pointOf(meter: string, energy: number, slot: number, stamp: Stamp): Point {
  return {
    ...{ meter: meterId(meter), task: taskId('curve'), stream: 'curve', source: 'live', stamp },
    ...{ slotAt: epochMs(workloadStart + slot * slotMs), measuredAt: stamp.receivedAt },
    values: [{ item: itemId('energy'), ints: [energy], exponent: -2, unit: 'kWh' }],
  }
}
