/**
 * A process that works on a store until it is killed: credits, readings, cuts and their words, events. Prints one line for each
 * command that was acknowledged. Arguments: the file, the seed, and the number of the round.
 */
import { writeSync } from 'node:fs'
import { accountId, epochMs, meterId } from '../../src/model/index.js'
import type { JournalledOrder } from '../../src/model/index.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { openWorkerStore } from '../../src/store/index.js'
import { Master, Seeded, SiteTime, curvePoint, dayStart, hourMs, siteOf } from './store-site.js'

const [path = '', seed = '1', round = '0'] = process.argv.slice(2)
const random = new Seeded(Number(seed) * 1000 + Number(round))
const time = new SiteTime()
time.at = dayStart + Number(round) * 24 * hourMs
time.boot = `boot-${round}`
const say = (kind: string, key: string): void => void writeSync(1, `${kind} ${key}\n`)

const store = await openWorkerStore({ path, now: epochMs(time.at), random, reserveBytes: 65_536 }, systemTimers)
await store.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
const master = new Master()
master.number = (await store.run('extents', {})).counters['master-1'] ?? 0
const known = new Map((await store.run('accounts', {})).accounts.map(({ account }) => [account.id, account.purchaseCount]))
for (let meter = 1; meter <= 3; meter += 1)
  if (!known.has(accountId(`a${meter}`))) await order(master.open(`a${meter}`, `m${meter}`, 6_000_000n))
for (const { id, stage } of (await store.run('open-orders', {})).orders) if (stage !== 'journalled') await finish(id)
let energy = 100_000 * (1 + Number(round))
for (let count = 0; ; count += 1) {
  time.pass(60_000)
  const chance = random.next()
  if (chance < 0.5) await read(1 + random.int(3))
  else if (chance < 0.75) await pay(1 + random.int(3))
  else if (chance < 0.98) await note(`${round}-${count}`)
  else await store.run('close-day', { day: epochMs(0), stamp: time.stamp() })
}

async function read(meter: number): Promise<void> {
  energy += random.int(200)
  const point = curvePoint(`m${meter}`, time.at, time.stamp(), energy)
  const { effects } = await store.run('apply-points', { points: [point], stamp: time.stamp() })
  const seen = { meter: meterId(`m${meter}`), contact: 'closed' as const, alarm: false, protected: false, stamp: time.stamp() }
  const more = await store.run('relay-seen', seen)
  for (const each of [...effects.orders, ...more.effects.orders]) await carryOut(each)
}

async function carryOut({ id }: JournalledOrder): Promise<void> {
  say('journalled', String(id))
  const { withdrawn } = await store.run('order-sending', { id, stamp: time.stamp() })
  if (withdrawn !== true) await finish(id)
}

async function finish(id: number): Promise<void> {
  await store.run('order-outcome', { id, stage: 'done', evidence: { word: '0041' }, stamp: time.stamp() })
  say('done', String(id))
}

async function pay(meter: number): Promise<void> {
  const account = accountId(`a${meter}`)
  const purchase = (known.get(account) ?? 0) + 1
  known.set(account, purchase)
  await order(master.credit(account, 3_000_000n, purchase))
  say('credit', `order:pay-${account}-${purchase}`)
}

async function note(key: string): Promise<void> {
  await store.run('record-event', { event: { code: 'area.noted', severity: 'info', detail: { key } }, stamp: time.stamp() })
  say('event', key)
}

async function order(body: ReturnType<Master['open']>): Promise<void> {
  const input = master.order(body, time.at)
  const reply = await store.run('journal-order', { ...input, stamp: time.stamp() })
  if (!reply.accepted) throw new Error(`${body.kind} was refused: ${reply.code} ${reply.message}`)
  say('order', String(master.number))
}
