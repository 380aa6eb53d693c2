/** What a reading costs the flash and the processor: bytes written, bytes kept, CPU. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { epochMs } from '../../src/model/index.js'
import type { Store } from '../../src/ports/index.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { openWorkerStore } from '../../src/store/index.js'
import { Figures } from './figures.js'
import { openMeasuredDisk, type MeasuredDisk } from './measured-disk.js'
import { StoreLoad, valuesPerPoint } from './store-load.js'

const usage = `usage: scripts/bench store [--meters N] [--json]

The real store in its worker thread, synchronous=FULL, ${valuesPerPoint} values a point, an account on every meter. Time is compressed: a
reading follows another at once, but the stamps advance at the stated rate, and groups commit as they would at that rate (400 values
are there long before 60 s are over). A reading is one value.

  --meters N   meters of the site, default 1000
  --json       one line of JSON for each figure`

/** Ten in the morning: the accounts' daily statements are over, and measured for themselves. */
const morning = Date.UTC(2026, 2, 1, 2)
const statementTime = Date.UTC(2026, 2, 1, 22, 30)

const { values } = parseArgs({
  options: {
    meters: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else await main(new Figures('store', values.json), Number(values.meters))

async function main(figures: Figures, meters: number): Promise<void> {
  const disk = openMeasuredDisk(1024)
  try {
    figures.note(`bytes written are ${disk.method}`)
    for (const rate of [20, 200]) {
      const slotMs = Math.round((meters * valuesPerPoint * 1000) / rate)
      await run(figures, disk, { name: `${rate} readings/s, ${meters} meters`, meters, slotMs, slots: 48, aim: rate === 20 })
    }
    await run(figures, disk, { name: `a day of 96 slots, ${meters} meters`, meters, slotMs: 900_000, slots: 96, aim: false })
  } finally {
    disk.close()
  }
}

interface Case {
  readonly name: string
  readonly meters: number
  readonly slotMs: number
  readonly slots: number
  readonly aim: boolean
}

async function run(figures: Figures, disk: MeasuredDisk, what: Case): Promise<void> {
  let state = 1
  const random = { next: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 }
  const isDay = what.slotMs * what.slots >= 86_400_000
  const load = new StoreLoad({ meters: what.meters, slotMs: what.slotMs, startAt: morning + what.slots * what.slotMs, random })
  const path = join(disk.folder, `${what.name.replaceAll(/\W+/g, '-')}.db`)
  const options = { path, now: load.stamp().receivedAt, random, reserveBytes: 65_536 }
  const store = await openWorkerStore(options, systemTimers)
  try {
    await store.run('configure', { parameters: load.parameters, stamp: load.stamp() })
    if (!isDay) await load.openAccounts(store)
    // A box that has been running: the WAL has its size, and the file has the room that yesterday's log left.
    for (let slot = 1 - what.slots; slot <= 0; slot += 1) await apply(store, load, slot)
    await store.run('close-day', { day: epochMs(0), stamp: load.stamp() })
    await measure(figures, { disk, store, load, what })
    if (!isDay) await statements(figures, { disk, store, load, what })
  } finally {
    await store.close()
  }
}

/** What the accounts add once a day: a charge and a statement each, every one committed at once. */
async function statements(figures: Figures, bench: Bench): Promise<void> {
  const { disk, store, load, what } = bench
  load.pass(statementTime - load.stamp().receivedAt)
  const before = disk.written()
  await apply(store, load, Math.ceil((statementTime - morning) / what.slotMs))
  figures.add(what.name, 'written for each account at its day’s end', (disk.written() - before) / what.meters, 'B')
}

interface Bench {
  readonly disk: MeasuredDisk
  readonly store: Store
  readonly load: StoreLoad
  readonly what: Case
}

async function measure(figures: Figures, bench: Bench): Promise<void> {
  const { disk, store, load, what } = bench
  const before = { written: disk.written(), cpu: process.cpuUsage(), file: await usedBytes(store) }
  for (let slot = 1; slot <= what.slots; slot += 1) await apply(store, load, slot)
  await store.run('flush', {})
  const staged = { written: disk.written(), cpu: process.cpuUsage(before.cpu) }
  await store.run('close-day', { day: epochMs(0), stamp: load.stamp() })
  const closed = { written: disk.written(), cpu: process.cpuUsage(before.cpu), file: await usedBytes(store) }
  const readings = what.meters * what.slots * valuesPerPoint
  const seconds = (cpu: NodeJS.CpuUsage): number => (cpu.user + cpu.system) / 1e6
  const add = (figure: string, value: number, unit: string, aim: string | null = null): void =>
    figures.add(what.name, figure, value, unit, aim)
  add(
    'written for each reading, with the day’s close',
    (closed.written - before.written) / readings,
    'B',
    what.aim ? '<= 60' : null,
  )
  add('of it until the close', (staged.written - before.written) / readings, 'B')
  add('kept for each reading after the close', (closed.file - before.file) / readings, 'B', '<= 3')
  add('CPU for 10,000 readings, with the day’s close', (seconds(closed.cpu) / readings) * 1e4, 's', '<= 1')
  add('CPU of the close alone', seconds(closed.cpu) - seconds(staged.cpu), 's')
  add('readings', readings, '')
}

/** Points go to the store one at a time, as collection hands them over; a few hundred may be under way. */
async function apply(store: Store, load: StoreLoad, slot: number): Promise<void> {
  let underWay: Promise<unknown>[] = []
  for (const point of load.round(slot)) {
    underWay.push(store.run('apply-points', { points: [point], stamp: load.stamp() }))
    if (underWay.length < 256) continue
    await Promise.all(underWay)
    underWay = []
  }
  await Promise.all(underWay)
}

async function usedBytes(store: Store): Promise<number> {
  const { health } = await store.run('health', {})
  return health.usedBytes ?? health.fileBytes
}
