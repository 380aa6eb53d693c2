import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  broadcastAddress,
  denialOf,
  encodeAnswer,
  encodeDown,
  encodeReply,
  encodeUp,
  matchAnswer,
  type DownUnit,
  type Sent,
  type UpUnit,
} from '../../../../src/protocols/gdw1376/index.js'
import { downOf, messageOf, plainFrame, upOf, vectorHex } from '../../../helpers/gdw1376.js'

const meter = { source: '049999888888', relays: [], destination: '000000003304' }
const payload = bytesOf('6804330000000068110433333433E916')
const envelope = { mode: 3, sequence: 83 }
const read: DownUnit = { name: 'monitor', protocol: 2, delayFlag: false, subNodes: [], payload }
const answer: UpUnit = { name: 'monitor', uplinkSeconds: 1, protocol: 2, payload }
const confirm: DownUnit & UpUnit = { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 }

await t.test('a request opens an exchange, an answer to the module does not', async (t) => {
  const control = (bytes: Uint8Array) => hexOf(bytes.subarray(3, 4))
  t.equal(control(encodeDown({ name: 'pause-routing' }, { mode: 1, sequence: 0 })), '41')
  t.equal(control(encodeDown(confirm, { mode: 1, sequence: 0 })), '01')
  t.equal(control(encodeDown({ name: 'correct-frame', payload }, { mode: 10, sequence: 0 })), '0A')
  t.equal(control(encodeDown({ name: 'unknown', afn: 2, fn: 7, data: new Uint8Array() }, { mode: 7, sequence: 0 })), '47')
  t.equal(control(encodeUp(confirm, { mode: 1, sequence: 0 })), '81')
  t.equal(control(encodeUp(answer, { mode: 3, sequence: 0 })), '83')
  t.equal(control(encodeUp({ name: 'task-finished', finished: 1 }, { mode: 20, sequence: 0 })), 'D4')
  t.equal(control(encodeUp({ name: 'clock' }, { mode: 10, sequence: 0 })), 'CA')
  t.equal(control(encodeUp({ name: 'band', band: 0 }, { mode: 3, sequence: 0, initiates: true })), 'C3', 'a start-up report')
  t.equal(control(encodeUp({ name: 'unknown', afn: 2, fn: 7, data: new Uint8Array() }, { mode: 7, sequence: 0 })), '87')
})

await t.test('frames to one meter carry its address, those to the module none', async (t) => {
  t.throws(() => encodeDown(read, envelope), RangeError)
  t.throws(() => encodeDown({ name: 'run-mode' }, { ...envelope, addresses: meter }), RangeError)
  const routed = downOf(
    encodeDown(read, { ...envelope, addresses: { ...meter, relays: ['111111111111'] }, info: { channel: 2 } }),
  )
  t.match(routed.info, { moduleFlag: true, relayLevel: 1, channel: 2, sequence: 83 })
  const skip: DownUnit = { name: 'next-frame', readFlag: 1, delayFlag: false, payload: new Uint8Array(), subNodes: [] }
  t.equal(downOf(encodeDown(skip, envelope)).addresses, null)
  t.strictSame(downOf(encodeDown(skip, { ...envelope, addresses: meter })).addresses, meter)
})

await t.test('an answer to the module bears its mode and sequence', async (t) => {
  const report = upOf(bytesOf(vectorHex('021')))
  t.equal(hexOf(encodeAnswer(report, confirm)), '68150003000000000001000100FFFFFFFF00000116')
  const asked = upOf(plainFrame('CA', 5, '14F1', '01 043300000000 0100'))
  const frame: DownUnit = { name: 'next-frame', readFlag: 2, delayFlag: true, payload, subNodes: [] }
  t.match(downOf(encodeAnswer(asked, frame, meter)), { mode: 10, initiates: false, info: { sequence: 5 }, addresses: meter })
})

await t.test('a module answers with the addresses the other way round, and confirms without any', async (t) => {
  const request = downOf(encodeDown(read, { ...envelope, addresses: { ...meter, relays: ['111111111111'] } }))
  const reply = upOf(encodeReply(request, answer, { phase: 2, commandQuality: 15 }))
  t.match(reply, {
    mode: 3,
    initiates: false,
    info: { sequence: 83, phase: 2, commandQuality: 15, moduleFlag: true },
    addresses: { source: '000000003304', relays: [], destination: '049999888888' },
  })
  t.match(upOf(encodeReply(request, { name: 'deny', errorCode: 12 })), { addresses: null, info: { sequence: 83 } })
  t.equal(
    upOf(encodeReply(downOf(bytesOf(vectorHex('029'))), { name: 'node-count', nodeCount: 0, maxNodes: 2040 })).addresses,
    null,
  )
})

await t.test('an answer is matched by function, sequence and meter', async (t) => {
  const sent: Sent = { unit: read, sequence: 83, addresses: meter }
  const request = downOf(encodeDown(read, { ...envelope, addresses: meter }))
  const match = (bytes: Uint8Array, to: Sent = sent) => matchAnswer(to, messageOf(bytes))
  t.equal(match(encodeReply(request, answer)), 'answer')
  t.equal(match(encodeUp(answer, envelope)), 'answer', 'some leave the address out')
  t.equal(match(encodeUp(answer, { ...envelope, initiates: true })), 'answer', 'PRM says nothing')
  t.equal(match(encodeReply(request, confirm)), 'confirm')
  t.equal(match(encodeReply(request, { name: 'deny', errorCode: 11 })), 'deny')
  t.equal(match(encodeUp(answer, { ...envelope, sequence: 82 })), null, 'a late one')
  t.equal(match(encodeUp({ name: 'confirm', commandStatus: '', waitSeconds: null }, { ...envelope, sequence: 84 })), null)
  t.equal(match(encodeUp({ name: 'band', band: 1 }, envelope)), null, 'another function')
  t.equal(match(encodeUp({ name: 'task-finished', finished: 1 }, envelope)), null, 'a report of its own')
  t.equal(match(encodeUp({ name: 'monitor-long', uplinkSeconds: 1, protocol: 2, payload }, envelope)), null, 'another Fn')
  const other = { ...envelope, addresses: { source: '000000003305', relays: [], destination: meter.source } }
  t.equal(match(encodeUp(answer, other)), null, 'another meter')
  t.equal(match(encodeUp(answer, other), { ...sent, addresses: { ...meter, destination: broadcastAddress } }), 'answer')
  t.equal(match(encodeUp(answer, other), { ...sent, addresses: null }), 'answer')
  const vendor: Sent = { unit: { name: 'unknown', afn: 2, fn: 7, data: new Uint8Array() }, sequence: 1, addresses: null }
  t.equal(matchAnswer(vendor, upOf(plainFrame('87', 1, '02F7', '00'))), 'answer')
})

await t.test('a confirmation may come with the wrong direction bit; an echo of ours is none', async (t) => {
  const sent: Sent = { unit: { name: 'pause-routing' }, sequence: 1, addresses: null }
  t.equal(matchAnswer(sent, messageOf(bytesOf(vectorHex('063')))), 'confirm')
  t.equal(matchAnswer(sent, messageOf(encodeDown(confirm, { mode: 3, sequence: 1 }))), null, 'our own confirmation')
  t.equal(matchAnswer(sent, messageOf(encodeDown({ name: 'pause-routing' }, { mode: 3, sequence: 1 }))), null, 'our own request')
})

await t.test('every code of a denial has its name and what to do', async (t) => {
  const known: readonly (readonly [code: number, meaning: string, action: string])[] = [
    [0, 'timeout', 'retry-later'],
    [1, 'invalid-data-unit', 'do-not-retry'],
    [2, 'length-error', 'retry-once'],
    [3, 'checksum-error', 'retry-once'],
    [4, 'no-such-function', 'mark-unsupported'],
    [5, 'format-error', 'retry-once'],
    [6, 'meter-duplicate', 'resynchronise-archive'],
    [7, 'meter-not-in-archive', 'resynchronise-archive'],
    [8, 'meter-does-not-answer', 'meter-fault'],
    [9, 'main-node-busy', 'back-off'],
    [10, 'command-not-supported', 'mark-unsupported'],
    [11, 'node-does-not-answer', 'retry-later'],
    [12, 'node-not-in-network', 'wait-for-joining'],
    [0x6d, 'above-concurrency-limit', 'shrink-window'],
    [0x6e, 'too-many-meter-frames', 'split'],
    [0x6f, 'meter-is-being-read', 'queue-per-meter'],
    [13, 'unknown', 'retry-later'],
    [255, 'unknown', 'retry-later'],
  ]
  for (const [code, meaning, action] of known) t.strictSame(denialOf(code), { code, meaning, action })
})

await t.test('lesson 19: an empty answer is a failure that can be seen, never an empty value', async (t) => {
  const failed = upOf(encodeUp({ ...answer, payload: new Uint8Array() }, envelope))
  t.match(failed.unit, { name: 'monitor', payload: new Uint8Array() })
  if ('payload' in failed.unit) t.equal(failed.unit.payload.length, 0)
})
