import t from 'tap'
import { defaultClockRules, unknownMeterClock, type MeterClock } from '../../../src/collection/index.js'
import {
  epochMs,
  linkId,
  monotonicMs,
  ok,
  type EventFact,
  type LinkId,
  type LocalTime,
  type MeterAddress,
} from '../../../src/model/index.js'
import type { Bus, Effect, Job, JobResult, MeterProtocol, Runner, Session } from '../../../src/ports/index.js'
import { MeterClocks } from '../../../src/runtime/meter-clocks.js'
import { sessionAtArrival } from '../../../src/runtime/timed-session.js'
import { JoinedNodes } from '../../../src/runtime/joined-nodes.js'
import { silentLog } from '../../helpers/collection-bench.js'
import { testSite } from '../../helpers/collection-site.js'
import { local, testMeter, utcOffsetMinutes } from '../../helpers/core-bench.js'

const oneBus = linkId('bus-1')

/** A protocol whose time request is ten bytes long and tells what it was made with. */
function protocolOf(name: string, told: { readonly to: MeterAddress | 'all'; readonly time: LocalTime }[]): MeterProtocol {
  const broadcast = (time: LocalTime, to: MeterAddress | 'all'): Session<'sent' | 'not-sent'> => {
    const effect: Effect<'sent'> = {
      kind: 'exchange',
      to,
      bytes: new Uint8Array(10),
      reply: 'none',
      holdsBus: false,
      isWrite: true,
    }
    return {
      effect,
      step: (input) => {
        told.push({ to, time })
        const outcome = input.kind === 'sent' ? 'sent' : 'not-sent'
        const settled: Session<'sent' | 'not-sent'> = { effect: { kind: 'settled', outcome }, step: () => settled }
        return settled
      },
    }
  }
  const unused = (): never => {
    throw new Error('not asked for')
  }
  return {
    name,
    read: unused,
    checkRegister: (register) => ok(register),
    checkAddress: (address) => ok(address as MeterAddress),
    clock: { read: unused, broadcast },
    scanner: unused,
  }
}

interface BenchOptions {
  readonly at?: string
  readonly trusted?: boolean
  readonly result?: 'sent' | 'silent' | 'expired'
  readonly bus?: Partial<Bus>
  readonly clockOf?: MeterClock
  readonly meters?: readonly ReturnType<typeof testMeter>[]
}

function bench(options: BenchOptions = {}) {
  const { at = '2026-03-01 10:30', trusted = true, result = 'sent', bus, clockOf = unknownMeterClock } = options
  const told: { to: MeterAddress | 'all'; time: LocalTime }[] = []
  const set: string[] = []
  const events: EventFact[] = []
  const jobs: string[] = []
  let wall = local(at)
  const runner: Runner = {
    link: oneBus,
    concurrency: 1,
    run: <T>(job: Job<T>): Promise<JobResult<T>> => {
      jobs.push(`${job.meter} ${job.priority}`)
      if (result === 'expired') return Promise.resolve({ kind: 'expired', sent: false })
      // It waits for its bus.
      wall = epochMs(wall + 3_700)
      const { effect } = job.session.step({ kind: result })
      return effect.kind === 'settled'
        ? Promise.resolve({ kind: 'settled', outcome: effect.outcome })
        : Promise.reject(new Error('no end'))
    },
    snapshot: () => {
      throw new Error('not asked for')
    },
    turned: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  const meters = options.meters ?? [testMeter('1'), testMeter('2', { protocol: 'b' }), testMeter('3', { protocol: 'none' })]
  const clocks = new MeterClocks({
    clock: { monotonic: () => monotonicMs(5), wall: () => ({ at: wall, trusted }), boot: 'b' },
    log: silentLog,
    runners: new Map([[oneBus, runner]]),
    buses: new Map<LinkId, Bus>(bus === undefined ? [] : [[oneBus, bus as Bus]]),
    protocols: new Map(['dlt645-2007', 'b'].map((name) => [name, protocolOf(name, told)])),
    parameters: () => testSite(meters, { utcOffsetMinutes }),
    rules: defaultClockRules,
    clockOf: () => clockOf,
    noteSet: (meter) => set.push(meter),
    onEvent: (event) => events.push(event),
    onFault: (error) => {
      throw error
    },
  })
  return { clocks, told, set, events, jobs, settle: () => new Promise((resolve) => setImmediate(resolve)) }
}

const off: MeterClock = { ...unknownMeterClock, driftMs: 120_000, reported: true }
const secondsOf = ({ minute, second }: LocalTime): number => minute * 60 + second

await t.test('the time told is that of the arrival, however long the request waited, to the nearest second', async (t) => {
  const capabilities = { concurrency: 1, broadcast: true, routing: false, byteMs: 100 }
  const one = bench({ clockOf: off, bus: { capabilities } })
  one.clocks.correct(testMeter('1').id)
  await one.settle()
  t.equal(secondsOf(one.told[0]?.time ?? ({} as LocalTime)), 30 * 60 + 5, '3.7 s of waiting and 1 s on the wire are 4.7 s')
  t.same([one.told[0]?.to, one.set, one.jobs], [testMeter('1').address, ['1'], [`${testMeter('1').address} clock-care`]])
  const network = { broadcastDelayMs: () => Promise.resolve(12_000) } as unknown as NonNullable<Bus['network']>
  const mesh = bench({ bus: { capabilities: { ...capabilities, byteMs: 0 }, network } })
  mesh.clocks.broadcast()
  await mesh.settle()
  t.equal(secondsOf(mesh.told[0]?.time ?? ({} as LocalTime)), 30 * 60 + 16, 'and a module’s delay is 12 s')
})

await t.test('a clock is set only as the rules allow, and only where there is a way', async (t) => {
  for (const options of [
    { clockOf: unknownMeterClock },
    { clockOf: off, trusted: false },
    { clockOf: off, at: '2026-03-01 10:58' },
  ]) {
    const none = bench(options)
    none.clocks.correct(testMeter('1').id)
    await none.settle()
    t.same(none.jobs, [])
  }
  const strange = bench({ clockOf: off })
  strange.clocks.correct(testMeter('9').id)
  strange.clocks.correct(testMeter('3').id)
  await strange.settle()
  t.same(strange.jobs, [])
  for (const result of ['silent', 'expired'] as const) {
    const lost = bench({ clockOf: off, result })
    lost.clocks.correct(testMeter('1').id)
    await lost.settle()
    t.same(lost.set, [])
  }
})

await t.test(
  'a broadcast goes to all meters once for each protocol, and those that take it have had their set of the day',
  async (t) => {
    const all = bench({
      meters: [testMeter('1'), testMeter('2', { protocol: 'b' }), testMeter('4'), testMeter('5', { link: linkId('x') })],
    })
    all.clocks.broadcast()
    await all.settle()
    t.same(all.jobs, ['all clock-care', 'all clock-care'])
    t.same(all.set, ['2', '1', '4'])
    t.same(
      all.events.map(({ code, link, detail }) => [code, link, detail['protocol'], detail['meters']]),
      [
        ['meter-clock.broadcast', 'bus-1', 'b', 1],
        ['meter-clock.broadcast', 'bus-1', 'dlt645-2007', 2],
      ],
    )
    const far = bench({ clockOf: { ...off, driftMs: -400_000 } })
    far.clocks.broadcast()
    await far.settle()
    t.same(far.set, [], 'off by more, they do not take it')
    for (const options of [
      { trusted: false },
      { at: '2026-03-01 10:58' },
      { bus: { capabilities: { concurrency: 1, broadcast: false, routing: true } } },
    ]) {
      const held = bench(options)
      held.clocks.broadcast()
      await held.settle()
      t.same(held.jobs, [])
    }
    const lost = bench({ result: 'expired' })
    lost.clocks.broadcast()
    await lost.settle()
    t.same(lost.events, [])
  },
)

await t.test('a session that has nothing to say keeps its outcome', async (t) => {
  const settled: Session<'sent'> = { effect: { kind: 'settled', outcome: 'sent' }, step: () => settled }
  const session = sessionAtArrival(
    () => settled,
    () => epochMs(0),
    () => 0,
  )
  t.same(session.effect, { kind: 'settled', outcome: 'sent' })
  t.equal(session.step({ kind: 'sent' }), settled)
})

await t.test('which meters have joined is asked of a module once a minute', async (t) => {
  let now = 0
  let asked = 0
  const nodes = [
    { address: testMeter('1').address, inNetwork: false },
    { address: testMeter('2').address, inNetwork: null },
  ]
  const network = { snapshot: () => ({ nodes, asked: asked++ }) } as unknown as NonNullable<Bus['network']>
  const buses = new Map([[oneBus, { network } as unknown as Bus]])
  const joined = new JoinedNodes(buses, {
    monotonic: () => monotonicMs(now),
    wall: () => ({ at: epochMs(0), trusted: true }),
    boot: '',
  })
  t.notOk(joined.has(testMeter('1')))
  t.ok(joined.has(testMeter('2')), 'nobody knows')
  t.ok(joined.has(testMeter('3')))
  t.ok(joined.has(testMeter('1', { link: linkId('wire') })))
  t.equal(asked, 1)
  now = 61_000
  t.notOk(joined.has(testMeter('1')))
  t.equal(asked, 2)
})
