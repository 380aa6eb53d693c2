/** Cuts the power at random points of a recorded run of the real store, and looks what is left. */
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { epochMs, streams } from '../../src/model/index.js'
import type { Random, Store } from '../../src/ports/index.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { openInProcessStore } from '../../src/store/index.js'
import type { Synchronous } from '../../src/store/index.js'
import { onExit } from '../on-exit.js'
import { readBlockLog } from './block-log.js'
import type { BlockWrite } from './block-log.js'
import { CrashImages, acknowledgedAt, fates } from './crash-image.js'
import { startRecording } from './recording.js'
import { allRecords, judge } from './verdict.js'
import type { Truth, Verdict } from './verdict.js'
import { Workload, accountHeads, takeSnapshot, workloadStart } from './workload.js'

const usage = `usage: scripts/powercut [--points N] [--seed N] [--commands N] [--synchronous FULL|NORMAL|OFF]

Records every block that a run of the real store writes (readings, credits, cuts, orders, packing), with a mark in the same record
after each acknowledged command. Then cuts the power at random points: what was flushed is there, of the rest nothing, everything,
some, the first half, or everything with a torn end. Each time the file system is mounted and the store opened: nothing that was
acknowledged may be missing, nothing doubled or changed, every chain and balance must hold.

  --points N        power cuts, default 250
  --seed N          of the run and the cuts, default 1
  --commands N      random steps of the run, default 400
  --synchronous M   how the store commits, default FULL; less must lose something, which proves that the drill would see it

Ends with 0 when FULL lost nothing, or when less than FULL did lose something; with 1 otherwise; with 3 when this machine cannot do it.
Needs root, /dev/fuse, loop devices, qemu-storage-daemon and mkfs.ext4 (Debian: qemu-system-common, e2fsprogs).`

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '250' },
    seed: { type: 'string', default: '1' },
    commands: { type: 'string', default: '400' },
    synchronous: { type: 'string', default: 'FULL' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else process.exitCode = await main()

async function main(): Promise<number> {
  const missing = whatIsMissing()
  if (missing !== null) {
    console.log(`skipped: ${missing}`)
    return 3
  }
  const synchronous = parseSynchronous(values.synchronous)
  const [points, seed] = [Number(values.points), Number(values.seed)]
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-powercut-'))
  const remove = onExit(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const random = seeded(seed)
    const run = await record(folder, { synchronous, random, commands: Number(values.commands) })
    return await drill({ folder, run, points, synchronous, random })
  } finally {
    remove()
  }
}

interface RecordedRun {
  readonly truth: Truth
  readonly workload: Workload
  readonly writes: readonly BlockWrite[]
  readonly log: string
}

async function record(
  folder: string,
  how: { readonly synchronous: Synchronous; readonly random: Random; readonly commands: number },
): Promise<RecordedRun> {
  const recording = await startRecording(folder)
  const snapshots: string[] = []
  let store: Store | null = null
  try {
    const opened = openAt(recording.mount, how.synchronous, how.random)
    store = opened
    const workload = new Workload(opened, how.random, async () => {
      recording.mark(snapshots.length)
      snapshots.push(JSON.stringify(await takeSnapshot(opened, await accountHeads(opened))))
    })
    await workload.run(how.commands)
    const texts = await Promise.all(streams.map((stream) => allRecords(opened, stream)))
    const records = new Map(streams.map((stream, index) => [stream, texts[index] ?? []] as const))
    await opened.close()
    store = null
    return { truth: { snapshots, records }, workload, writes: [], log: recording.log }
  } finally {
    await store?.close()
    await recording.close()
  }
}

interface Drill {
  readonly folder: string
  readonly run: RecordedRun
  readonly points: number
  readonly synchronous: Synchronous
  readonly random: Random
}

async function drill({ folder, run, points, synchronous, random }: Drill): Promise<number> {
  const writes = readBlockLog(run.log)
  const log = openSync(run.log, 'r')
  const base = join(folder, 'base.img')
  execFileSync('truncate', ['-s', '48M', base])
  const images = new CrashImages(writes, log, base)
  const tally = { good: 0, lost: 0, wrong: 0, unflushed: 0 }
  try {
    const first = firstMark(writes, log)
    const chosen = Array.from({ length: points }, () => first + Math.floor(random.next() * (writes.length - first)))
    for (const [index, point] of chosen.sort((a, b) => a - b).entries()) {
      const fate = fates[index % fates.length] ?? 'none'
      const path = join(folder, 'crash.img')
      if (images.make(point, fate, { path, random }) > 0) tally.unflushed += 1
      const verdict = await inspect(folder, path, (store) =>
        judge(store, run.truth, acknowledgedAt(writes, log, point), run.workload),
      )
      tally[verdict.kind] += 1
      // Everything above is synchronous: this lets a signal in.
      await turn()
      if (verdict.kind !== 'good')
        console.log(`write ${point} of ${writes.length}, ${fate}: ${verdict.kind}: ${verdict.what.slice(0, 400)}`)
    }
  } finally {
    images.close()
    closeSync(log)
  }
  const { truth } = run
  const counts = streams.map((stream) => `${truth.records.get(stream)?.length ?? 0} ${stream}`).join(', ')
  console.log(
    `synchronous=${synchronous}: ${truth.snapshots.length} acknowledged commands, ${writes.length} block writes, records: ${counts}`,
  )
  console.log(
    `${points} power cuts, ${tally.unflushed} with unflushed writes: ${tally.good} good, ${tally.lost} lost something acknowledged, ${tally.wrong} wrong`,
  )
  const isClean = tally.lost + tally.wrong === 0
  return (synchronous === 'FULL') === isClean ? 0 : 1
}

/** Mounts the image (the file system replays its own journal first), opens the store as the daemon would, and judges it. */
async function inspect(folder: string, image: string, look: (store: Store) => Promise<Verdict>): Promise<Verdict> {
  const mount = join(folder, 'crashed')
  mkdirSync(mount, { recursive: true })
  try {
    execFileSync('mount', ['-o', 'loop', image, mount], { stdio: 'pipe' })
  } catch (error) {
    return { kind: 'wrong', what: `the file system does not mount: ${String(error)}` }
  }
  const unmount = onExit(() => execFileSync('umount', ['-l', mount]))
  try {
    if (!existsSync(join(mount, 'wattkeep.db'))) return { kind: 'lost', what: 'the whole store' }
    const store = openAt(mount, 'FULL', { next: () => 0.5 })
    try {
      return await look(store)
    } finally {
      await store.close()
    }
  } catch (error) {
    return { kind: 'wrong', what: String(error) }
  } finally {
    unmount()
  }
}

function openAt(mount: string, synchronous: Synchronous, random: Random): Store {
  const options = { path: join(mount, 'wattkeep.db'), now: epochMs(workloadStart), random, synchronous }
  return openInProcessStore({ ...options, budgetBytes: 16 * 1024 * 1024, reserveBytes: 65_536 }, systemTimers)
}

function firstMark(writes: readonly BlockWrite[], log: number): number {
  const first = writes.findIndex((_, index) => acknowledgedAt(writes.slice(index, index + 1), log, 0) >= 0)
  if (first < 0) throw new Error('the record has no mark')
  // The trial marks that found an aligned sector come before the first command.
  return writes.findIndex((_, index) => index > first && acknowledgedAt(writes.slice(index, index + 1), log, 0) >= 1)
}

function whatIsMissing(): string | null {
  if (process.getuid?.() !== 0) return 'mounting needs root'
  if (!existsSync('/dev/fuse')) return 'this machine has no FUSE (/dev/fuse)'
  if (!existsSync('/dev/loop-control')) return 'this machine has no loop devices (/dev/loop-control)'
  for (const [program, packageName] of [
    ['qemu-storage-daemon', 'qemu-system-common'],
    ['mkfs.ext4', 'e2fsprogs'],
    ['losetup', 'mount'],
  ] as const) {
    try {
      execFileSync('which', [program], { stdio: 'pipe' })
    } catch {
      return `${program} is missing (Debian: apt-get install --no-install-recommends ${packageName})`
    }
  }
  return whatIsForbidden()
}

/** A container may show the devices and still not let anybody use them. */
function whatIsForbidden(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-powercut-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder], { stdio: 'pipe' })
    closeSync(openSync('/dev/fuse', 'r+'))
    execFileSync('losetup', ['--find'], { stdio: 'pipe' })
    return null
  } catch (error) {
    return `this machine forbids mounts, FUSE or loop devices (${String(error).split('\n')[0] ?? ''})`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function parseSynchronous(text: string): Synchronous {
  if (text === 'FULL' || text === 'NORMAL' || text === 'OFF') return text
  throw new Error(`--synchronous must be FULL, NORMAL or OFF, got ${text}`)
}

function seeded(seed: number): Random {
  let state = (seed * 2_654_435_761) % 2_147_483_647 || 1
  return { next: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 }
}
