import t from 'tap'
import type { MeterOptions } from '../../../drivers/simulated/meter.js'
import type { MeterQuirks } from '../../../drivers/simulated/meter-quirks.js'
import type { SimulatedMeter } from '../../../drivers/simulated/meter.js'
import { encodeRequest, type Request } from '../../../src/protocols/dlt645/index.js'
import { hexOf } from '../../../src/protocols/wire/bytes.js'
import { frameVectors } from '../../helpers/dlt645.js'
import { makeMeter, marchFirst, operator, password } from '../../helpers/simulated-meter.js'

const frames = new Map(frameVectors().map(({ id, hex }) => [id, hex]))
const frameOf = (id: string): string => frames.get(id) ?? `no vector ${id}`
const at = marchFirst + 1000

/** What a meter answers to bytes, as hexadecimal text. */
function answer(meter: SimulatedMeter, request: Uint8Array): string {
  const reply = meter.hear(request, at)
  return reply === null ? 'silence' : hexOf(reply.bytes)
}

const bytes = (id: string): Uint8Array => Uint8Array.from(Buffer.from(frameOf(id), 'hex'))
const relay = (command: 'trip' | 'close'): Request => ({
  fn: 'relay',
  credentials: { password, operator },
  order: { command, hold: 0, expiry: 'unchecked' },
})

function meterOf(address: string, options: Partial<MeterOptions> = {}, quirks: Partial<MeterQuirks> = {}): SimulatedMeter {
  return makeMeter({ address, ...options }, { preamble: 0, ...quirks })
}

await t.test('a meter in the same state answers a captured request with the captured bytes', (t) => {
  const single = { rates: 1, table: [{ minute: 0, rate: 1 }] }
  const energy = (initialForward: number): Partial<MeterOptions> => ({ ...single, initialForward })
  t.equal(answer(meterOf('000000000161', energy(26)), bytes('dlt645-001')), frameOf('dlt645-002'))
  t.equal(answer(meterOf('000010604867', energy(0), { preamble: 4 }), bytes('dlt645-014')), frameOf('dlt645-015'))
  t.equal(answer(meterOf('151230011061', energy(678)), bytes('dlt645-025')), frameOf('dlt645-026'))
  t.equal(answer(meterOf('000000000001', energy(11_228_026)), bytes('dlt645-038')), frameOf('dlt645-037'))
  t.equal(answer(meterOf('123456789012', {}, { preamble: 7 }), bytes('dlt645-006')), frameOf('dlt645-011'))
  t.equal(answer(meterOf('000010604867', {}, { preamble: 4 }), bytes('dlt645-006')), frameOf('dlt645-013'))
  const unknown = encodeRequest('123456789012', { fn: 'read', di: '00FE0000', load: null })
  t.equal(answer(meterOf('123456789012'), unknown), frameOf('dlt645-012'))
  t.end()
})

await t.test('the captured sequence of a trip and a close: 9C, word 3 = 0050H, word 3 = 0000H', (t) => {
  const meter = meterOf('151230011061')
  t.equal(answer(meter, encodeRequest(meter.address, relay('trip'))), frameOf('dlt645-029'))
  t.equal(answer(meter, bytes('dlt645-030')), frameOf('dlt645-031'))
  t.equal(answer(meter, encodeRequest(meter.address, relay('close'))), frameOf('dlt645-029'))
  t.equal(answer(meter, bytes('dlt645-030')), frameOf('dlt645-032'))
  t.end()
})

await t.test('captured requests that are not for this meter, and captured answers, leave it silent', (t) => {
  const meter = meterOf('000000000099')
  for (const id of ['dlt645-001', 'dlt645-002', 'dlt645-012', 'dlt645-022', 'dlt645-029'])
    t.equal(answer(meter, bytes(id)), 'silence', id)
  t.end()
})
