import fc from 'fast-check'
import type { LocalTime } from '../../src/model/index.js'
import { hexOf } from '../../src/protocols/wire/bytes.js'
import { uartSpeeds, type Addresses, type DownUnit, type UpUnit } from '../../src/protocols/gdw1376/index.js'

/** Every unit of one direction by name: one that is missing does not compile. */
type Units<U extends { readonly name: string }> = {
  readonly [N in U['name']]: fc.Arbitrary<Omit<Extract<U, { readonly name: N }>, 'name'>>
}

const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const nibble = fc.integer({ min: 0, max: 15 })
const below = (limit: number) => fc.integer({ min: 0, max: limit - 1 })
const flag = fc.boolean()
const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(hexOf)
const address = hex(6)
const bytes = fc.uint8Array({ maxLength: 60 })
const some = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const many = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 5 })
const none = fc.constant({})
const page = fc.record({ start: u16, count: u8 })
const meter = { address, protocol: u8 }
const meterFrame = { protocol: u8, payload: bytes }
const letters = fc
  .array(fc.constantFrom('A', 'z', '0', ' ', '~', '\\x5C', '\\x00', '\\xFF'), { minLength: 2, maxLength: 2 })
  .map((found) => found.join(''))
const two = (value: number) => String(value).padStart(2, '0')
const date = fc.option(
  fc
    .tuple(below(100), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
    .map(([y, m, d]) => `20${two(y)}-${two(m)}-${two(d)}`),
)
const time: fc.Arbitrary<LocalTime> = fc.record({
  year: fc.integer({ min: 2000, max: 2099 }),
  month: fc.integer({ min: 1, max: 12 }),
  day: fc.integer({ min: 1, max: 31 }),
  hour: below(24),
  minute: below(60),
  second: below(60),
})
const rate = { rate: below(2 ** 15), rateUnit: below(2) }
const rates = fc.array(fc.record(rate), { maxLength: 15 })
const node = fc.record({ address, relayLevel: nibble, quality: nibble, phaseBits: below(8), protocol: below(8) })
const vendorVersion = { vendor: letters, chip: letters, versionDate: date, version: hex(2) }
const moduleId = { vendor: letters, idFormat: u8, id: fc.uint8Array({ maxLength: 24 }).map(hexOf) }
const nodePage = fc.record({ total: u16, nodes: many(node) })
const pageOf = <T>(item: fc.Arbitrary<T>) => fc.record({ total: u16, start: u16, nodes: many(item) })
const raw = fc.record({ raw: bytes })
/** One byte can be no page and no pair of values. */
const stub = fc.record({ raw: some(1) })
const radio = fc.record({ channelGroup: u8, power: u8 })
const unknown = fc.record({ afn: fc.constantFrom(0x0a, 0x20, 0xf0), fn: fc.integer({ min: 1, max: 2048 }), data: bytes })
const confirmation = fc.oneof(
  fc.constant({ commandStatus: '', waitSeconds: null }),
  fc.record({ commandStatus: hex(2), waitSeconds: u16 }),
  fc.record({ commandStatus: hex(4), waitSeconds: u16 }),
)
const deny = fc.record({ errorCode: u8 })

const runMode = fc.record({
  commMode: nibble,
  ownRouting: flag,
  needsArchive: flag,
  periodMode: below(4),
  delaySupport: below(8),
  switchover: below(4),
  confirmsBroadcastFirst: flag,
  broadcastChannels: below(4),
  channels: below(32),
  powerLossCapability: below(8),
  regionalUse: nibble,
  slaveTimeoutS: u8,
  broadcastTimeoutS: u16,
  maxFrame: u16,
  maxFilePacket: u16,
  upgradeWaitMin: u8,
  mainNode: address,
  maxSlaves: u16,
  currentSlaves: u16,
  protocolDate: date,
  recordDate: date,
  ...vendorVersion,
  rates,
})

const runState = fc.record({
  learningDone: flag,
  working: flag,
  event: flag,
  nodes: u16,
  read: u16,
  readThroughRelay: u16,
  isReading: flag,
  registrationAllowed: flag,
  reportsAllowed: flag,
  identifiesArea: flag,
  state: below(4),
  ...rate,
  relayLevels: fc.array(u8, { minLength: 3, maxLength: 3 }),
  workSteps: fc.array(u8, { minLength: 3, maxLength: 3 }),
})

const device = fc.record({ ...meter, nodeNumber: u16, deviceType: u8, totalSubNodes: u8, subNodes: many(fc.record(meter)) })
const fns = fc.uniqueArray(fc.integer({ min: 1, max: 256 })).map((found) => found.sort((a, b) => a - b))

const downArbitraries: Units<DownUnit> = {
  unknown,
  confirm: confirmation,
  deny,
  'reset-hardware': none,
  'reset-parameters': none,
  'reset-data': none,
  forward: fc.record(meterFrame),
  'vendor-version': none,
  noise: none,
  neighbours: fc.record({ start: u8, count: u8 }),
  'main-node': none,
  'module-status': none,
  interference: fc.record({ durationMin: u8 }),
  'monitor-timeout': none,
  'radio-parameters': none,
  'broadcast-delay': fc.record(meterFrame),
  'run-mode': none,
  'supported-functions': fc.record({ ofAfn: u8 }),
  'module-id': none,
  band: none,
  'radio-options': none,
  'transmit-test': fc.record({ durationS: u8 }),
  'roll-call': none,
  'meter-test': fc.record({ rate: u8, address, ...meterFrame }),
  'set-main-node': fc.record({ mainNode: address }),
  'allow-reports': fc.record({ allowed: flag }),
  broadcast: fc.record({ control: u8, payload: bytes }),
  'set-monitor-timeout': fc.record({ timeoutS: u8 }),
  'set-radio-parameters': radio,
  'identify-area': fc.record({ started: flag }),
  'set-uart-speed': fc.record({ speedBaud: fc.constantFrom(...uartSpeeds) }),
  'set-band': fc.record({ band: u8 }),
  'broadcast-long': fc.record({ control: u8, payload: fc.uint8Array({ maxLength: 400 }) }),
  'set-rssi-threshold': fc.record({ threshold: u8 }),
  'set-centre-clock': fc.record({ time }),
  'report-rejected': fc.record({ allowed: flag }),
  'node-count': none,
  nodes: page,
  'node-relays': fc.record({ address }),
  'run-state': none,
  'unread-nodes': page,
  'registered-nodes': page,
  'node-module-ids': page,
  'network-scale': none,
  topology: page,
  phases: page,
  'node-id': fc.record({ deviceType: u8, address, idType: fc.option(u8) }),
  'radio-network-scale': none,
  'radio-nodes': page,
  'node-signals': page,
  'neighbour-networks': none,
  chips: page,
  'add-nodes': fc.record({ nodes: fc.array(fc.record(meter), { maxLength: 32 }) }),
  'delete-nodes': fc.record({ nodes: fc.array(address, { maxLength: 32 }) }),
  'set-route': fc.record({ address, relays: many(address) }),
  'set-route-mode': fc.record({ isReading: flag, registrationAllowed: flag, correction: nibble, ...rate }),
  'start-search': fc.record({ time, durationMin: u16, repeats: u8, timeSlices: u8 }),
  'stop-search': none,
  'set-network-scale': fc.record({ scale: u16 }),
  'start-maintenance': none,
  'start-networking': none,
  'restart-routing': none,
  'pause-routing': none,
  'resume-routing': none,
  monitor: fc.record({ protocol: u8, delayFlag: flag, subNodes: many(address), payload: bytes }),
  'monitor-long': fc.record({
    protocol: u8,
    delayFlag: flag,
    subNodes: many(address),
    payload: fc.uint8Array({ maxLength: 600 }),
  }),
  'concurrent-read': fc.record({ protocol: u8, reserved: u8, payload: fc.uint8Array({ maxLength: 600 }) }),
  // Without a delay flag only frames that are none of the newer edition: its number of sub-nodes would be the last byte of a meter frame.
  'next-frame': fc.oneof(
    fc.record({ readFlag: u8, delayFlag: flag, payload: bytes, subNodes: many(address) }),
    fc.record({
      readFlag: u8,
      delayFlag: fc.constant(null),
      payload: fc.constant(Uint8Array.of(0x68, 0x16)),
      subNodes: fc.constant([]),
    }),
  ),
  clock: fc.record({ time }),
  'correct-frame': fc.record({ payload: bytes }),
  'concentrator-data': raw,
  'file-segment': fc.record({
    fileId: u8,
    attribute: u8,
    command: u8,
    totalSegments: u16,
    segmentNumber: u32,
    segment: fc.uint8Array({ maxLength: 400 }),
  }),
}

const upArbitraries: Units<UpUnit> = {
  unknown,
  confirm: confirmation,
  deny,
  forward: fc.record(meterFrame),
  'vendor-version': fc.record(vendorVersion),
  noise: fc.record({ noise: u8 }),
  neighbours: raw,
  'main-node': fc.record({ mainNode: address }),
  'module-status': fc.record({ channelFeature: below(4), periodMode: below(4), channels: nibble, rates }),
  interference: fc.record({ interference: flag }),
  'monitor-timeout': fc.record({ timeoutS: u8 }),
  'radio-parameters': radio,
  'broadcast-delay': fc.record({ delaySeconds: u16, ...meterFrame }),
  'run-mode': runMode,
  'supported-functions': fc.record({ ofAfn: u8, fns }),
  'module-id': fc.record(moduleId),
  band: fc.record({ band: u8 }),
  'radio-options': fc.oneof(fc.record({ options: u8, channel: u8 }), stub),
  'meter-test': raw,
  'nodes-registered': fc.record({ nodes: many(fc.record({ ...meter, nodeNumber: u16 })) }),
  'read-report': fc.record({ nodeNumber: u16, uplinkSeconds: u16, ...meterFrame }),
  'task-finished': fc.record({ finished: u8 }),
  'devices-registered': fc.record({ devices: many(device) }),
  'meter-event': fc.record({ deviceType: u8, ...meterFrame }),
  'node-count': fc.record({ nodeCount: u16, maxNodes: u16 }),
  nodes: nodePage,
  'node-relays': raw,
  'run-state': runState,
  'unread-nodes': nodePage,
  'registered-nodes': nodePage,
  'node-module-ids': fc.oneof(pageOf(fc.record({ address, deviceType: u8, ...moduleId })), stub),
  'network-scale': fc.record({ scale: u16 }),
  topology: pageOf(fc.record({ address, tei: u16, proxyTei: u16, level: nibble, role: nibble })),
  phases: pageOf(fc.record({ address, phaseBits: below(8), isThreePhase: flag, isReversed: flag, phaseOrder: below(8) })),
  'node-id': raw,
  'radio-network-scale': fc.record({ scale: u16 }),
  'radio-nodes': fc.oneof(
    fc.record({ total: u16, nodes: many(fc.record({ address, relayLevel: nibble, quality: nibble, details: some(4) })) }),
    stub,
  ),
  'node-signals': raw,
  'neighbour-networks': raw,
  chips: pageOf(fc.record({ address, details: some(27) })),
  monitor: fc.record({ uplinkSeconds: u16, ...meterFrame }),
  'monitor-long': fc.record({ uplinkSeconds: u16, protocol: u8, payload: fc.uint8Array({ maxLength: 600 }) }),
  'concurrent-read': fc.record({ protocol: u8, payload: fc.uint8Array({ maxLength: 600 }) }),
  'next-frame': fc.record({ phase: u8, address, nodeNumber: u16 }),
  clock: none,
  'correct-frame': fc.record({ address, delaySeconds: u16, payload: bytes }),
  'concentrator-data': fc.record({ dataClass: bytes }),
  'file-segment': fc.record({ segmentNumber: u32 }),
}

/** Any unit of one direction, each name as often as the others. */
function anyOf<U extends { readonly name: string }>(
  arbitraries: Readonly<Record<string, fc.Arbitrary<object>>>,
): fc.Arbitrary<U> {
  return fc.oneof(
    ...Object.entries(arbitraries).map(([name, found]) => found.map((members) => ({ name, ...members }) as unknown as U)),
  )
}

export const downUnitNames = Object.keys(downArbitraries)
export const upUnitNames = Object.keys(upArbitraries)
export const anyDownUnit: fc.Arbitrary<DownUnit> = anyOf<DownUnit>(downArbitraries)
export const anyUpUnit: fc.Arbitrary<UpUnit> = anyOf<UpUnit>(upArbitraries)

/** Source, up to two relays, destination. */
export const anyAddresses: fc.Arbitrary<Addresses> = fc.record({
  source: address,
  relays: fc.array(address, { maxLength: 2 }),
  destination: address,
})
export const anyDownInfo = fc.record({
  bypassRouter: flag,
  subNodeFlag: flag,
  collisionDetect: flag,
  channel: nibble,
  channelCoding: nibble,
  expectedReplyBytes: u8,
  ...rate,
})
export const anyUpInfo = fc.record({
  bypassRouter: flag,
  relayLevel: nibble,
  channel: nibble,
  phase: nibble,
  meterChannelFeature: nibble,
  commandQuality: nibble,
  replyQuality: nibble,
  eventFlag: flag,
})
export const anySequence = u8
export const anyMode = below(64)
