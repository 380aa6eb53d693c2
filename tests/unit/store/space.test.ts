import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import t from 'tap'
import { accountId, epochMs } from '../../../src/model/index.js'
import { BUDGET_BYTES_MIN } from '../../../src/store/space.js'
import { eventCodes, openHandled, readRound } from '../../helpers/store-handler.js'
import type { HandledStore } from '../../helpers/store-handler.js'
import { curvePoint, temporaryFolder } from '../../helpers/store-site.js'

const pool = Array.from({ length: 4600 }, (_, at) => createHash('sha256').update(String(at)).digest('base64')).join('')
let poolAt = 0

/** Fills the store with points of one meter that no packing makes smaller: about 3 kB each, in three words. */
function fill(store: HandledStore, points: number): void {
  for (let count = 0; count < points; count += 1) {
    store.time.monotonicMs += 1000
    const words = [0, 1, 2].map(() => pool.slice((poolAt = (poolAt + 9901) % 190_000), poolAt + 990))
    const point = { ...curvePoint('m1', store.time.at, store.time.stamp(), 10_000), values: [{ item: 'words' as never, words }] }
    store.handler.run('apply-points', { points: [point], stamp: store.time.stamp() })
  }
}

await t.test('a full budget with nothing to evict refuses readings, counts them, and still takes money and orders', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openHandled(path, { budgetBytes: BUDGET_BYTES_MIN, reserveBytes: 1024 * 1024 })
  const { handler, time, master } = store
  handler.run('journal-order', { ...master.order(master.open('a1', 'm1', 30_000_000n), time.at), stamp: time.stamp() })
  const text = 'x'.repeat(8000)
  for (let count = 0; count < 3000; count += 1) {
    handler.run('record-event', { event: { code: 'area.filler', severity: 'info', detail: { text } }, stamp: time.stamp() })
    fill(store, 1)
    if (handler.run('health', {}).health.refusedValues > 0) break
  }
  t.ok(eventCodes(store).includes('store.disk-full'))
  t.ok(handler.run('health', {}).health.refusedValues > 0)
  const credit = { ...master.order(master.credit('a1', 1_000_000n, 1), time.at), stamp: time.stamp() }
  t.match(handler.run('journal-order', credit), { accepted: true })
  store.handler.close()
  const after = openHandled(path)
  t.equal(after.handler.run('entries', { account: accountId('a1'), first: 1, count: 9 }).entries.length, 2)
  after.handler.close()
})

await t.test('lesson 5: days without a master: memory stays flat, the disk is the queue', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openHandled(path, { meters: 40 })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heapAfter = (fromDay: number, toDay: number): number => {
    for (let day = fromDay; day < toDay; day += 1) {
      for (let slot = 0; slot < 96; slot += 1) readRound(store, 40, day * 96 + slot)
      store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
    }
    t.ok(store.handler.run('health', {}).health.pendingValues < 400)
    collect()
    return process.memoryUsage().heapUsed
  }
  const early = heapAfter(0, 2)
  const late = heapAfter(2, 8)
  t.ok(late - early < 4_000_000, `${late - early} bytes more after six days`)
  t.equal(store.handler.run('extents', {}).extents.find((each) => each.stream === 'curve')?.hi, 8 * 96 * 40)
  store.handler.close()
})

await t.test(
  'lesson 24: a routine commit changes one page, the log is used anew each day, and the WAL does not grow',
  async (t) => {
    const path = join(temporaryFolder(t), 'wattkeep.db')
    const store = openHandled(path, { meters: 100 })
    const day = (number: number): void => {
      for (let slot = 0; slot < 40; slot += 1) readRound(store, 100, number * 96 + slot)
      store.handler.run('flush', {})
    }
    day(0)
    store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
    store.opened.sql.pragma('wal_checkpoint(TRUNCATE)')
    store.opened.sql.pragma('wal_autocheckpoint = 0')
    const pages = store.opened.sql.pragma('page_count')
    day(1)
    const frames = (statSync(`${path}-wal`).size - 32) / 4120
    t.ok(frames / 40 <= 1.5, `${frames / 40} pages for each commit of 400 values`)
    t.equal(store.opened.sql.pragma('page_count'), pages, 'yesterday’s log is overwritten')
    store.opened.sql.pragma('wal_autocheckpoint = 1000')
    for (let number = 2; number < 5; number += 1) {
      day(number)
      store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
    }
    t.ok(statSync(`${path}-wal`).size < 2 * 1000 * 4120)
    store.handler.close()
    openHandled(path, { meters: 100 }).handler.close()
  },
)

await t.test('retention evicts what is past its days, but events only once every master has them', async (t) => {
  const path = join(temporaryFolder(t), 'wattkeep.db')
  const store = openHandled(path)
  for (let slot = 0; slot < 40; slot += 1) readRound(store, 3, slot)
  store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
  for (let index = 0; index < 300; index += 1) {
    store.handler.run('record-event', { event: { code: 'area.old', severity: 'info', detail: {} }, stamp: store.time.stamp() })
  }
  store.time.pass(500 * 86_400_000)
  const closed = store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
  t.match(closed.evicted, [{ stream: 'curve', first: 1, count: 120, reason: 'retention' }])
  t.equal(store.handler.run('extents', {}).extents.find((each) => each.stream === 'event')?.lo, 1)
  const { epoch } = store.handler.run('extents', {})
  const marks = [{ stream: 'event' as const, upTo: 280 }]
  store.handler.run('acknowledge', { master: 'head' as never, epoch, marks, stamp: store.time.stamp() })
  store.handler.run('close-day', { day: epochMs(0), stamp: store.time.stamp() })
  const lo = store.handler.run('extents', {}).extents.find((each) => each.stream === 'event')?.lo ?? 0
  t.ok(lo > 1 && lo <= 281, `events from ${lo} on are kept`)
  const { records } = store.handler.run('read-stream', { stream: 'event', first: 1, maxCount: 5, maxBytes: 10_000 })
  t.equal(records[0]?.seq, lo)
  store.handler.close()
  const again = openHandled(path)
  t.equal(
    again.handler.run('extents', {}).extents.find((each) => each.stream === 'curve')?.hi,
    120,
    'numbers are not given again',
  )
  again.handler.close()
})
