import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  checksum,
  codeOf,
  decodeFrame,
  describeFrame,
  encodeDown,
  encodeFrame,
  encodeUp,
  type Addresses,
  type DownUnit,
  type Shown,
} from '../../../../src/protocols/gdw1376/index.js'
import { messageOf, moduleVectors, type ModuleVector } from '../../../helpers/gdw1376.js'
import { valueOf } from '../../../helpers/outcome.js'

const vectors = moduleVectors()
const isDown = ({ decoded }: ModuleVector) => decoded.control.dir === 'down'

/** Pages that only the note states. */
const notedPages: Readonly<Record<string, { readonly start: number; readonly count: number }>> = {
  'gdw3762-010': { start: 1, count: 3 },
}

await t.test('there are the frames of both directions', async (t) => {
  t.equal(vectors.length, 70)
  t.equal(vectors.filter(isDown).length, 53)
})

await t.test(
  'every frame decodes to its stated control, information field, addresses, function, data and checksum',
  async (t) => {
    for (const { id, hex, decoded } of vectors) {
      const bytes = bytesOf(hex)
      const frame = valueOf(decodeFrame(bytes))
      t.equal(bytes.length, decoded.length, id)
      t.equal(checksum(bytes.subarray(3, -2)), Number.parseInt(decoded.checksum, 16), id)
      t.equal(hexOf(bytes.subarray(3, 4)), decoded.control.hex, id)
      t.strictSame(
        { dir: frame.direction, prm: frame.initiates ? 1 : 0, mode: frame.mode, fn: frame.fn, data: hexOf(frame.data) },
        { dir: decoded.control.dir, prm: decoded.control.prm, mode: decoded.control.mode, fn: decoded.fn, data: decoded.data },
        id,
      )
      t.equal(frame.afn, Number.parseInt(decoded.afn, 16), id)
      t.strictSame(frame.addresses, statedAddresses(decoded), id)
      const { hex: infoHex, ...stated } = decoded.info
      t.strictSame(
        asNumbers(frame.info),
        Object.fromEntries(Object.entries(stated).map(([name, value]) => [camel(name), value])),
        id,
      )
      t.equal(hexOf(bytes.subarray(4, 10)), infoHex, id)
      t.equal(hexOf(encodeFrame(frame)), hex, `${id} is encoded to itself`)
    }
  },
)

await t.test('every frame is described with its stated addresses and members', async (t) => {
  let compared = 0
  for (const { id, hex, decoded } of vectors) {
    const shown = describeFrame(hex)
    if (!('afn' in shown)) {
      t.fail(`${id} is not described`)
      continue
    }
    t.strictSame(
      [shown.ok, shown.protocol, shown.direction, shown.afn, shown.fn, shown.mode, shown.initiates],
      [true, 'gdw1376-2', decoded.control.dir, decoded.afn, decoded.fn, decoded.control.mode, decoded.control.prm === 1],
      id,
    )
    t.strictSame([shown.source, shown.destination], [decoded.source ?? null, decoded.destination ?? null], id)
    t.strictSame(shown.relays, decoded.relays ?? [], id)
    for (const [name, value] of Object.entries(decoded.fields ?? {})) {
      t.strictSame(foundFor(name, shown.data), value, `${id}: ${name}`)
      compared += 1
    }
  }
  t.equal(
    compared,
    vectors.reduce((sum, { decoded }) => sum + Object.keys(decoded.fields ?? {}).length, 0),
  )
})

await t.test('what only the notes of vectors say is found in their data', async (t) => {
  const dataOf = (number: string) => {
    const vector = vectors.find(({ id }) => id === `gdw3762-${number}`)
    const shown = describeFrame(vector?.hex ?? '')
    return 'data' in shown ? shown.data : null
  }
  t.strictSame(dataOf('005'), { deviceType: 1, address: '123456678921', idType: 1 })
  t.match(dataOf('007'), {
    total: 3,
    start: 1,
    nodes: [{ address: '665713574410' }, { address: '002020344316' }, { address: '222202005002', details: /^0338.{48}22$/ }],
  })
  t.strictSame(dataOf('009'), {
    total: 3,
    start: 1,
    nodes: [
      { address: '000001024148', phaseBits: 1, isThreePhase: false, isReversed: false, phaseOrder: 0 },
      { address: '450001027112', phaseBits: 1, isThreePhase: false, isReversed: true, phaseOrder: 0 },
    ],
  })
  t.strictSame(dataOf('012'), {
    total: 3,
    start: 1,
    nodes: [
      { address: '000001024148', tei: 1, proxyTei: 0x7112, level: 2, role: 1 },
      { address: '010011450001', tei: 2, proxyTei: 1, level: 10, role: 4 },
    ],
  })
  t.strictSame([dataOf('058'), dataOf('059'), dataOf('064')], ['', '66', '000101'], 'functions that are not in the catalogue')
  t.match(dataOf('069'), {
    protocolDate: '2013-09-18',
    recordDate: '2013-03-21',
    versionDate: '2013-10-11',
    powerLossCapability: 3,
    rates: [{ rate: 0, rateUnit: 0 }],
  })
  t.match(dataOf('067'), { versionDate: '2020-01-01', rates: [{ rate: 9600, rateUnit: 0 }] })
})

await t.test('every frame to the module is reproduced byte for byte from its meaning', async (t) => {
  for (const vector of vectors.filter(isDown)) {
    const { decoded } = vector
    const bytes = encodeDown(meaningOf(vector), {
      mode: decoded.control.mode,
      sequence: decoded.info.sequence,
      addresses: statedAddresses(decoded),
      info: downInfoOf(decoded.info),
      // A simulator's confirmation has it wrong; all others follow from the function.
      ...(vector.id === 'gdw3762-063' ? { initiates: true } : {}),
    })
    t.equal(hexOf(bytes), vector.hex, `${vector.id} ${vector.note}`)
  }
})

await t.test('every frame from the module is reproduced byte for byte from what it says', async (t) => {
  for (const { id, hex } of vectors.filter((vector) => !isDown(vector))) {
    const message = messageOf(bytesOf(hex))
    if (message.direction !== 'up') throw new Error(`${id} has the wrong direction`)
    const { mode, info, addresses, initiates, unit } = message
    t.equal(hexOf(encodeUp(unit, { mode, info, addresses, initiates, sequence: info.sequence })), hex, id)
    t.not(unit.name, 'unknown', id)
    t.strictSame(codeOf(unit), { afn: message.afn, fn: message.fn }, id)
  }
})

function statedAddresses({ source, destination, relays }: ModuleVector['decoded']): Addresses | null {
  return source === undefined || destination === undefined ? null : { source, relays: relays ?? [], destination }
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function asNumbers(value: object): unknown {
  return Object.fromEntries(Object.entries(value).map(([name, member]: [string, unknown]) => [name, Number(member)]))
}

function members(data: Shown): Readonly<Record<string, Shown>> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new Error('the data have no members')
  return data as Readonly<Record<string, Shown>>
}

/** A stated member in the words of the vectors; every name that is not a matter of spelling stands here. */
function foundFor(name: string, data: Shown): unknown {
  const found = members(data)
  const listed = (member: string) => (found[member] as readonly Shown[]).length
  const reversed = (member: string) => [...String(found[member])].reverse().join('')
  switch (name) {
    case 'length':
      return String(found['payload']).length / 2
    case 'id_length':
      return String(found['id']).length / 2
    case 'count':
      return found['count'] ?? listed('nodes')
    case 'returned':
      return listed('nodes')
    case 'sub_nodes':
      return listed('subNodes')
    case 'rate_count':
      return listed('rates')
    case 'vendor_bytes':
      return reversed('vendor')
    case 'chip_bytes':
      return reversed('chip')
    case 'nodes':
      return (found['nodes'] as readonly Shown[]).map((node) => (typeof node === 'string' ? node : snakes(node)))
    default: {
      const value = found[camel(name)]
      return typeof value === 'boolean' ? Number(value) : value
    }
  }
}

function snakes(node: Shown): unknown {
  const spelt = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(members(node)).map(([name, value]) => [spelt(name), value]))
}

function downInfoOf(info: ModuleVector['decoded']['info']) {
  const value = (name: string) => Number(info[name])
  return {
    bypassRouter: value('bypass_router') === 1,
    subNodeFlag: value('sub_node_flag') === 1,
    collisionDetect: value('collision_detect') === 1,
    channel: value('channel'),
    channelCoding: value('channel_coding'),
    expectedReplyBytes: value('expected_reply_bytes'),
    rate: value('rate'),
    rateUnit: value('rate_unit'),
  }
}

/** The unit of a frame to the module, from the stated members and notes alone. */
function meaningOf({ decoded, id }: ModuleVector): DownUnit {
  const { fields = {}, afn, fn, data } = decoded
  const value = (name: string) => Number(fields[name])
  const payload = bytesOf(typeof fields['payload'] === 'string' ? fields['payload'] : '')
  const page = { start: value('start'), count: value('count') }
  const protocol = value('protocol')
  switch (`${afn}F${fn}`) {
    case '00F1':
      return data === ''
        ? { name: 'confirm', commandStatus: '', waitSeconds: null }
        : { name: 'confirm', commandStatus: String(fields['command_status']), waitSeconds: value('wait_seconds') }
    case '01F2':
      return { name: 'reset-parameters' }
    case '02F1':
      return { name: 'forward', protocol, payload }
    case '03F1':
      return { name: 'vendor-version' }
    case '03F9':
      return { name: 'broadcast-delay', protocol: 2, payload: bytesOf('689999999999996808064A33343A3C54EF16') }
    case '03F10':
      return { name: 'run-mode' }
    case '03F12':
      return { name: 'module-id' }
    case '03F16':
      return { name: 'band' }
    case '05F1':
      return { name: 'set-main-node', mainNode: String(fields['main_node']) }
    case '05F16':
      return { name: 'set-band', band: value('band') }
    case '10F1':
      return { name: 'node-count' }
    case '10F2':
      return { name: 'nodes', ...page }
    case '10F4':
      return { name: 'run-state' }
    case '10F7':
      return { name: 'node-module-ids', ...(notedPages[id] ?? page) }
    case '10F21':
      return { name: 'topology', ...(notedPages[id] ?? page) }
    case '10F31':
      return { name: 'phases', ...page }
    case '10F40':
      return { name: 'node-id', deviceType: 1, address: '123456678921', idType: 1 }
    case '10F111':
      return { name: 'neighbour-networks' }
    case '10F112':
      return { name: 'chips', ...page }
    case '11F1':
      return { name: 'add-nodes', nodes: fields['nodes'] as readonly { address: string; protocol: number }[] }
    case '11F2':
      return { name: 'delete-nodes', nodes: fields['nodes'] as readonly string[] }
    case '12F1':
      return { name: 'restart-routing' }
    case '12F2':
      return { name: 'pause-routing' }
    case '12F3':
      return { name: 'resume-routing' }
    case '13F1':
      return { name: 'monitor', protocol, delayFlag: value('delay_flag') === 1, subNodes: [], payload }
    case '14F1':
      return { name: 'next-frame', readFlag: value('read_flag'), delayFlag: value('delay_flag') === 1, payload, subNodes: [] }
    case '14F3':
      return { name: 'correct-frame', payload }
    case 'F1F1':
      return { name: 'concurrent-read', protocol, reserved: value('reserved'), payload }
    default:
      return { name: 'unknown', afn: Number.parseInt(afn, 16), fn, data: bytesOf(data) }
  }
}
