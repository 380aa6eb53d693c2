import { writeBcd } from '../../src/protocols/dlt645/bcd.js'
import { electricalAt, type PhaseValues } from './electrical.js'
import { freezeRegister } from './freeze-registers.js'
import { demandBytes, energiesOf, type MeterView } from './meter-view.js'
import { parameterRegister } from './parameter-registers.js'
import { fourBytes, joined, secondStamp } from './register-bytes.js'

/**
 * The data of a register, without its identifier.
 *
 * @param di the identifier as a number: 00010000H is 65536
 * @returns null when the meter has no such register
 */
export function readRegister(view: MeterView, di: number): Uint8Array | null {
  const [group, type, item, number] = [di >>> 24, (di >>> 16) & 0xff, (di >>> 8) & 0xff, di & 0xff]
  switch (group) {
    case 0x00:
      return type >= 0x0b ? accountRegister(di) : energyRegister(view, type, item, number)
    case 0x01:
      return demandRegister(view, type, item, number)
    case 0x02:
      return momentRegister(view, type, item, number)
    case 0x03:
    case 0x1d:
    case 0x1e:
      return eventRegister(view, di)
    case 0x04:
      return parameterRegister(view, di)
    case 0x05:
      return freezeRegister(view, type, item, number)
    default:
      return null
  }
}

const blockNumber = 0xff
const groupGap = 0xaa

function energyRegister(view: MeterView, type: number, rate: number, period: number): Uint8Array | null {
  if (period === blockNumber) {
    const groups = Array.from({ length: 1 + view.physics.settlements.count }, (_, n) => energyRegister(view, type, rate, n))
    const shown = groups.filter((group) => group !== null)
    return shown.length === 0 ? null : joined(shown, groupGap)
  }
  const source = period === 0 ? view.physics : view.physics.settlements.last(period)
  const energies = source === null ? null : energiesOf(source, type)
  if (energies === null) return null
  const wanted = rate === blockNumber ? energies : energies.slice(rate, rate + 1)
  return wanted.length === 0 ? null : fourBytes(wanted)
}

function demandRegister(view: MeterView, type: number, rate: number, period: number): Uint8Array | null {
  const source = period === 0 ? view.physics : view.physics.settlements.last(period)
  if (source === null || type === 0 || type > 2) return null
  const demands = type === 1 ? source.demands : source.demands.map(() => ({ watts: 0, at: 0 }))
  const wanted = rate === blockNumber ? demands : demands.slice(rate, rate + 1)
  return wanted.length === 0 ? null : demandBytes(wanted)
}

/** Usage of the current and the last period and prepaid balances: this meter keeps no account, all are 0. */
function accountRegister(di: number): Uint8Array | null {
  const known = [0x000b0000, 0x000b0001, 0x00900100, 0x00900101, 0x00900200, 0x00900201]
  return known.includes(di) ? new Uint8Array(4) : null
}

interface MomentRegister {
  readonly bytes: number
  readonly hasTotal: boolean
  readonly signed: boolean
  readonly value: (phase: PhaseValues) => number
}

const momentRegisters: ReadonlyMap<number, MomentRegister> = new Map([
  [0x01, { bytes: 2, hasTotal: false, signed: false, value: (phase: PhaseValues) => phase.voltage }],
  [0x02, { bytes: 3, hasTotal: false, signed: true, value: (phase: PhaseValues) => phase.current }],
  [0x03, { bytes: 3, hasTotal: true, signed: true, value: (phase: PhaseValues) => phase.active }],
  [0x04, { bytes: 3, hasTotal: true, signed: true, value: (phase: PhaseValues) => phase.reactive }],
  [0x05, { bytes: 3, hasTotal: true, signed: true, value: (phase: PhaseValues) => phase.apparent }],
  [0x06, { bytes: 2, hasTotal: true, signed: true, value: (phase: PhaseValues) => phase.factor }],
])

function momentRegister(view: MeterView, type: number, phase: number, number: number): Uint8Array | null {
  const { total, phases, frequency } = electricalAt(view.point, view.localMs, view.physics.watts, view.physics.vars)
  if (type === 0x80) return phase === 0 ? otherMoment(view, number, total, frequency) : null
  const register = momentRegisters.get(type)
  if (register === undefined || number !== 0) return null
  const { bytes, signed, value } = register
  // FF stands for a phase the meter has not (facts §4.6).
  const shown = (index: number): Uint8Array => {
    const of = phases[index]
    return of === undefined ? new Uint8Array(bytes).fill(0xff) : writeBcd(value(of), bytes, signed)
  }
  if (phase === blockNumber) {
    const lines = [shown(0), shown(1), shown(2)]
    return joined(register.hasTotal ? [writeBcd(value(total), bytes, signed), ...lines] : lines)
  }
  if (phase === 0) return register.hasTotal ? writeBcd(value(total), bytes, signed) : null
  return phase <= 3 ? shown(phase - 1) : null
}

function otherMoment(view: MeterView, number: number, total: PhaseValues, frequency: number): Uint8Array | null {
  switch (number) {
    case 0x01:
      return writeBcd(total.current, 3, true)
    case 0x02:
      return writeBcd(frequency, 2)
    case 0x03:
    case 0x04:
      return writeBcd(total.active, 3, true)
    case 0x05:
      return writeBcd(total.reactive, 3, true)
    case 0x06:
      return writeBcd(total.apparent, 3, true)
    case 0x07:
      return writeBcd(180 + (Math.floor(view.localMs / 3_600_000) % 24) * 5, 2, true)
    case 0x08:
      return writeBcd(360, 2)
    case 0x09:
      return writeBcd(600, 2)
    case 0x0a:
      return new Uint8Array(4)
    default:
      return null
  }
}

/** Counters of events that never happen to this meter, and their bytes. */
const quietCounters: ReadonlyMap<number, number> = new Map([
  [0x03010000, 18],
  [0x03020000, 18],
  [0x03030000, 18],
  [0x03040000, 18],
  [0x03050000, 6],
  [0x03110000, 3],
  [0x03300000, 3],
  [0x03300100, 3],
  [0x03300200, 3],
  [0x03300400, 3],
  [0x03300d00, 3],
  [0x03300e00, 3],
  [0x03350000, 3],
])

/** Trips (1D) and closings (1E): count, and the times of the last ten; everything else counts zero. */
function eventRegister(view: MeterView, di: number): Uint8Array | null {
  const quiet = quietCounters.get(di)
  if (quiet !== undefined) return new Uint8Array(quiet)
  const group = di >>> 24
  if (group === 0x03) return null
  const contact = group === 0x1d ? 'open' : 'closed'
  const moves = view.relay.actions.filter((move) => move.contactAfter === contact && move.contactBefore !== contact)
  if ((di & 0xffffff) === 0x000001) return writeBcd(moves.length, 3)
  const number = di & 0xff
  if (((di >>> 8) & 0xffff) !== 0x0001 || number < 1 || number > 10) return null
  const move = moves[moves.length - number]
  return move === undefined ? new Uint8Array(6) : secondStamp(view.localMs + move.at - view.physics.at)
}
