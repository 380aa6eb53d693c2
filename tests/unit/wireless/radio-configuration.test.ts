import t from 'tap'
import {
  createRadioModemBus,
  defaultRadioSettings,
  encodeParameters,
  type RadioSettings,
} from '../../../drivers/wireless/index.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, meterAddress, monotonicMs } from '../../../src/model/index.js'
import type { Link, MeshReport } from '../../../src/ports/index.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { FakeModem, longReply, longRequest, longScanner, modemParameters } from '../../helpers/radio-modem.js'

const good = encodeParameters(modemParameters)
const asked = Uint8Array.of(0xc1, 0xc1, 0xc1)
const atEachEnd = { dtr: true, rts: true }

interface Bench {
  readonly time: VirtualTime
  readonly modem: FakeModem
  readonly bus: ReturnType<typeof createRadioModemBus>
  readonly reports: MeshReport[]
  readonly states: string[]
}

/** The port is plugged in after `prepare` has told how the modem behaves. */
function bench(settings: Partial<RadioSettings>, prepare: (modem: FakeModem) => void = () => {}): Bench {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const modem = new FakeModem(time)
  modem.unplug('not-yet')
  const bus = createRadioModemBus({ link: modem, clock: time, timers: time, settings: defaultRadioSettings(settings) })
  const reports: MeshReport[] = []
  const states: string[] = []
  bus.network.onReport((report) => reports.push(report))
  bus.onState((up, code) => states.push(`${up} ${code}`))
  prepare(modem)
  modem.plug()
  return { time, modem, bus, reports, states }
}

const expected = { channel: 23, airRate: 2400, transmission: 'transparent' } as const
const askedTimes = ({ modem }: Bench): number => modem.written.filter(({ bytes }) => Buffer.from(bytes).equals(asked)).length
const traceNotes = ({ bus }: Bench): readonly string[] => bus.trace().map(({ direction, note }) => `${direction} ${note}`)

await t.test('the modem is asked before any meter, and told as it is', async (t) => {
  const on = bench({ configuration: 'always', expected })
  t.notOk(on.bus.isUp())
  t.match(on.bus.network.snapshot(), { stage: 'starting', module: null })
  const early = { to: meterAddress('7'), bytes: longRequest(7, 1), reply: longScanner(7, 1), quietMs: 0, firstByteMs: 100 }
  t.strictSame(await on.bus.exchange(early, monotonicMs(9e9)), { kind: 'bus-down', code: 'configuring', sent: false })
  await on.time.runFor(200)
  t.ok(on.bus.isUp())
  t.strictSame(on.states, ['true open'])
  t.match(on.reports, [
    { kind: 'module-started', module: { mainNode: meterAddress('0102'), medium: 'wireless' }, replaced: false },
  ])
  t.match(on.bus.network.snapshot(), { stage: 'ready', trouble: '', module: { led: 'concentrator' } })
  t.equal(askedTimes(on), 1)
  t.ok((on.bus.network.snapshot().air?.hourSpentMs ?? 0) > 0, 'three bytes that may have gone through the air')
  t.strictSame(traceNotes(on), ['out configuration', 'in configuration', 'state up'])
})

await t.test('what differs is told once, and again only when it is something else', async (t) => {
  const on = bench({ configuration: 'always', expected: { ...expected, channel: 4, fec: false } })
  await on.time.runFor(500)
  t.match(on.bus.network.snapshot().trouble, /channel: expected 4, the modem has 23; forward error correction/)
  t.strictSame(
    on.reports.map((report) => (report.kind === 'module-refused' ? report.error.at : report.kind)),
    ['module-started', 'channel', 'fec'],
  )
  on.modem.unplug('gone')
  on.modem.plug()
  await on.time.runFor(500)
  t.equal(on.reports.length, 3, 'the same modem with the same settings')
  on.modem.unplug('gone')
  on.modem.answers = [encodeParameters({ ...modemParameters, address: 9, channel: 5, fec: false })]
  on.modem.plug()
  await on.time.runFor(500)
  t.match(on.reports.slice(3), [
    { kind: 'module-started', replaced: true, module: { mainNode: meterAddress('0009') } },
    { kind: 'module-refused', what: 'configuration', error: { message: 'channel: expected 4, the modem has 5' } },
  ])
})

const spoiled: Readonly<Record<string, { readonly answer: Uint8Array | null; readonly code: string; readonly says: RegExp }>> = {
  'an answer of 5 bytes': { answer: good.subarray(0, 5), code: 'radio-answer-length', says: /got 5 bytes/ },
  'an answer of 7 bytes': { answer: Uint8Array.of(...good, 0), code: 'radio-answer-length', says: /6 bytes and then 1/ },
  'an answer of 12 bytes': { answer: Uint8Array.of(...good, ...good), code: 'radio-answer-length', says: /more than 6/ },
  'noise before it': { answer: Uint8Array.of(0xff, ...good), code: 'radio-answer-length', says: /6 bytes and then 1/ },
  'a wrong head': { answer: Uint8Array.of(0xc1, ...good.subarray(1)), code: 'radio-answer-head', says: /C0 or C2.*C1/ },
  'no answer': { answer: null, code: 'radio-silent', says: /no answer/ },
}

for (const [name, { answer, code, says }] of Object.entries(spoiled)) {
  await t.test(`${name}: asked again, and the second answer counts`, async (t) => {
    const on = bench({ configuration: 'always', expected }, (modem) => (modem.answers = [answer, good]))
    await on.time.runFor(2_000)
    t.equal(askedTimes(on), 2)
    t.match(on.bus.network.snapshot(), { stage: 'ready', trouble: '', module: { mainNode: meterAddress('0102') } })
  })

  await t.test(`${name}, three times: it is told, and meters are read all the same`, async (t) => {
    const on = bench({ configuration: 'always', expected }, (modem) => (modem.answers = [answer]))
    await on.time.runFor(10_000)
    t.equal(askedTimes(on), 3)
    t.ok(on.bus.isUp())
    t.match(on.reports, [{ kind: 'module-refused', what: 'configuration', error: { code, message: says } }])
    t.match(on.bus.network.snapshot(), { stage: 'ready', trouble: says, module: null })
    const request = { to: meterAddress('7'), bytes: longRequest(7, 1), reply: longScanner(7, 1), quietMs: 0, firstByteMs: 100 }
    on.modem.onRequest = () => on.modem.bring([longReply(7, 1, 30)], 500, 0)
    const exchange = on.bus.exchange(request, monotonicMs(9e9))
    await on.time.runFor(5_000)
    t.match(await exchange, { kind: 'reply' })
    t.equal(on.time.pending, 0)
  })
}

await t.test('an answer that comes byte by byte is whole; one with a pause in it is not', async (t) => {
  for (const [pauseMs, times] of [
    [20, 1],
    [101, 3],
  ] as const) {
    const on = bench({ configuration: 'always' }, (modem) => (modem.answers = [null]))
    on.modem.onRequest = (bytes) => {
      if (bytes.length !== 3) return
      for (const [i, byte] of good.entries()) on.time.after(5 + i * pauseMs, () => on.modem.say([byte]))
    }
    on.modem.unplug('x')
    on.modem.plug()
    await on.time.runFor(20_000)
    t.equal(askedTimes(on) - 1, times, 'and one from before')
    t.equal(on.bus.network.snapshot().module === null, pauseMs > 100)
  }
})

await t.test('an answer that comes too late answers nothing', async (t) => {
  const on = bench({ configuration: 'always' }, (modem) => (modem.answers = [null]))
  await on.time.runFor(3_100)
  t.ok(on.bus.isUp())
  on.modem.say(good)
  await on.time.runFor(1_000)
  t.equal(on.bus.network.snapshot().module, null)
  t.equal(on.bus.trace().at(-1)?.note, 'unasked')
})

await t.test('mode pins on DTR and RTS: both high to ask, both low to carry, M0 alone high to wake receivers', async (t) => {
  const pins = [
    { settings: {}, lines: [{ dtr: false, rts: false }, atEachEnd] },
    { settings: { linesPullLow: false }, lines: [atEachEnd, { dtr: false, rts: false }] },
    {
      wakeUpMs: 500,
      settings: {},
      lines: [
        { dtr: false, rts: false },
        { dtr: false, rts: true },
      ],
    },
  ]
  for (const { settings, lines, wakeUpMs = 0 } of pins) {
    const pace = { ...defaultRadioSettings().pace, wakeUpMs }
    const on = bench({ configuration: 'dtr-rts', pace, ...settings }, (modem) => (modem.mode = 'always'))
    await on.time.runFor(2_000)
    t.strictSame(on.modem.lines, lines)
    t.ok(on.bus.isUp())
    t.equal(on.bus.network.snapshot().stage, 'ready')
  }
  const on = bench({ configuration: 'dtr-rts' }, (modem) => (modem.mode = 'lines'))
  await on.time.runFor(99)
  t.equal(askedTimes(on), 0, 'the modem is given time to change its mode')
  await on.time.runFor(500)
  t.equal(on.bus.network.snapshot().module?.mainNode, meterAddress('0102'))
  t.equal(on.bus.network.snapshot().air?.hourSpentMs, 0, 'in configuration mode nothing goes through the air')
})

await t.test('lines that cannot be set, or not be set back, are told', async (t) => {
  const stuck = bench({ configuration: 'dtr-rts' }, (modem) => (modem.linesFail = true))
  await stuck.time.runFor(1_000)
  t.ok(stuck.bus.isUp())
  t.match(stuck.reports.at(-1), { kind: 'module-refused', error: { code: 'no-lines', message: /cannot be set back/ } })
  const half = bench({ configuration: 'dtr-rts' }, (modem) => (modem.mode = 'lines'))
  await half.time.runFor(150)
  half.modem.linesFail = true
  await half.time.runFor(1_000)
  t.match(half.bus.network.snapshot(), { stage: 'ready', trouble: /cannot be set back/ })
})

await t.test('a link without such lines is used as it is', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const link: Link = new FakeLink(time, 1)
  const settings = defaultRadioSettings({ configuration: 'dtr-rts' })
  const bus = createRadioModemBus({ link, clock: time, timers: time, settings })
  await time.runFor(1_000)
  t.ok(bus.isUp())
  t.match(bus.network.snapshot(), { stage: 'ready', trouble: /cannot be set/ })
})

await t.test('a port that goes away while the modem is asked is asked anew when it is back', async (t) => {
  const on = bench({ configuration: 'dtr-rts' }, (modem) => (modem.mode = 'lines'))
  await on.time.runFor(103)
  on.modem.unplug('device-gone')
  await on.time.runFor(1_000)
  t.notOk(on.bus.isUp())
  t.strictSame(on.states, [])
  on.modem.plug()
  await on.time.runFor(1_000)
  t.ok(on.bus.isUp())
  t.equal(on.bus.network.snapshot().module?.mainNode, meterAddress('0102'))
  await on.bus.close()
  t.equal(on.time.pending, 0)
})
