import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/index.js'
import { forwardingBus } from '../../../src/console/module-forwarding.js'
import { ModuleLine, type ModuleReply } from '../../../src/console/module-line.js'
import { checkModuleRegister, moduleRegisters, unitValues } from '../../../src/console/module-units.js'
import { epochMs, meterAddress, monotonicMs } from '../../../src/model/index.js'
import type { Link } from '../../../src/ports/index.js'
import {
  codeOf,
  decodeFrame,
  encodeDown,
  encodeReply,
  encodeUp,
  entryOf,
  parseMessage,
  type DownMessage,
  type UpUnit,
} from '../../../src/protocols/gdw1376/index.js'

/** What a module does with a request: bytes it says, later than the request by so many ms. */
type Far = (request: DownMessage, number: number) => readonly (readonly [afterMs: number, bytes: Uint8Array])[]

function bench(far: Far, modes: readonly number[] = [3, 1]) {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const sent: DownMessage[] = []
  let isOpen = true
  let tellBytes = (_bytes: Uint8Array): void => undefined
  let tellState = (_open: boolean, _code: string): void => undefined
  const link: Link = {
    isOpen: () => isOpen,
    byteMs: 1,
    write: (bytes) => {
      if (!isOpen) return { ok: false, code: 'not-open' }
      const frame = decodeFrame(bytes)
      const message = frame.ok ? parseMessage(frame.value) : frame
      if (!message.ok || message.value.direction !== 'down') throw new Error('no request')
      sent.push(message.value)
      for (const [afterMs, reply] of far(message.value, sent.length)) time.after(afterMs, () => tellBytes(reply))
      return { ok: true }
    },
    onBytes: (handler) => void (tellBytes = handler),
    onState: (handler) => void (tellState = handler),
    start: () => undefined,
    close: () => Promise.resolve(),
  }
  const lose = (): void => {
    isOpen = false
    tellState(false, 'gone')
  }
  const line = new ModuleLine({ link, timers: time, modes, firstSequence: 255 })
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isSettled = false
    const settled = work.finally(() => (isSettled = true))
    await time.runUntil(() => isSettled, 1_000_000)
    return await settled
  }
  const ask = (repeats = 1): Promise<ModuleReply> => run(line.ask({ name: 'main-node' }, { waitMs: 1000, repeats }))
  return { time, line, sent, lose, run, ask }
}

const mainNode = { name: 'main-node', mainNode: '000000000009' } as const
const answers =
  (unit: UpUnit): Far =>
  (request) => [[10, encodeReply(request, unit)]]
const answered = { kind: 'answer', unit: mainNode }

await t.test('a module is asked in each mode until it speaks, then in its own', async (t) => {
  const { sent, ask } = bench((request) => (request.mode === 1 ? [[10, encodeReply(request, mainNode)]] : []))
  t.match(await ask(0), answered)
  t.match(await ask(0), answered)
  t.strictSame(
    sent.map(({ mode, info }) => [mode, info.sequence]),
    [
      [3, 255],
      [1, 255],
      [1, 0],
    ],
    'tries of one question bear one number',
  )
  const dead = bench(() => [])
  t.match(await dead.ask(0), { kind: 'silent' })
  t.match(await dead.ask(4), { kind: 'silent' })
  t.strictSame(
    dead.sent.map(({ mode }) => mode),
    [3, 1, 3, 1, 3, 1, 3],
  )
})

await t.test('what the module says by itself is passed over, and shows its mode', async (t) => {
  const report = encodeUp({ name: 'task-finished', finished: 1 }, { mode: 2, sequence: 255 })
  const { sent, ask } = bench((request) => (request.mode === 2 ? [[10, encodeReply(request, mainNode)]] : [[10, report]]))
  t.match(await ask(0), answered)
  t.strictSame(
    sent.map(({ mode, unit }) => `${mode} ${unit.name}`),
    ['3 main-node', '2 main-node'],
    'nothing is confirmed',
  )
  const another = bench((request) => [
    [5, encodeUp(mainNode, { mode: 3, sequence: (request.info.sequence + 1) % 256 })],
    [6, encodeDown({ name: 'main-node' }, { mode: 3, sequence: request.info.sequence })],
    [7, encodeReply(request, { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 })],
    [500, encodeReply(request, { ...mainNode, mainNode: '000000000007' })],
  ])
  t.match(await another.ask(0), { kind: 'answer', unit: { mainNode: '000000000007' } }, 'an echo and other answers are none')
})

await t.test('refusals, noise, broken answers and a lost link are told apart', async (t) => {
  t.match(await bench(answers({ name: 'deny', errorCode: 10 })).ask(), {
    kind: 'denied',
    denial: { code: 10, meaning: 'command-not-supported' },
  })
  const noisy = bench(() => [[10, Uint8Array.of(1, 2, 3)]])
  t.match(await noisy.ask(0), { kind: 'garbled', message: /^3 bytes/ })
  t.equal(noisy.sent.length, 2)
  const short = bench(answers({ name: 'unknown', afn: 0x03, fn: 4, data: Uint8Array.of(1, 2) }))
  t.match(await short.ask(0), { kind: 'garbled', message: /^byte \d+: / })
  const lost = bench(() => [])
  const asked = lost.ask(0)
  lost.time.after(100, () => lost.lose())
  t.match(await asked, { kind: 'bus-down' })
  t.match(await lost.ask(0), { kind: 'bus-down' }, 'and does not open again')
  t.notOk(lost.line.isUp())
})

await t.test('registers are units that only look; every one can be sent', async (t) => {
  for (const register of moduleRegisters) {
    const found = checkModuleRegister(register.toLowerCase())
    if (!found.ok) throw new Error(found.error.message)
    const { unit } = found.value
    t.ok([0x03, 0x10].includes(codeOf(unit).afn), register)
    t.equal(entryOf(unit)?.answer, 'data', register)
    t.ok(encodeDown(unit, { mode: 3, sequence: 0 }).length > 0, register)
  }
  for (let afn = 0; afn < 256; afn++) {
    if (afn === 0x03 || afn === 0x10) continue
    const register = `${afn.toString(16).padStart(2, '0')}F1`
    t.match(checkModuleRegister(register), { ok: false, error: { code: 'not-read-only' } }, register)
  }
  for (const [register, code] of [
    ['03F9', 'needs-argument'],
    ['03F6', 'needs-argument'],
    ['10F40', 'needs-argument'],
    ['03F2048', 'unknown-register'],
    ['03F0', 'bad-register'],
    ['3F1', 'bad-register'],
    ['', 'bad-register'],
  ] as const)
    t.match(checkModuleRegister(register), { ok: false, error: { code } }, register)
})

await t.test('fields of a unit stand in order, lists element by element', async (t) => {
  const node = { address: '000000000001', relayLevel: 1, quality: 9, phaseBits: 1, protocol: 2 }
  t.strictSame(unitValues({ name: 'nodes', total: 1, nodes: [node] }), [
    { name: 'total', value: '1', unit: null },
    { name: 'nodes[0].address', value: '000000000001', unit: null },
    { name: 'nodes[0].relayLevel', value: '1', unit: null },
    { name: 'nodes[0].quality', value: '9', unit: null },
    { name: 'nodes[0].phaseBits', value: '1', unit: null },
    { name: 'nodes[0].protocol', value: '2', unit: null },
  ])
  t.strictSame(unitValues({ name: 'monitor-timeout', timeoutS: 90 }), [{ name: 'timeoutS', value: '90', unit: 's' }])
  t.strictSame(unitValues({ name: 'neighbours', raw: Uint8Array.of(1, 0xab) }), [{ name: 'raw', value: '01AB', unit: null }])
  t.match(unitValues({ name: 'vendor-version', vendor: 'SM', chip: 'W1', versionDate: null, version: '0101' }), [
    ...[{ value: 'SM' }, { value: 'W1' }, { name: 'versionDate', value: null }, { value: '0101' }],
  ])
})

await t.test('through a module: what it says instead of the meter’s answer', async (t) => {
  const meter = meterAddress('000000000161')
  const through = async (carried: Far, protocol = 'dlt645-2007') => {
    const { line, sent, run } = bench((request, number) => {
      if (request.unit.name === 'main-node') return answers(mainNode)(request, number)
      return carried(request, number)
    })
    const bus = forwardingBus({ line, protocol, meterWaitMs: 5_000 })
    const exchange = () =>
      bus.exchange(
        {
          ...{ to: meter, bytes: Uint8Array.of(0x68, 0x16), quietMs: 0, firstByteMs: 0 },
          reply: (bytes) => (bytes[0] === 0xaa ? { kind: 'frame', length: 2 } : { kind: 'noise', skip: 1 }),
        },
        monotonicMs(0),
      )
    const outcome = await run(exchange())
    return { outcome, trouble: bus.trouble(), sent }
  }
  const monitor = (payload: Uint8Array): Far => answers({ name: 'monitor', uplinkSeconds: 0, protocol: 2, payload })
  const good = await through(monitor(Uint8Array.of(0xfe, 0xaa, 1)))
  t.match(good, { outcome: { kind: 'reply', frame: Uint8Array.of(0xaa, 1), noiseBytes: 1 }, trouble: null })
  t.match(good.sent, [
    { unit: { name: 'main-node' } },
    { unit: { name: 'monitor', protocol: 2 }, addresses: { source: mainNode.mainNode, destination: meter } },
  ])
  t.match(await through(monitor(Uint8Array.of(1))), { outcome: { kind: 'garbled' } })
  t.match(await through(monitor(new Uint8Array(0))), { outcome: { kind: 'silent' }, trouble: { code: 'no-reply' } })
  const idle = { name: 'deny', errorCode: 4 } as const
  const denied =
    (errorCode: number): Far =>
    (request, number) =>
      answers(request.unit.name === 'run-state' ? idle : { name: 'deny', errorCode })(request, number)
  for (const [code, expected] of [
    [7, { outcome: { kind: 'bus-down' }, trouble: { code: 'meter-not-in-archive' } }],
    [12, { outcome: { kind: 'bus-down' }, trouble: { code: 'node-not-in-network' } }],
    [9, { outcome: { kind: 'bus-down' }, trouble: { code: 'main-node-busy' } }],
    [8, { outcome: { kind: 'silent' }, trouble: { code: 'no-reply', bits: ['meter-does-not-answer'] } }],
    [11, { outcome: { kind: 'silent' }, trouble: { code: 'no-reply', bits: ['node-does-not-answer'] } }],
  ] as const)
    t.match(await through(denied(code)), expected, `code ${code}`)
  const silent = await through(() => [])
  t.match(silent, { outcome: { kind: 'silent' }, trouble: { code: 'no-reply' } })
  t.equal(silent.sent.filter(({ unit }) => unit.name === 'monitor').length, 1, 'it is carried once')
})
