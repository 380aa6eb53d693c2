import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RETRY_SPACE_MS } from '../../src/store/space.js'
import { eventCodes, openHandled, readRound } from '../helpers/store-handler.js'
import { temporaryFolder } from '../helpers/store-site.js'

const mib = 1024 * 1024

/** A file system of a few MiB; null where this user may not mount one. */
function smallDisk(t: { teardown: (fn: () => void) => void }, megabytes: number): string | null {
  const mount = join(temporaryFolder(t), 'disk')
  mkdirSync(mount)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', mount], { stdio: 'pipe' })
  } catch {
    // Without the right to mount there is no disk to fill; the caller says so.
    return null
  }
  t.teardown(() => execFileSync('umount', [mount]))
  return mount
}

await t.test(
  'lesson 24: a disk filled by others: readings are refused and told, money and orders go on, and space is noticed',
  async (t) => {
    const disk = smallDisk(t, 24)
    if (disk === null) {
      t.pass('a small disk', { skip: 'mounting needs root' })
      return
    }
    const path = join(disk, 'wattkeep.db')
    const store = openHandled(path, { synchronous: 'FULL', reserveBytes: 2 * mib })
    const { handler, time, master } = store
    for (let meter = 1; meter <= 3; meter += 1) {
      const order = master.order(master.open(`a${meter}`, `m${meter}`, 30_000_000n), time.at)
      t.match(handler.run('journal-order', { ...order, stamp: time.stamp() }), { accepted: true })
    }
    const ballast = join(disk, 'ballast')
    fillUp(ballast)
    let slot = 0
    while (handler.run('health', {}).health.refusedValues === 0 && slot < 20_000) readRound(store, 3, (slot += 1))
    t.ok(handler.run('health', {}).health.refusedValues > 0, `readings are refused after ${slot} rounds`)
    t.ok(eventCodes(store).includes('store.disk-full'))
    for (let purchase = 1; purchase <= 50; purchase += 1) {
      const order = master.order(master.credit('a1', 1_000_000n, purchase), time.at)
      t.match(handler.run('journal-order', { ...order, stamp: time.stamp() }), { accepted: true }, `credit ${purchase}`)
    }
    const before = handler.run('accounts', {}).accounts.map((view) => view.runningBalance)
    readRound(store, 3, slot + 20)
    t.notSame(
      handler.run('accounts', {}).accounts.map((view) => view.runningBalance),
      before,
      'readings that are not kept are priced all the same',
    )
    rmSync(ballast)
    time.monotonicMs += RETRY_SPACE_MS
    readRound(store, 3, slot + 21)
    t.ok(eventCodes(store).includes('store.space-recovered'))
    const { refusedValues } = handler.run('health', {}).health
    readRound(store, 3, slot + 22)
    t.equal(handler.run('health', {}).health.refusedValues, refusedValues)
    handler.close()
    const again = openHandled(path, { synchronous: 'FULL', reserveBytes: 2 * mib })
    t.equal(again.opened.state, 'opened')
    t.ok(again.handler.run('health', {}).health.moneySafe)
    again.handler.close()
  },
)

await t.test('a store opens on a full disk', async (t) => {
  const disk = smallDisk(t, 24)
  if (disk === null) {
    t.pass('a small disk', { skip: 'mounting needs root' })
    return
  }
  const path = join(disk, 'wattkeep.db')
  const first = openHandled(path, { synchronous: 'FULL', reserveBytes: mib })
  readRound(first, 3, 0)
  first.handler.close()
  fillUp(join(disk, 'ballast'))
  const store = openHandled(path, { synchronous: 'FULL', reserveBytes: mib })
  readRound(store, 3, 1)
  const order = store.master.order(store.master.open('a1', 'm1', 1n), store.time.at)
  t.match(store.handler.run('journal-order', { ...order, stamp: store.time.stamp() }), { accepted: true })
  store.handler.close()
})

/** Takes all there is, block by block. */
function fillUp(file: string): void {
  for (let block = mib; block >= 4096; block /= 2) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(block), { flag: 'a' })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
}
