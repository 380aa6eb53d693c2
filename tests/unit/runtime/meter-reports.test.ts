import t from 'tap'
import { createRs485Bus } from '../../../drivers/rs485/index.js'
import { VirtualTime } from '../../../drivers/simulated/index.js'
import { epochMs, linkId, meterAddress, meterId, type EventFact, type LinkId } from '../../../src/model/index.js'
import type { Bus, Job, MeshReport, MeterProtocol, Runner } from '../../../src/ports/index.js'
import { dlt645 } from '../../../src/protocols/dlt645/index.js'
import { decodeFrame, dlt698 } from '../../../src/protocols/dlt698/index.js'
import { hexOf } from '../../../src/protocols/wire/bytes.js'
import { createBusRunner } from '../../../src/runtime/bus-runner.js'
import { MeterReports } from '../../../src/runtime/meter-reports.js'
import { testMeter } from '../../helpers/core-bench.js'
import { meterFrame } from '../../helpers/dlt698.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { valueOf } from '../../helpers/outcome.js'

const link = linkId('wire')
const address = '000032909591'
const report = meterFrame(address, '88010501001002000106000000640000', 0x83)
const meters = [
  testMeter('m698', { address: meterAddress(address), link, protocol: 'dlt698-45' }),
  testMeter('m645', { address: meterAddress('000000000161'), link, protocol: 'dlt645-2007' }),
  testMeter('other', { address: meterAddress('1'), link, protocol: 'unbuilt' }),
]

function bench({ runner, tells = true }: { runner?: Runner; tells?: boolean } = {}) {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const events: EventFact[] = []
  const confirmed: string[] = []
  const faults: unknown[] = []
  const recording = {
    link,
    run: (job: Job<unknown>) => {
      const { effect } = job.session
      if (effect.kind === 'exchange') confirmed.push(`${job.priority} ${effect.to} ${hexOf(effect.bytes)}`)
      return Promise.resolve(job.session.step({ kind: 'sent' }))
    },
  } as unknown as Runner
  const reports = new MeterReports({
    clock: time,
    protocols: new Map<string, MeterProtocol>([dlt698, dlt645].map((protocol) => [protocol.name, protocol])),
    runners: new Map([[link, runner ?? recording]]),
    buses: new Map<LinkId, Bus>(),
    metersOn: (of) => (of === link ? meters : []),
    tell: (_link, event) => {
      if (tells) events.push(event)
      return tells
    },
    onFault: (error) => faults.push(error),
  })
  const carried = (bytes: Uint8Array, protocol: string | null = null, from: string | null = null): void => {
    const event: MeshReport = { kind: 'meter-event', address: from === null ? null : meterAddress(from), protocol, bytes }
    reports.carried(link, event)
  }
  return { time, events, confirmed, faults, reports, carried }
}

await t.test('a report on the wire is put together, told with its meter and what it says, and confirmed', async (t) => {
  const { reports, events, confirmed } = bench()
  reports.heard(link, Uint8Array.of(0x16, 0x68, 0xff))
  for (const byte of report) reports.heard(link, Uint8Array.of(byte))
  t.strictSame(events, [
    {
      code: 'meter.reported',
      severity: 'info',
      link,
      detail: { address, protocol: 'dlt698-45', frame: hexOf(report), bytes: report.length, items: '00100200: 1.00 kWh' },
      meter: meterId('m698'),
    },
  ])
  t.equal(confirmed.length, 1)
  t.match(confirmed[0], new RegExp(`^threshold-watch ${address} FEFEFEFE68.*0801050100100200`))
})

await t.test('a report that comes again is confirmed again and not told again, until it must be a new one', async (t) => {
  const { reports, events, confirmed, time } = bench()
  reports.heard(link, report)
  reports.heard(link, report)
  t.same([events.length, confirmed.length], [1, 2])
  await time.runFor(600_000)
  reports.heard(link, report)
  t.same([events.length, confirmed.length], [2, 3])
  for (let number = 0; number < 300; number++) {
    const piid = (number % 64).toString(16).padStart(2, '0')
    const value = number.toString(16).padStart(8, '0')
    reports.heard(link, meterFrame(address, `8801${piid}01001002000106${value}0000`, 0x83))
  }
  t.equal(events.length, 302)
  reports.heard(link, report)
  t.equal(events.length, 303, 'of so many the oldest is forgotten')
})

await t.test('what is left out for its rate is not confirmed, and a stranger is told but not answered', async (t) => {
  const full = bench({ tells: false })
  full.reports.heard(link, report)
  t.same(full.confirmed, [])
  const { reports, events, confirmed } = bench()
  reports.heard(link, meterFrame('000032909592', '880105013320020001000000', 0x83))
  t.match(events, [{ detail: { address: '000032909592', items: '33200200: none' } }])
  t.equal(events[0]?.meter, undefined)
  t.same(confirmed, [])
})

await t.test('what is no report stays in the trace, and what was cut short is given up', async (t) => {
  const { reports, events, time } = bench()
  reports.heard(link, meterFrame(address, '850105001002000106000000010000'))
  reports.heard(link, Buffer.from('6861010000000068910833333433593333338A16', 'hex'))
  reports.heard(linkId('elsewhere'), report)
  reports.heard(link, report.subarray(0, 20))
  await time.runFor(2_000)
  reports.heard(link, report.subarray(20))
  t.same(events, [])
  reports.heard(link, report)
  t.equal(events.length, 1)
})

await t.test('the frame that a module carries names its meter, whatever the module says of it', async (t) => {
  const { carried, events, confirmed } = bench()
  carried(report, 'dlt698-45')
  t.match(events.at(-1), { meter: 'm698', detail: { address, items: '00100200: 1.00 kWh' } })
  t.equal(confirmed.length, 1, 'and is confirmed through it')
  const frame645 = Buffer.from('0068FEFE6861010000000068910833333433593333338A16', 'hex')
  carried(frame645)
  t.match(events.at(-1), { meter: 'm645', detail: { address: '000000000161', protocol: 'dlt645-2007' } })
  t.notOk('items' in (events.at(-1)?.detail ?? {}))
  carried(Uint8Array.of(0x68, 0x01), 'dlt645-2007', '000000000161')
  t.match(events.at(-1), { meter: 'm645', detail: { frame: '6801', bytes: 2 } }, 'one that the module names')
  carried(new Uint8Array(300), 'unbuilt')
  t.match(events.at(-1), { detail: { address: null, frame: '00'.repeat(256), bytes: 300 } })
  t.equal(events.at(-1)?.meter, undefined)
  t.equal(confirmed.length, 1)
})

await t.test('on a real wire the confirmation leaves once, and a runner’s fault is told', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const line = new FakeLink(time, 1)
  const bus = createRs485Bus({ link: line, clock: time, timers: time })
  const runner = createBusRunner({ link, bus, clock: time, timers: time, random: { next: () => 0.5 }, quietMs: 20 })
  const on = bench({ runner })
  bus.onUnsolicited((_from, bytes) => on.reports.heard(link, bytes))
  line.say(report)
  await time.runFor(1_000)
  t.equal(line.written.length, 1)
  t.match(valueOf(decodeFrame(line.written[0]?.bytes ?? new Uint8Array())), {
    server: { digits: address },
    control: { from: 'client' },
  })
  t.match(on.events, [{ meter: 'm698' }])
  const broken = bench({ runner: { link, run: () => Promise.reject(new Error('gone')) } as unknown as Runner })
  broken.reports.heard(link, report)
  await new Promise((resolve) => setImmediate(resolve))
  t.match(broken.faults, [{ message: 'gone' }])
})
