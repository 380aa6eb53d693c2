import t from 'tap'
import fc from 'fast-check'
import { monotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome } from '../../src/ports/index.js'
import { broadcastOf, moduleBench, readOf, wireOf, type ModuleBench } from '../helpers/module-bench.js'
import { moduleFrame, type Misdeed, type ScriptedOptions } from '../helpers/scripted-module.js'
import { replyOf } from '../helpers/test-protocol.js'

const isFull = process.env['WATTKEEP_FULL'] === '1'
const runs = isFull ? 2_000 : 150
if (isFull) t.setTimeout(600_000)

type Event =
  | {
      readonly kind: 'read'
      readonly meter: number
      readonly register: number
      readonly isUrgent: boolean
      readonly withinMs: number
    }
  | { readonly kind: 'broadcast' | 'restart' | 'forget' | 'replug' | 'noise' | 'lose-node' }
  | { readonly kind: 'nodes'; readonly meters: readonly number[] }

interface Scenario {
  readonly module: ScriptedOptions
  readonly window: number
  readonly misdeeds: readonly Misdeed[]
  readonly events: readonly { readonly afterMs: number; readonly event: Event }[]
}

const meter = fc.integer({ min: 1, max: 9 })
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      meter,
      register: fc.integer({ min: 1, max: 3 }),
      isUrgent: fc.boolean(),
      withinMs: fc.integer({ min: 1, max: 150_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom<Event>({ kind: 'broadcast' }, { kind: 'noise' }, { kind: 'lose-node' }) },
  { weight: 1, arbitrary: fc.constantFrom<Event>({ kind: 'restart' }, { kind: 'forget' }, { kind: 'replug' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('nodes' as const), meters: fc.uniqueArray(meter, { maxLength: 9 }) }) },
)
// Late ones end before the driver gives the request up: what the module holds longer, nobody can count.
const misdeed: fc.Arbitrary<Misdeed> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant('silent' as const) },
  { weight: 1, arbitrary: fc.constant('twice' as const) },
  { weight: 1, arbitrary: fc.record({ lateMs: fc.integer({ min: 40, max: 30_000 }) }) },
  { weight: 1, arbitrary: fc.record({ deny: fc.constantFrom(0, 2, 6, 7, 8, 9, 11, 12, 109, 111, 200) }) },
  { weight: 1, arbitrary: fc.record({ say: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }) }) },
)
const scenario: fc.Arbitrary<Scenario> = fc.record({
  module: fc.constantFrom<ScriptedOptions>({ medium: 2 }, { medium: 1, led: 1 }, { medium: 1, led: 2, readMs: 3_000 }),
  window: fc.integer({ min: 1, max: 6 }),
  misdeeds: fc.array(misdeed, { minLength: 1, maxLength: 30 }),
  events: fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), event }), { maxLength: 60 }),
})

/** Local commands are only delayed or answered twice: a module that is lost forgets what it holds, which nobody can count either. */
function misbehaving(bench: ModuleBench, misdeeds: readonly Misdeed[]): void {
  let next = 0
  bench.module.misbehave = ({ afn }) => {
    const deed = misdeeds[next++ % misdeeds.length] ?? null
    if (afn === 0xf1 || afn === 0x13) return deed
    if (deed === 'twice') return deed
    return deed !== null && typeof deed === 'object' && 'lateMs' in deed ? { lateMs: deed.lateMs % 4_000 } : null
  }
}

interface Ended {
  readonly deadline: number
  readonly at: number
  readonly outcome: ExchangeOutcome
  readonly expected: Uint8Array | null
}

function happen(bench: ModuleBench, event: Event, wanted: { meters: readonly number[] }, ended: Promise<Ended>[]): void {
  const { module, link } = bench
  switch (event.kind) {
    case 'read':
    case 'broadcast': {
      const isRead = event.kind === 'read'
      const request = isRead ? readOf(event.meter, event.register, { isUrgent: event.isUrgent }) : broadcastOf()
      const deadline = bench.now() + (isRead ? event.withinMs : 60_000)
      const expected = isRead ? replyOf(event.meter, event.register, 42) : null
      ended.push(
        bench.bus.exchange(request, monotonicMs(deadline)).then((outcome) => ({ deadline, at: bench.now(), outcome, expected })),
      )
      return
    }
    case 'restart':
    case 'forget':
      return module.powerOn({ forgets: event.kind === 'forget' })
    case 'replug':
      link.unplug('gone')
      module.powerOn({ says: false })
      return link.plug()
    case 'noise':
      link.say([0x68, 0x20, 0x00, ...moduleFrame({ control: 0xc3, sequence: 5, afn: 6, fn: 3, data: [3] }), 0xfe])
      return
    case 'lose-node':
      return void module.archive.delete([...module.archive.keys()][0] ?? '')
    case 'nodes':
      wanted.meters = event.meters
      return bench.setMeters(event.meters)
  }
}

await t.test(
  'whatever a module does, each exchange ends once and in time, the limits hold, and the archive converges',
  async (t) => {
    let replies = 0
    let exchanges = 0
    await fc.assert(
      fc.asyncProperty(scenario, async ({ module, window, misdeeds, events }) => {
        const wanted: { meters: readonly number[] } = { meters: [1, 2, 3, 4, 5, 6] }
        const bench = moduleBench({ module, choice: { window }, meters: wanted.meters })
        const ended: Promise<Ended>[] = []
        await bench.up()
        misbehaving(bench, misdeeds)
        for (const { afterMs, event } of events) {
          await bench.time.runFor(afterMs)
          happen(bench, event, wanted, ended)
        }
        await bench.time.runFor(200_000)
        bench.module.misbehave = () => null
        await bench.time.runFor(800_000)
        const limit = module.medium === 2 ? window : 1
        if (bench.module.mostAtOnce > limit) throw new Error(`${bench.module.mostAtOnce} at once, the limit is ${limit}`)
        if (bench.module.twiceOneMeter > 0) throw new Error('two requests with one meter')
        for (const { outcome, at, deadline, expected } of await bench.run(Promise.all(ended))) {
          exchanges++
          // Virtual timers fire at whole microseconds.
          if (at > deadline + 0.01) throw new Error(`settled ${at - deadline} ms after its deadline`)
          if (outcome.kind !== 'reply') continue
          replies++
          if (expected === null || Buffer.compare(outcome.frame, expected) !== 0) throw new Error('the reply to another request')
        }
        const archive = [...bench.module.archive.keys()].sort().join(' ')
        if (archive !== [...wanted.meters].map(wireOf).sort().join(' ')) throw new Error(`the archive is ${archive}`)
        if (!bench.bus.isUp()) throw new Error('the bus is not up')
        await bench.bus.close()
        if (bench.time.pending > 0) throw new Error('a timer is left')
      }),
      { numRuns: runs },
    )
    t.ok(replies > 0 && replies < exchanges, `${replies} replies of ${exchanges} exchanges`)
  },
)
