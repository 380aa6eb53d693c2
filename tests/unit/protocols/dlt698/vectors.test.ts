import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  describeFrame,
  describeUnit,
  encodeApdu,
  encodeFrame,
  openEnvelope,
  parseApdu,
  relayAction,
  type Apdu,
  type Control,
  type Data,
  type ServerAddress,
} from '../../../../src/protocols/dlt698/index.js'
import { readMoment } from '../../../../src/protocols/dlt698/times.js'
import { vectors, type Vector } from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'
import { asWords, saidBy, type Stated } from '../../../helpers/dlt698-meaning.js'

const all = vectors()
const frames = all.filter(({ layer }) => layer === 'frame')
const apdus = all.filter(({ layer }) => layer === 'apdu')
const stated = ({ decoded }: Vector): Stated => decoded

const types = { first: 0, last: 1, confirmation: 2, middle: 3 } as const

const plain = { timeTag: null }
const oad = (hex: string): Data => ({ type: 'OAD', hex })

/** Types of an action's parameters are not among what is stated. */
const actions: Readonly<Record<string, Data>> = {
  'dlt698-019': {
    type: 'structure',
    items: [
      { type: 'uint8', value: 7 },
      { type: 'array', items: [{ type: 'CSD', hex: '01500202000400100201002002012000020020010200' }] },
    ],
  },
  'dlt698-047': {
    type: 'array',
    items: [
      {
        type: 'structure',
        items: [oad('F2050201'), { type: 'uint8', value: 0 }, { type: 'uint16', value: 1 }, { type: 'bool', value: true }],
      },
    ],
  },
  'dlt698-048': relayAction('permit-to-close').data,
  'dlt698-074': { type: 'int8', value: 0 },
}

await t.test('there are the frames and application data units of the page', async (t) => {
  t.equal(frames.length, 67)
  t.equal(apdus.length, 10)
})

await t.test('every frame decodes to its length, control, address, client and checks', async (t) => {
  for (const vector of frames) {
    const { id, hex } = vector
    const { length, control, sa, ca, fragment_word: word, fragment_payload: payload } = stated(vector)
    const bytes = bytesOf(hex)
    const frame = valueOf(decodeFrame(bytes))
    t.equal(frame.length, length, id)
    t.strictSame(
      {
        hex: hexOf(Uint8Array.of(frame.controlByte)),
        dir: frame.control.from,
        prm: frame.control.asked === 'client' ? 1 : 0,
        fragment: frame.segment === null ? 0 : 1,
        scrambled: frame.control.scrambled ? 1 : 0,
        function: frame.control.fn,
      },
      control,
      id,
    )
    const { kind, logical, digits } = frame.server
    t.strictSame({ type: kind, logical, address: digits }, sa, id)
    t.equal(frame.client, ca, id)
    if (frame.segment === null) t.equal(hexOf(frame.body), stated(vector).apdu, id)
    else
      t.strictSame([frame.segment.number, types[frame.segment.kind], hexOf(frame.body)], [word?.number, word?.type, payload], id)
  }
})

await t.test('every application data unit says what is stated of it, to the last field', async (t) => {
  for (const vector of all) {
    const said = stated(vector)
    const meaning = vector.layer === 'frame' ? said.apdu_decoded : said
    if (meaning === undefined) {
      t.ok(said.fragment_word, `${vector.id}: only a piece is stated without a meaning`)
      continue
    }
    const { note: _note, ...wanted } = meaning
    t.strictSame(asWords(valueOf(parseApdu(bytesOf(apduHex(vector))))), wanted, vector.id)
  }
})

await t.test('every unit is encoded to itself again, and every frame but the one with reserved bits', async (t) => {
  for (const vector of all) {
    const hex = apduHex(vector)
    if (hex !== '') t.equal(hexOf(encodeApdu(valueOf(parseApdu(bytesOf(hex))))), hex, vector.id)
    if (vector.layer === 'frame' && vector.id !== 'dlt698-005') {
      t.equal(hexOf(encodeFrame(valueOf(decodeFrame(bytesOf(vector.hex))), 0)), vector.hex, vector.id)
    }
  }
})

await t.test('every request is reproduced byte for byte from its stated meaning', async (t) => {
  const requests = all.filter(({ direction, id }) => direction === 'client->server' && id !== 'dlt698-076')
  t.equal(requests.length, 33)
  for (const vector of requests) {
    const { control, sa, ca, apdu_decoded: meaning } = stated(vector)
    const apdu = requestMeant(vector.id, meaning ?? stated(vector))
    if (vector.layer === 'apdu') {
      t.equal(hexOf(encodeApdu(apdu)), vector.hex, vector.id)
      continue
    }
    const parts: Control = {
      from: 'client',
      asked: control?.prm === 1 ? 'client' : 'server',
      fn: control?.function ?? 0,
      scrambled: false,
    }
    const server: ServerAddress = { kind: sa?.type ?? 'single', logical: sa?.logical ?? 0, digits: sa?.address ?? '' }
    const frame = { control: parts, server, client: ca ?? 0, segment: null, body: encodeApdu(apdu) }
    t.equal(hexOf(encodeFrame(frame, 0)), vector.hex, vector.id)
  }
})

await t.test('every frame is described with its direction, address, unit and values', async (t) => {
  for (const vector of frames) {
    const shown = describeFrame(vector.hex)
    const { sa, control, apdu_decoded: meaning } = stated(vector)
    if (!('address' in shown)) {
      t.fail(`${vector.id} is not described`)
      continue
    }
    t.match(shown, { ok: true, protocol: 'dlt698-45', address: sa?.address, control: control?.hex }, vector.id)
    t.equal(shown.direction === 'request', vector.direction === 'client->server', `${vector.id}: ${shown.direction}`)
    if (meaning === undefined) {
      t.equal(shown.apdu, 'fragment', vector.id)
      continue
    }
    const words = [meaning.service, meaning.form, meaning.inner?.service, meaning.inner?.choice ?? meaning.choice]
    for (const word of words) t.ok(word === undefined || shown.apdu.includes(word), `${vector.id}: ${word} in ${shown.apdu}`)
    t.strictSame(
      shown.items.flatMap(({ values }) => values.map(({ value }) => value)),
      saidBy(meaning.inner ?? meaning, shown.items),
      vector.id,
    )
  }
})

await t.test('every unit without a frame is described with its direction, name and values', async (t) => {
  for (const vector of apdus) {
    const shown = describeUnit(bytesOf(apduHex(vector)))
    if (!('layer' in shown)) {
      t.fail(`${vector.id} is not described`)
      continue
    }
    const meaning = stated(vector)
    t.match(shown, { ok: true, protocol: 'dlt698-45', layer: 'apdu', address: null, control: null }, vector.id)
    t.equal(shown.direction === 'request', vector.direction === 'client->server', `${vector.id}: ${shown.direction}`)
    for (const word of [meaning.service, meaning.choice]) t.ok(word === undefined || shown.apdu.includes(word), vector.id)
    t.strictSame(
      shown.items.flatMap(({ values }) => values.map(({ value }) => value)),
      saidBy(meaning, shown.items),
      vector.id,
    )
  }
  t.match(describeUnit(Uint8Array.of(0x05, 0x01)), { ok: false, protocol: 'dlt698-45', error: { code: String, at: String } })
})

/** The unit of a vector; that of a vector which lost its ends is made whole, as its note says. */
function apduHex(vector: Vector): string {
  if (vector.id === 'dlt698-076') return `8503${vector.hex}0000`
  return vector.layer === 'apdu' ? vector.hex : (stated(vector).apdu ?? '')
}

function requestMeant(id: string, meaning: Stated): Apdu {
  const piid = Number.parseInt(meaning.piid ?? '', 16)
  switch (`${meaning.service} ${meaning.choice ?? ''}`.trim()) {
    case 'GET-Request Normal':
      return { kind: 'get-one', piid, oad: meaning.oad ?? '', ...plain }
    case 'GET-Request NormalList':
      return { kind: 'get-list', piid, list: meaning.oads ?? [], ...plain }
    case 'GET-Request Record':
      return {
        kind: 'get-record',
        piid,
        oad: meaning.oad ?? '',
        selector: selectorMeant(meaning),
        columns: (meaning.rcsd ?? []).map((column) => ({ kind: 'OAD', oad: column })),
        ...plain,
      }
    case 'SET-Request Normal':
      return { kind: 'set-one', piid, oad: meaning.oad ?? '', data: momentMeant(meaning.value), ...plain }
    case 'ACTION-Request Normal':
      return { kind: 'act-one', piid, omd: meaning.omd ?? '', data: actions[id] ?? { type: 'null' }, ...plain }
    case 'SECURITY-Request': {
      const apdu = hexOf(encodeApdu(requestMeant(id, meaning.inner ?? meaning)))
      return {
        kind: 'secured-request',
        content: { kind: 'plain', apdu },
        check: { kind: 'RN', rn: (meaning.auth_value ?? '').slice(2) },
      }
    }
    case 'CONNECT-Request':
      return {
        kind: 'connect-request',
        piid,
        version: meaning.version ?? 0,
        protocolConformance: meaning.protocol_conformance ?? '',
        functionConformance: meaning.function_conformance ?? '',
        sendMax: meaning.client_max_send ?? 0,
        receiveMax: meaning.client_max_receive ?? 0,
        window: meaning.client_window ?? 0,
        apduMax: meaning.client_max_apdu ?? 0,
        timeoutS: meaning.timeout_s ?? 0,
        authentication: { kind: 'none' },
        ...plain,
      }
    default:
      throw new Error(`no request ${meaning.service} is expected among the vectors`)
  }
}

function selectorMeant({ rsd }: Stated) {
  if (rsd?.selector === 1) return { kind: 'equal', oad: rsd.oad, value: momentMeant(rsd.value) } as const
  const interval: Data = { type: 'null' }
  return { kind: 'range', oad: rsd?.oad ?? '', from: momentMeant(rsd?.from), to: momentMeant(rsd?.to), interval } as const
}

function momentMeant(text: unknown): Data {
  const parts = String(text).split(/[- :]/).map(Number)
  const hex = parts
    .map((part, index) => part.toString(16).padStart(index === 0 ? 4 : 2, '0'))
    .join('')
    .toUpperCase()
  if (readMoment(hex) === null) throw new Error(`no time: ${String(text)}`)
  return { type: 'date_time_s', hex }
}

await t.test('a wrapped answer is what stands inside it', async (t) => {
  const wrapped = all.find(({ id }) => id === 'dlt698-061')
  const opened = valueOf(openEnvelope(valueOf(parseApdu(bytesOf(wrapped === undefined ? '' : apduHex(wrapped))))))
  t.match(opened.apdu, { kind: 'got-one', oad: '20110200' })
})
