import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BUDGET_BYTES_MIN } from '../../../src/store/space.js'
import { eventCodes, openHandled } from '../../helpers/store-handler.js'
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
const fillBytes = 3000

function sizeOf(path: string): number {
  const wal = `${path}-wal`
  return statSync(path).size + (existsSync(wal) ? statSync(wal).size : 0)
}

for (const [name, at] of [
  ['1970', 5_000],
  ['now', Date.UTC(2026, 2, 1)],
  ['2100', Date.UTC(2100, 0, 1)],
] as const) {
  await t.test(`lesson 4: twice the budget with a clock at ${name}: the file keeps its budget, evictions are told`, async (t) => {
    const path = join(temporaryFolder(t), 'wattkeep.db')
    const store = openHandled(path, { budgetBytes: BUDGET_BYTES_MIN })
    store.time.at = at
    store.time.trusted = name !== '1970'
    let written = 0
    while (written < 2.5 * BUDGET_BYTES_MIN) {
      fill(store, 500)
      written += 500 * fillBytes
    }
    t.ok(sizeOf(path) <= BUDGET_BYTES_MIN * 1.05, `${sizeOf(path)} bytes`)
    t.equal(store.handler.run('health', {}).health.refusedValues, 0, 'eviction makes room for what is new')
    const { extents, tombstones } = store.handler.run('extents', {})
    const curve = extents.find((each) => each.stream === 'curve')
    t.match(tombstones, [{ stream: 'curve', first: 1, reason: 'disk-full' }])
    t.equal(tombstones[0]?.count, (curve?.lo ?? 0) - 1, 'every number is held or has its stone')
    t.ok(eventCodes(store).includes('store.evicted'))
    store.handler.close()
  })
}
