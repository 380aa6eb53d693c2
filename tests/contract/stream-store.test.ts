import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { epochMs, masterId } from '../../src/model/index.js'
import type { Stream } from '../../src/model/index.js'
import type { Store } from '../../src/ports/index.js'
import { openInProcessStore } from '../../src/store/index.js'
import { RecordStore } from '../helpers/record-store.js'
import { Seeded, SiteTime, StillTimers, dayStart, siteOf, temporaryFolder } from '../helpers/store-site.js'

await t.test('the streams of the real store', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openInProcessStore({ path, now: dayStart, random: new Seeded(1) }, new StillTimers())
  await store.run('configure', { parameters: siteOf(1), stamp: new SiteTime().stamp() })
  await contract(t, store)
})

await t.test('the streams of the store that tests of the uplink use', async (t) => {
  await contract(t, new RecordStore())
})

/** What an uplink relies on. */
async function contract(t: Test, store: Store): Promise<void> {
  const time = new SiteTime()
  const master = masterId('ms')
  const told: { stream: Stream; hi: number }[] = []
  store.onAppended((ends) => told.push(...ends))
  const stamp = time.stamp()
  for (let i = 0; i < 20; i++) await store.run('record-status', { body: { i, text: 'x'.repeat(100) }, stamp })
  const facts = async () => {
    const { epoch, extents } = await store.run('extents', {})
    return { epoch, status: extents.find((extent) => extent.stream === 'status') }
  }
  const read = async (first: number, maxCount: number, maxBytes: number) => {
    const { records } = await store.run('read-stream', { stream: 'status', first, maxCount, maxBytes })
    return records.map((record) => record.seq)
  }

  await t.test('extents name every stream, and growth is told', async (t) => {
    const { extents, counters } = await store.run('extents', {})
    t.strictSame(
      extents.map((extent) => extent.stream),
      ['event', 'ledger', 'result', 'freeze', 'status', 'curve'],
    )
    t.same((await facts()).status, { stream: 'status', lo: 1, hi: 20 })
    t.same(extents[1], { stream: 'ledger', lo: 1, hi: 0 })
    t.same(counters, {})
    t.same(told.at(-1), { stream: 'status', hi: 20 })
  })

  await t.test('reads are cut by count and bytes, but one record always comes', async (t) => {
    t.strictSame(await read(5, 3, 10_000), [5, 6, 7])
    t.strictSame(await read(5, 3, 1), [5])
    t.strictSame(await read(19, 100, 10_000), [19, 20])
    t.strictSame(await read(21, 100, 10_000), [])
    const few = await read(1, 100, 1_200)
    t.ok(few.length >= 2 && few.length <= 10, `${few.length} records of more than 120 bytes each`)
  })

  await t.test('marks move forward, in their epoch, up to what there is', async (t) => {
    const { epoch } = await facts()
    const acknowledge = (upTo: number, of = epoch) =>
      store.run('acknowledge', { master, epoch: of, marks: [{ stream: 'status', upTo }], stamp })
    t.same(await acknowledge(10), { moved: true })
    t.same(await acknowledge(9), { moved: false })
    t.same(await acknowledge(21), { moved: false })
    t.same(await acknowledge(15, epoch + 1), { moved: false })
    t.same(await store.run('cursors', { master }), { cursors: [{ stream: 'status', upTo: 10 }] })
    t.same(await store.run('cursors', { master: masterId('other') }), { cursors: [] })
  })

  await t.test('events and refusals are records', async (t) => {
    const detail = { reason: 'forged', message: 'no', origin: 'k#1' }
    await store.run('record-event', { event: { code: 'a.b', severity: 'info', detail: {} }, stamp })
    await store.run('refuse-order', { code: 'forged', message: 'no', origin: 'k#1', stamp })
    const { records } = await store.run('read-stream', { stream: 'event', first: 1, maxCount: 100, maxBytes: 100_000 })
    t.match(records.at(-2)?.body, { code: 'a.b', severity: 'info' })
    t.match(records.at(-1)?.body, { code: 'order.refused', severity: 'warning', detail })
  })

  await t.test('a new epoch keeps the numbers; what was acknowledged is announced as gone', async (t) => {
    const before = await facts()
    const { epoch } = await store.run('new-epoch', { reason: 'test', stamp: { ...stamp, receivedAt: epochMs(dayStart) } })
    t.ok(epoch > before.epoch)
    t.same((await facts()).status, { stream: 'status', lo: 11, hi: 20 })
    const { tombstones } = await store.run('extents', {})
    t.match(
      tombstones.filter((each) => each.stream === 'status'),
      [{ first: 1, count: 10, reason: 'salvage' }],
    )
    t.strictSame(await read(1, 2, 10_000), [11, 12], 'a read below begins where there is something')
  })
  await store.close()
}
