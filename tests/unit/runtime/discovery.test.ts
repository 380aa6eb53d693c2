import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, linkId, meterAddress, type EventFact, type LinkId } from '../../../src/model/index.js'
import type { Bus, JobResult, MeshReport, MeterProtocol, Runner, SearchOutcome } from '../../../src/ports/index.js'
import { Discovery, UNKNOWN_MAX } from '../../../src/runtime/discovery.js'
import type { KeptNote } from '../../../src/runtime/meter-notes.js'
import { testSite } from '../../helpers/collection-site.js'
import { testMeter } from '../../helpers/core-bench.js'

const hourMs = 3_600_000
const wire = linkId('wire')
const mesh = linkId('mesh')
const radio = linkId('radio')

interface Options {
  readonly everyMs?: number | null
  readonly note?: unknown
  readonly meters?: readonly ReturnType<typeof testMeter>[]
  readonly answer?: (pattern: string) => JobResult<SearchOutcome>
}

function bench({ everyMs = hourMs, note, meters = [], answer = () => none }: Options = {}) {
  const time = new VirtualTime({ wallStart: epochMs(Date.UTC(2026, 2, 1)) })
  const events: EventFact[] = []
  const notes: KeptNote[] = []
  const asked: string[] = []
  const searched: number[] = []
  let pattern = ''
  let hear: (report: MeshReport) => void = () => {}
  let archive = meters
  const runner = {
    link: wire,
    run: (job: { readonly priority: string; readonly onExchange?: (spent: { busMs: number; tookMs: number }) => void }) => {
      asked.push(`${job.priority} ${pattern}`)
      job.onExchange?.({ busMs: 600, tookMs: 600 })
      return Promise.resolve(answer(pattern))
    },
  } as unknown as Runner
  const protocol = (name: string, searches: boolean): [string, MeterProtocol] => [
    name,
    {
      name,
      ...(searches && {
        search: {
          all: '**',
          parts: (own: string) => (own === '**' ? ['1*', '2*'] : own.endsWith('*') ? [`${own[0]}1`, `${own[0]}2`] : []),
          matches: (own: string, address: string) => [...own].every((digit, index) => digit === '*' || digit === address[index]),
          ask: (own: string) => {
            pattern = own
            return {} as never
          },
        },
      }),
    } as unknown as MeterProtocol,
  ]
  const network = { onReport: (handler: typeof hear) => (hear = handler), search: (minutes: number) => searched.push(minutes) }
  const discovery = new Discovery({
    clock: time,
    timers: time,
    store: { run: () => Promise.resolve({ notes: note === undefined ? [] : [{ name: 'unknown', body: note }] }) } as never,
    runners: new Map<LinkId, Runner>([
      [wire, runner],
      [mesh, {} as Runner],
      [radio, {} as Runner],
    ]),
    buses: new Map<LinkId, Bus>([
      [wire, {} as Bus],
      [mesh, { network, capabilities: { routing: true } } as unknown as Bus],
      [radio, { network: { ...network, onReport: () => {} }, capabilities: { routing: false } } as unknown as Bus],
      [linkId('closed'), {} as Bus],
    ]),
    protocols: new Map([protocol('a', true), protocol('b', true), protocol('c', false)]),
    parameters: () => testSite(archive),
    everyMs,
    share: 0.1,
    tell: (event) => events.push(event),
    keep: (kept) => notes.push(kept),
    onFault: (error) => {
      throw error
    },
  })
  const adopt = (next: typeof meters) => (archive = next)
  return { time, discovery, events, notes, asked, searched, adopt, report: (report: MeshReport) => hear(report) }
}

const none: JobResult<SearchOutcome> = { kind: 'settled', outcome: { kind: 'none' } }
const several: JobResult<SearchOutcome> = { kind: 'settled', outcome: { kind: 'several' } }
const one = (address: string): JobResult<SearchOutcome> => ({
  kind: 'settled',
  outcome: { kind: 'one', address: meterAddress(address) },
})
const stranger = (address: string, protocol = 'a'): MeshReport => ({
  kind: 'unknown-node',
  address: meterAddress(address),
  protocol,
})

await t.test('a bus without meters is searched by every protocol that can, each question paid for by a pause', async (t) => {
  const { discovery, time, asked, events, searched } = bench()
  await discovery.start()
  await time.runFor(hourMs)
  t.same(asked, ['discovery **'])
  await time.runFor(5_400)
  t.same(asked, ['discovery **', 'discovery **'], 'the second protocol, when nine times 600 ms have passed')
  await time.runFor(hourMs)
  t.equal(asked.length, 4)
  t.same(searched, [30, 30], 'a module looks for itself; behind a plain radio is nobody who could')
  t.same(events, [])
  discovery.close()
  await time.runFor(5 * hourMs)
  t.same([asked.length, searched.length], [4, 2])
})

await t.test('what a module reports before the store has said what is known is told all the same, once', async (t) => {
  const { discovery, events, report, time } = bench({ note: { meters: [{ link: 'mesh', address: '7', firstSeenAt: 5 }] } })
  report(stranger('7'))
  report(stranger('8'))
  await discovery.start()
  report(stranger('8'))
  t.same(
    events.map(({ code, detail }) => [code, detail['address']]),
    [['meter.unknown', '8']],
  )
  t.match(discovery.view(), [{ address: '7', firstSeenAt: 5, lastSeenAt: time.wall().at }, { address: '8' }])
  discovery.close()
})

await t.test('a bus with meters is searched by what they speak', async (t) => {
  const meters = [testMeter('x', { address: meterAddress('11'), link: wire, protocol: 'b' })]
  const { discovery, time, asked, notes, events } = bench({
    meters,
    answer: (pattern) => (pattern === '2*' ? one('22') : one('11')),
  })
  await discovery.start()
  await time.runFor(hourMs + 60_000)
  t.same(asked, ['discovery **'], 'one known meter alone answers: nobody else is there')
  t.same([events, notes], [[], []])
  discovery.close()
  const shut = bench({ meters: [testMeter('x', { link: wire, protocol: 'c' })] })
  await shut.discovery.start()
  await shut.time.runFor(5 * hourMs)
  t.same(shut.asked, [], 'a protocol that cannot search is not searched by')
  shut.discovery.close()
})

await t.test('unknown meters are told once, those gone as well, and shared addresses', async (t) => {
  let present = ['11', '22']
  const answer = (pattern: string): JobResult<SearchOutcome> => {
    if (pattern === '12') return several
    const heard = [...present, '12', '12'].filter((address) =>
      [...pattern].every((digit, index) => digit === '*' || digit === address[index]),
    )
    return heard.length === 0 ? none : heard.length === 1 ? one(heard[0] ?? '') : several
  }
  const meters = [testMeter('x', { address: meterAddress('21'), link: wire, protocol: 'a' })]
  const { discovery, time, events, notes } = bench({ meters, answer })
  await discovery.start()
  await time.runFor(1.9 * hourMs)
  const told = () => events.map(({ code, detail }) => `${code} ${String(detail['address'])}`)
  t.same(told(), ['meter.address-shared 12', 'meter.unknown 11', 'meter.unknown 22'])
  t.same(
    discovery.view().map(({ address, protocol, link }) => [address, protocol, link]),
    [
      ['11', 'a', 'wire'],
      ['22', 'a', 'wire'],
    ],
  )
  t.match(notes.at(-1), { name: 'unknown', body: { meters: [{ address: '11' }, { address: '22' }] } })
  present = ['11']
  await time.runFor(hourMs)
  t.same(told().slice(3), ['meter.address-shared 12', 'meter.unknown-gone 22'])
  t.match(discovery.view(), [{ address: '11', firstSeenAt: Number, lastSeenAt: Number }])
  discovery.close()
})

await t.test('a bus that is down is asked again later, and a search that was given up proves nothing', async (t) => {
  let isDown = true
  const { discovery, time, asked } = bench({
    meters: [testMeter('x', { address: meterAddress('11'), link: wire, protocol: 'a' })],
    answer: () => (isDown ? { kind: 'refused' } : none),
  })
  await discovery.start()
  await time.runFor(hourMs + 150_000)
  t.equal(asked.length, 3)
  isDown = false
  await time.runFor(60_000)
  t.equal(asked.length, 4)
  discovery.close()
  const babble = bench({
    note: { meters: [{ link: wire, address: '99', protocol: 'a', firstSeenAt: 1, lastSeenAt: 2 }] },
    meters: [testMeter('x', { address: meterAddress('11'), link: wire, protocol: 'a' })],
    answer: () => several,
  })
  await babble.discovery.start()
  await babble.time.runFor(1.9 * hourMs)
  t.equal(babble.discovery.view().length, 0, 'searched wholly, it is not there')
  babble.discovery.close()
})

await t.test('what a module reports is listed and told, until the archive has it', async (t) => {
  const { discovery, events, report, adopt, notes, time } = bench({ everyMs: null })
  await discovery.start()
  report({ kind: 'node-joined', address: meterAddress('5') })
  report(stranger('7', 'dlt698-45'))
  report(stranger('7', 'dlt698-45'))
  report({ kind: 'unknown-node', address: meterAddress('8'), protocol: null })
  t.same(
    events.map(({ code, link, detail }) => [code, link, detail]),
    [
      ['meter.unknown', 'mesh', { address: '7', protocol: 'dlt698-45' }],
      ['meter.unknown', 'mesh', { address: '8', protocol: null }],
    ],
  )
  adopt([testMeter('x', { address: meterAddress('7'), link: mesh })])
  t.same(
    discovery.view().map(({ address }) => address),
    ['8'],
  )
  report(stranger('7'))
  t.equal(events.length, 2)
  adopt([
    ...testSite([testMeter('x', { address: meterAddress('7'), link: mesh })]).meters,
    testMeter('y', { address: meterAddress('8'), link: mesh }),
  ])
  t.same(discovery.view(), [])
  t.equal(notes.at(-1)?.body, null)
  await time.runFor(48 * hourMs)
  discovery.close()
})

await t.test('what was found before a restart is known, and only so many are', async (t) => {
  const kept = { link: 'mesh', address: '7', firstSeenAt: 1 }
  const { discovery, events, report } = bench({ everyMs: null, note: { meters: [kept, null, { link: 5 }] } })
  await discovery.start()
  t.same(discovery.view(), [{ ...kept, protocol: null, lastSeenAt: 1 }])
  report(stranger('7'))
  t.same(events, [])
  for (let count = 0; count < UNKNOWN_MAX + 5; count++) report(stranger(`s${count}`))
  t.equal(events.length, UNKNOWN_MAX - 1)
  discovery.close()
  for (const note of [null, 'x', { meters: 'x' }]) {
    const other = bench({ everyMs: null, note })
    await other.discovery.start()
    t.same(other.discovery.view(), [])
  }
})

await t.test('a module is not sent to search while the night’s freezes are fetched: it reads nothing meanwhile', async (t) => {
  // The bench begins at 08:00 local; 15.5 hours later it is 23:30.
  const { discovery, time, searched } = bench({ everyMs: 15.5 * hourMs })
  await discovery.start()
  await time.runFor(21.9 * hourMs)
  t.same(searched, [], 'not before midnight, not until 06:00')
  await time.runFor(0.2 * hourMs)
  t.same(searched, [30])
  await time.runFor(15.5 * hourMs)
  t.same(searched, [30, 30], 'from there on as before')
  await time.runFor(2.5 * hourMs)
  discovery.close()
  const early = bench({ everyMs: 17 * hourMs })
  await early.discovery.start()
  await early.time.runFor(21.9 * hourMs)
  t.same(early.searched, [], 'nor in the small hours')
  await early.time.runFor(0.2 * hourMs)
  t.same(early.searched, [30])
  early.discovery.close()
})
