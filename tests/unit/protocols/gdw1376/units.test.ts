import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  codeOf,
  encodeDown,
  encodeUp,
  entryOf,
  isProcessed,
  writeUnit,
  type DownUnit,
  type UpUnit,
} from '../../../../src/protocols/gdw1376/index.js'
import { downOf, frameAround, plainFrame, refusalOf, upOf } from '../../../helpers/gdw1376.js'

const up = (code: string, data = '') => upOf(plainFrame('83', 1, code, data)).unit
const down = (code: string, data = '') => downOf(plainFrame('43', 1, code, data)).unit
const upRefusal = (code: string, data: string) => refusalOf(plainFrame('83', 1, code, data))?.code ?? null
const downRefusal = (code: string, data: string) => refusalOf(plainFrame('43', 1, code, data))?.code ?? null
/** A frame that carries addresses. */
const addressed = (control: string, head: string, data: string) =>
  frameAround(`${control} 040000000001 010000000000 129078563412 ${head} ${data}`)
const upData = (unit: UpUnit) => hexOf(writeUnit('up', unit).data)
const downData = (unit: DownUnit) => hexOf(writeUnit('down', unit).data)
const read = '6804330000000068110433333433E916'
const payload = bytesOf(read)

const runState = {
  name: 'run-state',
  learningDone: true,
  working: true,
  event: false,
  nodes: 1,
  read: 1,
  readThroughRelay: 0,
  isReading: true,
  registrationAllowed: true,
  reportsAllowed: true,
  identifiesArea: false,
  state: 0,
  rate: 0,
  rateUnit: 0,
  relayLevels: [0, 0, 0],
  workSteps: [8, 8, 8],
} as const

await t.test('00F1 has no, four or six bytes, and its status bits are never needed', async (t) => {
  t.strictSame(up('00F1'), { name: 'confirm', commandStatus: '', waitSeconds: null })
  t.strictSame(up('00F1', 'FFFF 0500'), { name: 'confirm', commandStatus: 'FFFF', waitSeconds: 5 }, 'edition 2009')
  t.strictSame(up('00F1', '00000000 B400'), { name: 'confirm', commandStatus: '00000000', waitSeconds: 180 })
  for (const data of ['00', '0000', '000000', '0000000000', '00000000000000'])
    t.equal(upRefusal('00F1', data), 'bad-length', data)
  t.strictSame(['', 'FFFF', '00000000', '01000000', 'FE000000'].map(isProcessed), [null, true, false, true, false])
  t.throws(() => downData({ name: 'confirm', commandStatus: '', waitSeconds: 0 }), RangeError)
  t.throws(() => downData({ name: 'confirm', commandStatus: 'FFFF', waitSeconds: null }), RangeError)
  t.throws(() => downData({ name: 'confirm', commandStatus: 'FF', waitSeconds: 0 }), RangeError)
})

await t.test('00F2 is one byte', async (t) => {
  t.strictSame(up('00F2', '6D'), { name: 'deny', errorCode: 109 })
  t.equal(upRefusal('00F2', ''), 'short-data')
  t.equal(upRefusal('00F2', '0000'), 'long-data')
})

await t.test('a module says who made it with the letters the right way round', async (t) => {
  const data = '4354 3141 181013 0102'
  t.strictSame(up('03F1', data), { name: 'vendor-version', vendor: 'TC', chip: 'A1', versionDate: '2013-10-18', version: '0201' })
  t.strictSame(up('03F1', '00FF 5C20 000000 0000'), {
    name: 'vendor-version',
    vendor: '\\xFF\\x00',
    chip: ' \\x5C',
    versionDate: null,
    version: '0000',
  })
  t.match(up('03F1', '4354 3141 321013 0102'), { versionDate: null }, 'the 32nd is no date')
  t.match(up('03F1', '4354 3141 181313 0102'), { versionDate: null })
  t.match(up('03F1', '4354 3141 18101A 0102'), { versionDate: null })
  t.match(up('03F1', '4354 3141 A81013 0102'), { versionDate: null })
  const wrong = (vendor: string, versionDate: string | null) =>
    upData({ name: 'vendor-version', vendor, chip: 'AA', versionDate, version: '0000' })
  t.equal(wrong('TC', null), '43544141000000' + '0000')
  t.throws(() => wrong('T', null), RangeError)
  t.throws(() => wrong('T\\', null), RangeError)
  t.throws(() => wrong('T€', null), RangeError)
  t.throws(() => wrong('TC', '1999-01-01'), RangeError)
  t.throws(() => upData({ name: 'vendor-version', vendor: 'TC', chip: 'AA', versionDate: null, version: '00' }), RangeError)
})

await t.test('the rates of 03F5 and 03F10 must be as many as announced', async (t) => {
  t.strictSame(up('03F5', '92 03 8025 8080'), {
    name: 'module-status',
    channelFeature: 1,
    periodMode: 2,
    channels: 3,
    rates: [
      { rate: 9600, rateUnit: 0 },
      { rate: 128, rateUnit: 1 },
    ],
  })
  t.equal(upRefusal('03F5', '92 03 8025'), 'short-data')
  t.equal(upRefusal('03F5', '91 03 8025 8080'), 'long-data')
  const mode = `F23B00${'00'.repeat(36)}`
  t.match(up('03F10', mode), { commMode: 2, periodMode: 3, rates: [] })
  t.equal(upRefusal('03F10', `${mode}8025`), 'long-data')
  t.equal(upRefusal('03F10', mode.replace('F23B0000', 'F23B0002')), 'short-data')
})

await t.test('03F10 of a radio centre node', async (t) => {
  t.match(up('03F10', `73361F01${'00'.repeat(35)}8025`), {
    commMode: 3,
    periodMode: 1,
    ownRouting: true,
    needsArchive: true,
    channels: 31,
  })
})

await t.test('a map of functions names each', async (t) => {
  const map = `10 0900000000000080${'00'.repeat(23)}80`
  t.strictSame(up('03F11', map), { name: 'supported-functions', ofAfn: 0x10, fns: [1, 4, 64, 256] })
  t.equal(upRefusal('03F11', '1009'), 'short-data')
  for (const fn of [0, 257, 1.5])
    t.throws(() => upData({ name: 'supported-functions', ofAfn: 3, fns: [fn] }), RangeError, String(fn))
})

await t.test('small answers of AFN 03', async (t) => {
  t.strictSame(up('03F2', '0C'), { name: 'noise', noise: 12 })
  t.strictSame(up('03F4', '129078563412'), { name: 'main-node', mainNode: '123456789012' })
  t.strictSame(up('03F6', '01'), { name: 'interference', interference: true })
  t.equal(upRefusal('03F6', '02'), 'bad-value')
  t.strictSame(up('03F7', '3C'), { name: 'monitor-timeout', timeoutS: 60 })
  t.strictSame(up('03F8', 'FE03'), { name: 'radio-parameters', channelGroup: 254, power: 3 })
  t.strictSame(up('03F9', '0A00 02 00'), { name: 'broadcast-delay', delaySeconds: 10, protocol: 2, payload: new Uint8Array() })
  t.strictSame(up('03F17', '0102'), { name: 'radio-options', options: 1, channel: 2 })
  t.strictSame(up('03F17', '010203'), { name: 'radio-options', raw: Uint8Array.of(1, 2, 3) }, 'not described: kept')
  t.strictSame(up('03F3', '0102'), { name: 'neighbours', raw: Uint8Array.of(1, 2) })
  t.strictSame(up('03F12', '4354 02 03 4142'), { name: 'module-id', vendor: 'TC', idFormat: 3, id: '4142' })
  t.equal(upRefusal('03F12', '4354 03 03 4142'), 'short-data')
})

await t.test('orders of AFN 05 on the wire', async (t) => {
  t.equal(downData({ name: 'allow-reports', allowed: true }), '01')
  t.equal(downData({ name: 'identify-area', started: false }), '00')
  t.equal(downData({ name: 'broadcast', control: 2, payload }), `0210${read}`)
  t.equal(downData({ name: 'broadcast-long', control: 2, payload }), `021000${read}`)
  t.equal(downData({ name: 'set-uart-speed', speedBaud: 115200 }), '04')
  t.strictSame(down('05F10', '01'), { name: 'set-uart-speed', speedBaud: 19200 })
  t.equal(downRefusal('05F10', '05'), 'bad-value')
  t.throws(() => downData({ name: 'set-uart-speed', speedBaud: 2400 }), RangeError)
  t.throws(() => downData({ name: 'set-band', band: 256 }), RangeError)
  t.throws(() => downData({ name: 'set-band', band: -1 }), RangeError)
  t.throws(() => downData({ name: 'set-band', band: 0.5 }), RangeError)
  t.throws(() => downData({ name: 'broadcast', control: 2, payload: new Uint8Array(256) }), RangeError, 'a length of one byte')
})

await t.test('times are BCD from the second on', async (t) => {
  const time = { year: 2026, month: 3, day: 1, hour: 8, minute: 5, second: 59 }
  t.equal(downData({ name: 'clock', time }), '590508010326')
  t.equal(downData({ name: 'start-search', time, durationMin: 60, repeats: 3, timeSlices: 10 }), '5905080103263C00030A')
  t.strictSame(down('14F2', '590508010326'), { name: 'clock', time })
  for (const wrong of [
    '600508010326',
    '5A0508010326',
    '596008010326',
    '590524010326',
    '590508320326',
    '590508010026',
    '59050801032A',
  ]) {
    t.equal(downRefusal('14F2', wrong), 'bad-digit', wrong)
  }
  t.strictSame(
    refusalOf(plainFrame('43', 1, '14F2', '590508321326')),
    { code: 'bad-digit', at: 'byte 16' },
    'the first wrong part',
  )
  t.throws(() => downData({ name: 'clock', time: { ...time, year: 1999 } }), RangeError)
  t.throws(() => downData({ name: 'clock', time: { ...time, second: 1.5 } }), RangeError)
  t.throws(() => downData({ name: 'clock', time: { ...time, minute: 100 } }), RangeError)
})

await t.test('the length of a list and of its parts must fit its count', async (t) => {
  const node = '129078563412 25 14'
  t.strictSame(up('10F2', `0500 01 ${node}`), {
    name: 'nodes',
    total: 5,
    nodes: [{ address: '123456789012', relayLevel: 5, quality: 2, phaseBits: 4, protocol: 2 }],
  })
  t.strictSame(up('10F2', '0000 00'), { name: 'nodes', total: 0, nodes: [] })
  t.equal(upRefusal('10F2', `0500 02 ${node}`), 'short-data')
  t.equal(upRefusal('10F2', `0500 00 ${node}`), 'long-data')
  t.equal(upRefusal('10F2', '0500 FF'), 'short-data')
  t.match(up('10F5', `0500 01 ${node}`), { name: 'unread-nodes' })
  t.match(up('10F6', `0500 01 ${node}`), { name: 'registered-nodes' })
  t.equal(downData({ name: 'set-route', address: '123456789012', relays: ['000000000001'] }), '12907856341201010000000000')
  t.equal(downRefusal('11F3', '129078563412 02 010000000000'), 'short-data')
  t.throws(() => downData({ name: 'delete-nodes', nodes: Array.from({ length: 256 }, () => '000000000001') }), RangeError)
})

await t.test('the run state by its bits', async (t) => {
  t.strictSame(up('10F4', '03 6400 5000 0A00 47 8025 010203 080808'), {
    name: 'run-state',
    learningDone: true,
    working: true,
    event: false,
    nodes: 100,
    read: 80,
    readThroughRelay: 10,
    isReading: true,
    registrationAllowed: true,
    reportsAllowed: true,
    identifiesArea: false,
    state: 1,
    rate: 9600,
    rateUnit: 0,
    relayLevels: [1, 2, 3],
    workSteps: [8, 8, 8],
  })
  t.throws(() => upData({ ...runState, state: 4 }), RangeError)
  t.throws(() => upData({ ...runState, relayLevels: [1, 2] }), RangeError)
})

await t.test('lists of weakly known elements are kept as they came when they do not fit', async (t) => {
  t.match(up('10F101', '0100 01 129078563412 0F 01020304'), { nodes: [{ address: '123456789012', relayLevel: 15, quality: 0 }] })
  t.strictSame(up('10F101', '0100 01 1290'), { name: 'radio-nodes', raw: bytesOf('0100011290') })
  t.match(up('10F7', '0100 0100 01 129078563412 01 4354 02 03 4142'), { nodes: [{ vendor: 'TC', id: '4142' }] })
  t.strictSame(up('10F7', '0100 01'), { name: 'node-module-ids', raw: bytesOf('010001') })
  t.equal(upRefusal('10F112', '0100 0100 01 1290'), 'short-data', 'but a capture shows this one')
  t.throws(
    () => upData({ name: 'chips', total: 1, start: 1, nodes: [{ address: '123456789012', details: new Uint8Array(26) }] }),
    RangeError,
  )
  t.strictSame(up('10F40', '0102'), { name: 'node-id', raw: Uint8Array.of(1, 2) })
  t.strictSame(down('10F40', '01 129078563412'), { name: 'node-id', deviceType: 1, address: '123456789012', idType: null })
})

await t.test('reports of a module', async (t) => {
  t.strictSame(up('06F1', '01 129078563412 02 0500'), {
    name: 'nodes-registered',
    nodes: [{ address: '123456789012', protocol: 2, nodeNumber: 5 }],
  })
  t.strictSame(up('06F2', `0500 02 0700 10 ${read}`), {
    name: 'read-report',
    nodeNumber: 5,
    protocol: 2,
    uplinkSeconds: 7,
    payload,
  })
  t.strictSame(up('06F3', '02'), { name: 'task-finished', finished: 2 })
  t.strictSame(up('06F4', '00'), { name: 'devices-registered', devices: [] })
  t.equal(upRefusal('06F4', '01 129078563412 02 0500 01 02 02 112233445566 03'), 'short-data')
})

await t.test('a routed frame: one byte of length, two in the edition of 2024, none of it empty without meaning', async (t) => {
  t.match(upOf(addressed('83', '13 0100', `0500 02 10 ${read}`)), {
    addresses: { source: '000000000001', destination: '123456789012' },
    unit: { name: 'monitor', uplinkSeconds: 5, protocol: 2, payload },
  })
  t.match(upOf(addressed('83', '13 0200', `0500 02 1000 ${read}`)), { unit: { name: 'monitor-long', payload } })
  t.match(upOf(addressed('83', '13 0100', '0500 02 00')), { unit: { payload: new Uint8Array() } }, 'the meter did not answer')
  t.equal(refusalOf(addressed('43', '13 0100', `02 02 00 10 ${read}`))?.code, 'bad-value', 'a delay flag is 0 or 1')
  t.match(downOf(addressed('43', '13 0100', `02 01 01 112233445566 10 ${read}`)), {
    unit: { delayFlag: true, subNodes: ['665544332211'], payload },
  })
})

await t.test('a concurrent read has a reserved byte on the way down only', async (t) => {
  t.match(downOf(addressed('43', 'F1 0100', `02 00 1000 ${read}`)), { unit: { reserved: 0, payload } })
  t.match(upOf(addressed('83', 'F1 0100', `02 1000 ${read}`)), { unit: { protocol: 2, payload } })
  t.match(upOf(addressed('83', 'F1 0100', '02 0000')), { unit: { payload: new Uint8Array() } }, 'failed')
  t.equal(refusalOf(addressed('83', 'F1 0100', `02 00 1000 ${read}`))?.code, 'short-data')
})

await t.test('14F1 is answered with a delay flag, or without as in 2009: the length tells', async (t) => {
  const twelve = '00'.repeat(6) + '11'.repeat(6)
  t.match(down('14F1', `02 01 10 ${read} 00`), { name: 'next-frame', readFlag: 2, delayFlag: true, payload, subNodes: [] })
  t.match(down('14F1', `02 10 ${read} 00`), { readFlag: 2, delayFlag: null, payload, subNodes: [] })
  t.match(down('14F1', `02 10 ${read} 02 ${twelve}`), { delayFlag: null, subNodes: ['000000000000', '111111111111'] })
  t.match(down('14F1', `02 00 10 ${read} 02 ${twelve}`), { delayFlag: false, subNodes: ['000000000000', '111111111111'] })
  t.match(
    down('14F1', '01 00 00 00'),
    { readFlag: 1, delayFlag: false, payload: new Uint8Array() },
    'nothing left for this meter',
  )
  t.match(down('14F1', '01 00 00'), { readFlag: 1, delayFlag: null })
  t.equal(downRefusal('14F1', '01'), 'short-data')
  t.equal(downRefusal('14F1', ''), 'short-data')
  t.equal(downRefusal('14F1', `02 01 11 ${read} 00`), 'short-data', 'a length that fits neither edition')
})

await t.test('what a module asks', async (t) => {
  const asked = { name: 'next-frame', phase: 1, address: '123456789012', nodeNumber: 5 }
  t.strictSame(up('14F1', '01 129078563412 0500'), asked, 'without an address field')
  t.strictSame(upOf(addressed('C3', '14 0100', '01 129078563412 0500')).unit, asked, 'and with one')
  t.strictSame(up('14F2'), { name: 'clock' })
  t.equal(upRefusal('14F2', '00'), 'long-data')
  t.strictSame(up('14F4', '0102'), { name: 'concentrator-data', dataClass: Uint8Array.of(1, 2) })
})

await t.test('a file goes in numbered segments', async (t) => {
  const segment = Uint8Array.of(1, 2, 3)
  const unit: DownUnit = {
    name: 'file-segment',
    fileId: 3,
    attribute: 0,
    command: 0,
    totalSegments: 500,
    segmentNumber: 499,
    segment,
  }
  t.equal(downData(unit), '030000F401F30100000300010203')
  t.strictSame(up('15F1', 'FFFFFFFF'), { name: 'file-segment', segmentNumber: 0xffffffff }, 'an error')
  t.equal(downRefusal('15F1', '030000F401F301000004 00010203'), 'short-data')
})

await t.test('functions of makers are carried as they are', async (t) => {
  t.strictSame(down('02F7', 'ABCD'), { name: 'unknown', afn: 2, fn: 7, data: bytesOf('ABCD') })
  t.strictSame(writeUnit('down', { name: 'unknown', afn: 2, fn: 7, data: bytesOf('ABCD') }), {
    afn: 2,
    fn: 7,
    data: bytesOf('ABCD'),
  })
  t.equal(entryOf({ name: 'unknown', afn: 2, fn: 7, data: new Uint8Array() }), null)
  t.match(entryOf({ name: 'clock' }), { afn: 0x14, fn: 2, answer: 'none' })
  t.strictSame(codeOf({ name: 'unknown', afn: 2, fn: 7, data: new Uint8Array() }), { afn: 2, fn: 7 })
  t.strictSame(codeOf({ name: 'concurrent-read', protocol: 2, payload: new Uint8Array() }), { afn: 0xf1, fn: 1 })
})

await t.test('a unit of the wrong side is our own mistake', async (t) => {
  const order = { name: 'pause-routing' } as unknown as UpUnit
  t.throws(() => encodeUp(order, { mode: 3, sequence: 1 }), RangeError)
  const report = { name: 'task-finished', finished: 1 } as unknown as DownUnit
  t.throws(() => encodeDown(report, { mode: 3, sequence: 1 }), RangeError)
})
