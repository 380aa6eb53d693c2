/**
 * Four buses and the real store, which commits without pause in every second stretch of time. Arguments: the measured time in ms, the
 * database's path. Prints what was measured as JSON.
 */
import { itemId, meterId, taskId, type Point, type SiteParameters, type Stamp } from '../../src/model/index.js'
import type { Clock, Store } from '../../src/ports/index.js'
import { systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { openWorkerStore } from '../../src/store/worker-store.js'
import { measure } from './live-share.js'
import { pause, startPacedBuses } from './paced-buses.js'

/** Shares of ideal time, in stretches without and with commits. */
export interface SlowDiskMeasured {
  readonly idle: number
  readonly committing: number
  readonly commits: number
  readonly commitMs: number
}

/** Long enough for a stretch's edges not to count, short enough for both kinds to see the same machine. */
const stretchMs = 5_000

const parameters: SiteParameters = {
  concentrator: 'bench',
  utcOffsetMinutes: 480,
  meters: [],
  profiles: [],
  tasks: [],
  tariffs: [],
  rules: {
    blocked: { night: null, weekdays: [], dates: [] },
    readingStaleAfterMs: 3_600_000,
    relayExpiryMs: 1_800_000,
    wrapWindowPpm: 10_000,
  },
  retention: [],
  keys: [],
}

const [, , durationText = '30000', path = ''] = process.argv
console.log(JSON.stringify(await run(Number(durationText), path)))

async function run(durationMs: number, path: string): Promise<SlowDiskMeasured> {
  let readings: Point[] = []
  const buses = await startPacedBuses({
    baud: 9600,
    buses: 4,
    quietMs: 0,
    silent: 0,
    onReading: (bus, address) => readings.push(pointOf(`${bus}-${address}`, buses.clock)),
  })
  const store = await openWorkerStore({ path, now: buses.clock.wall().at, random: systemRandom }, systemTimers)
  await store.run('configure', { parameters, stamp: stampOf(buses.clock) })
  buses.poll()
  await pause(2_000)
  const committer = { isOn: false, commits: 0, spentMs: 0 }
  const stop = startCommitting(store, buses.clock, committer, () => {
    const taken = readings
    readings = []
    return taken
  })
  const sums = { idle: 0, committing: 0 }
  const rounds = Math.max(1, Math.round(durationMs / stretchMs / 2))
  for (let i = 0; i < rounds; i++) {
    sums.idle += (await measure(buses, stretchMs)).ratio
    committer.isOn = true
    sums.committing += (await measure(buses, stretchMs)).ratio
    committer.isOn = false
  }
  await stop()
  await buses.close()
  await store.close()
  return {
    idle: sums.idle / rounds,
    committing: sums.committing / rounds,
    commits: committer.commits,
    commitMs: committer.spentMs / Math.max(1, committer.commits),
  }
}

interface Committer {
  isOn: boolean
  commits: number
  spentMs: number
}

/** While it is on, one commit follows the other: the disk is never idle. @returns the way to stop it */
function startCommitting(store: Store, clock: Clock, committer: Committer, take: () => readonly Point[]): () => Promise<void> {
  let isStopped = false
  const work = async (): Promise<void> => {
    while (!isStopped) {
      if (!committer.isOn) {
        take()
        await pause(20)
        continue
      }
      const startedAt = clock.monotonic()
      await store.run('apply-points', { points: take(), stamp: stampOf(clock) })
      await store.run('record-event', { event: { code: 'bench', severity: 'info', detail: {} }, stamp: stampOf(clock) })
      committer.commits++
      committer.spentMs += clock.monotonic() - startedAt
    }
  }
  const running = work()
  return async () => {
    isStopped = true
    await running
  }
}

function stampOf(clock: Clock): Stamp {
  const { at, trusted } = clock.wall()
  return { receivedAt: at, clockTrusted: trusted, boot: clock.boot, monotonicMs: clock.monotonic() }
}

function pointOf(meter: string, clock: Clock): Point {
  const { at } = clock.wall()
  return {
    meter: meterId(meter),
    task: taskId('curve'),
    stream: 'curve',
    slotAt: at,
    measuredAt: at,
    source: 'live',
    stamp: stampOf(clock),
    values: [{ item: itemId('energy'), ints: [1_128_026], exponent: -2, unit: 'kWh' }],
  }
}
