import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { accountId, micro } from '../../../src/model/index.js'
import type { OrderBody } from '../../../src/model/index.js'
import { PAGE_BYTES } from '../../../src/store/open.js'
import { openHandled, readRound } from '../../helpers/store-handler.js'
import type { HandledStore } from '../../helpers/store-handler.js'
import { Seeded, temporaryFolder } from '../../helpers/store-site.js'

/** A store with readings in log and chunks, three accounts with credits, and acknowledged events; closed, or left with its WAL. */
function makeStore(path: string): void {
  const store = openHandled(path)
  for (let slot = 0; slot < 60; slot += 1) readRound(store, 3, slot)
  store.handler.run('close-day', { day: 0 as never, stamp: store.time.stamp() })
  for (let index = 1; index <= 3; index += 1) {
    order(store, store.master.open(`a${index}`, `m${index}`, 30_000_000n))
    for (let purchase = 1; purchase <= 10; purchase += 1) order(store, store.master.credit(`a${index}`, 1_000_000n, purchase))
  }
  for (let slot = 60; slot < 100; slot += 1) readRound(store, 3, slot)
  store.handler.run('flush', {})
  copyFileSync(path, `${path}.copy`)
  copyFileSync(`${path}-wal`, `${path}-wal.copy`)
  store.handler.close()
}

function order(store: HandledStore, body: OrderBody) {
  return store.handler.run('journal-order', { ...store.master.order(body, store.time.at), stamp: store.time.stamp() })
}

type Damage = (file: string, random: Seeded) => void
const damages: Readonly<Record<string, Damage>> = {
  truncated: (file, random) => truncateSync(file, random.int(statSync(file).size)),
  flipped: (file, random) => rewrite(file, (bytes) => flip(bytes, random.int(bytes.length), 1 << random.int(8))),
  'a page of zeros': (file, random) =>
    rewrite(file, (bytes) => bytes.fill(0, ...pageOf(random.int(Math.ceil(bytes.length / PAGE_BYTES))))),
  'a page of noise': (file, random) =>
    rewrite(file, (bytes) => {
      const [from, to] = pageOf(random.int(Math.ceil(bytes.length / PAGE_BYTES)))
      for (let at = from; at < Math.min(to, bytes.length); at += 1) bytes[at] = random.int(256)
    }),
}
const flip = (bytes: Buffer, at: number, bits: number) => bytes.writeUInt8(bytes.readUInt8(at) ^ bits, at)
const pageOf = (page: number): [number, number] => [page * PAGE_BYTES, (page + 1) * PAGE_BYTES]

function rewrite(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file)
  change(bytes)
  writeFileSync(file, bytes)
}

/** The store must be ready, and every balance it vouches for must be the sum of its entries. */
function checkReady(path: string): { state: string; events: readonly string[] } {
  const store = openHandled(path)
  const { handler } = store
  const { accounts } = handler.run('accounts', {})
  for (const { account } of accounts) {
    if (!account.verified) continue
    const { entries } = handler.run('entries', { account: account.id, first: 1, count: 1000 })
    const sum = entries.reduce((total, entry) => total + entry.amount, 0n)
    if (sum !== account.balance) throw new Error(`${account.id}: the balance is ${account.balance}, the entries add up to ${sum}`)
  }
  readRound(store, 3, 101)
  handler.run('flush', {})
  const state = store.opened.state
  const events = handler.run('events', { count: 1000 }).events.map((event) => event.code)
  handler.close()
  return { state, events }
}

await t.test('lesson 6: truncated, flipped and zeroed files at 100 places: ready every time, and said so', async (t) => {
  const folder = temporaryFolder(t)
  const original = join(folder, 'original.db')
  makeStore(original)
  const random = new Seeded(6)
  const states: Record<string, number> = {}
  for (let place = 0; place < 100; place += 1) {
    const names = Object.keys(damages)
    const name = names[place % names.length] ?? ''
    const isWal = place % 3 === 2
    const work = join(folder, `work-${place}`, 'wattkeep.db')
    rmSync(join(folder, `work-${place}`), { recursive: true, force: true })
    const { handler } = openHandled(work)
    handler.close()
    copyFileSync(`${original}.copy`, work)
    copyFileSync(`${original}-wal.copy`, `${work}-wal`)
    damages[name]?.(isWal ? `${work}-wal` : work, random)
    const { state, events } = checkReady(work)
    states[state] = (states[state] ?? 0) + 1
    if (state === 'salvaged' && !events.includes('store.salvaged')) t.fail(`place ${place} (${name}): the salvage was not told`)
    t.equal(checkReady(work).state === 'opened' || state === 'salvaged', true, `place ${place}: ${name}, ${state}`)
    rmSync(join(folder, `work-${place}`), { recursive: true })
  }
  t.comment(JSON.stringify(states))
  t.ok((states['salvaged'] ?? 0) > 20, 'the damage was seen')
})

await t.test('lesson 6: a destroyed first page costs nothing but the doubt: ledger, orders and points are saved', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  makeStore(path)
  const before = openHandled(path)
  const a1 = { account: accountId('a1'), first: 1, count: 1000 }
  const { entries } = before.handler.run('entries', a1)
  const { epoch, extents } = before.handler.run('extents', {})
  before.handler.close()
  rewrite(path, (bytes) => bytes.fill(0, 0, PAGE_BYTES))
  const after = openHandled(path)
  t.equal(after.opened.state, 'salvaged')
  t.same(after.handler.run('entries', a1).entries, entries)
  t.ok(after.handler.run('extents', {}).epoch > epoch, 'numbers may be given anew, so the epoch is new')
  const hiOf = (stream: string, of: typeof extents) => of.find((each) => each.stream === stream)?.hi
  t.equal(hiOf('curve', after.handler.run('extents', {}).extents), hiOf('curve', extents))
  t.same(after.handler.run('extents', {}).counters, { 'master-1': 33 })
  t.ok(
    after.handler.run('accounts', {}).accounts.every(({ account }) => !account.verified),
    'no account acts before its master agrees',
  )
  t.notOk(after.handler.run('health', {}).health.moneySafe)
  t.ok(existsSync(`${path}.set-aside-1`))
  after.handler.close()
  const later = openHandled(path)
  t.equal(later.opened.state, 'opened', 'the salvage is told once')
  t.ok(
    later.handler.run('accounts', {}).accounts.every(({ account }) => !account.verified),
    'the doubt outlives restarts',
  )
  later.handler.close()
})

await t.test('lesson 6: an interrupted salvage is begun again, and set-aside files do not pile up', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'wattkeep.db')
  makeStore(path)
  rewrite(path, (bytes) => bytes.fill(0, 0, PAGE_BYTES))
  copyFileSync(path, `${path}.damaged`)
  rmSync(path)
  writeFileSync(`${path}.new`, 'half of what could be read')
  const store = openHandled(path)
  t.equal(store.opened.state, 'salvaged')
  t.equal(store.handler.run('accounts', {}).accounts.length, 3)
  store.handler.close()
  for (let round = 0; round < 4; round += 1) {
    rewrite(path, (bytes) => bytes.fill(0, 0, PAGE_BYTES))
    openHandled(path).handler.close()
  }
  const kept = readdirSync(folder).filter((name) => /set-aside-\d+$/.test(name))
  t.same(kept.sort(), ['wattkeep.db.set-aside-4', 'wattkeep.db.set-aside-5'])
})

await t.test('lesson 3: a flipped byte in a parameter set falls back to the generation before, with an alarm', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openHandled(path)
  for (const version of [1, 2]) {
    const body = {
      kind: 'set-parameters' as const,
      name: 'tasks' as const,
      version,
      body: { tasks: [{ id: `generation-${version}` }] },
    }
    order(store, body)
  }
  store.handler.close()
  rewrite(path, (bytes) => {
    // The last copy is the set's own; one before it is the order in the journal.
    const at = bytes.lastIndexOf('generation-2')
    t.ok(at > 0)
    flip(bytes, at, 1)
  })
  const after = openHandled(path)
  t.match(after.handler.run('stored-parameters', {}), { sets: [{ name: 'tasks', version: 1 }] })
  const { events } = after.handler.run('events', { count: 20 })
  t.match(
    events.find((event) => event.code === 'parameters.damaged'),
    { severity: 'alarm', detail: { name: 'tasks', version: 2, fallback: 1 } },
  )
  after.handler.close()
})

await t.test(
  'a changed amount in the ledger, or a changed account, is found at the start and stops that account only',
  async (t) => {
    const path = join(temporaryFolder(t), 'wattkeep.db')
    makeStore(path)
    rewrite(path, (bytes) => {
      const at = bytes.indexOf('"purchase 7"', bytes.indexOf('"account":"a2","number":8'))
      t.ok(at > 0)
      bytes[at + 10] = '9'.charCodeAt(0)
    })
    const after = openHandled(path)
    const { accounts } = after.handler.run('accounts', {})
    t.same(
      accounts.map(({ account }) => [account.id, account.verified]),
      [
        ['a1', true],
        ['a2', false],
        ['a3', true],
      ],
    )
    t.notOk(after.handler.run('health', {}).health.moneySafe)
    t.match(after.handler.run('why', { account: accountId('a2'), count: 1 }).lines, [
      { code: 'account.unverified', severity: 'alarm' },
    ])
    after.handler.close()
  },
)

await t.test('an account whose row is lost is rebuilt from its ledger, and its master sets it going again', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  makeStore(path)
  const before = openHandled(path)
  before.master.number = 100
  // A credit posts what was used until then: a1 has been charged, a2 has not.
  readRound(before, 3, 101)
  t.match(order(before, before.master.credit('a1', 1_000_000n, 11)), { accepted: true })
  const held = (store: HandledStore, id: string) =>
    store.handler.run('accounts', {}).accounts.find(({ account }) => account.id === id)?.account
  const [a1, a2] = [held(before, 'a1'), held(before, 'a2')]
  before.opened.sql.run("DELETE FROM account WHERE id IN ('a1', 'a2')")
  before.handler.close()
  const store = openHandled(path)
  const { balance, chainHash } = a1 ?? { balance: 0n, chainHash: '' }
  t.match(held(store, 'a1'), { balance, chainHash, meter: 'm1', purchaseCount: 11, verified: false, pricingStopped: {} })
  t.match(held(store, 'a2'), { balance: a2?.balance, limits: a2?.limits, verified: false, pricingStopped: null })
  t.notOk(store.handler.run('health', {}).health.moneySafe)
  readRound(store, 3, 110)
  store.master.number = 200
  const adjust = {
    kind: 'adjust' as const,
    account: accountId('a1'),
    reason: 'row lost',
    resumePricing: true,
    idempotencyKey: 'adjust-1',
  }
  t.match(order(store, { ...adjust, amount: micro(1n) }), { accepted: true })
  t.match(held(store, 'a1'), { verified: true, pricingStopped: null, balance: balance + 1n })
  const { entryCount: entry = 0, chainHash: hash = '' } = held(store, 'a2') ?? {}
  t.match(order(store, { kind: 'agree', account: accountId('a2'), entry, chainHash: hash }), { accepted: true })
  store.handler.close()
  const again = openHandled(path)
  t.ok(again.handler.run('health', {}).health.moneySafe)
  again.handler.close()
})

await t.test('a flipped bit inside the write-ahead log is a loss and is told; the torn end of a power cut is none', async (t) => {
  const folder = temporaryFolder(t)
  const original = join(folder, 'original.db')
  makeStore(original)
  const frame = PAGE_BYTES + 24
  for (const [name, damage] of [
    ['flipped', (bytes: Buffer) => flip(bytes, 32 + Math.floor(bytes.length / frame / 2) * frame + 500, 4)],
    ['torn', (bytes: Buffer) => bytes.fill(0, bytes.length - 700)],
    ['header', (bytes: Buffer) => flip(bytes, 20, 1)],
  ] as const) {
    const path = join(folder, name, 'wattkeep.db')
    const made = openHandled(path)
    made.handler.close()
    copyFileSync(`${original}.copy`, path)
    copyFileSync(`${original}-wal.copy`, `${path}-wal`)
    rewrite(`${path}-wal`, damage)
    const store = openHandled(path)
    const { accounts } = store.handler.run('accounts', {})
    const doubted = accounts.filter(({ account }) => !account.verified)
    if (name === 'torn') t.same([store.opened.state, doubted], ['opened', []])
    else {
      t.equal(store.opened.state, 'salvaged', name)
      t.equal(doubted.length, accounts.length, 'every balance may be older than the master’s')
      t.ok(existsSync(`${path}.set-aside-wal`))
    }
    store.handler.close()
  }
})
