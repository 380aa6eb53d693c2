import {
  activePower,
  current,
  energyKwh,
  frequency,
  list,
  money,
  number,
  powerFactor,
  price,
  reactivePower,
  record,
  signedNumber,
  skipped,
  times,
  voltage,
  type Field,
  type RegisterEntry,
} from './fields.js'

const apparentPower = signedNumber('kVA', 3, 4)
const angle = number('°', 2, 1)
const percent = number('%', 2, 2)

const row = (di: string, name: string, field: Field): RegisterEntry => ({ di, name, layout: record(field), access: 'R' })

/** Phases A, B, C in turn (01…03), and all of them in one block (FF). */
const perPhase = (di: string, name: string, field: Field): readonly RegisterEntry[] => [
  row(`${di}.01-03.00`, name, field),
  { di: `${di}.FF.00`, name, layout: list(3, field), access: 'R' },
]

/** As `perPhase`, with a total (00) in front. */
const withTotal = (di: string, name: string, field: Field): readonly RegisterEntry[] => [
  row(`${di}.00-03.00`, name, field),
  { di: `${di}.FF.00`, name, layout: list(4, field), access: 'R' },
]

/** The n-th harmonic of a phase, and all of a phase. */
const harmonics = (di: string, name: string): readonly RegisterEntry[] => [
  row(`${di}.01-03.01-3F`, name, percent),
  { di: `${di}.01-03.FF`, name, layout: list(63, percent), access: 'R' },
]

/** Instantaneous values `02 …` (facts §8.3). */
export const variableRegisters: readonly RegisterEntry[] = [
  ...perPhase('02.01', 'voltage', voltage),
  ...perPhase('02.02', 'current', current),
  ...withTotal('02.03', 'active power', activePower),
  ...withTotal('02.04', 'reactive power', reactivePower),
  ...withTotal('02.05', 'apparent power', apparentPower),
  ...withTotal('02.06', 'power factor', powerFactor),
  ...perPhase('02.07', 'phase angle', angle),
  ...perPhase('02.08', 'voltage distortion', percent),
  ...perPhase('02.09', 'current distortion', percent),
  ...harmonics('02.0A', 'voltage harmonic content'),
  ...harmonics('02.0B', 'current harmonic content'),
  row('02.80.00.01', 'neutral current', current),
  row('02.80.00.02', 'grid frequency', frequency),
  row('02.80.00.03', 'mean active power of the last minute', activePower),
  row('02.80.00.04', 'present active demand', activePower),
  row('02.80.00.05', 'present reactive demand', reactivePower),
  row('02.80.00.06', 'present apparent demand', apparentPower),
  row('02.80.00.07', 'temperature inside', signedNumber('°C', 2, 1)),
  row('02.80.00.08', 'clock battery', number('V', 2, 2)),
  row('02.80.00.09', 'reading battery', number('V', 2, 2)),
  row('02.80.00.0A', 'battery working time', number('min', 4, 0)),
  row('02.80.00.0B', 'price of the present step', price),
  row('02.80.00.20', 'present price', price),
  row('02.80.00.21', 'present tariff price', price),
  {
    // Bulk block of one make of single-phase prepaid meter: balance, overdraft, U, I, P, pf, total energy, then 18 bytes of tariff
    // counters whose meaning is not known well enough to show. Vectors dlt645-043 … 046.
    di: '02.80.11.FF',
    name: 'bulk block of balance, instantaneous values and energy',
    layout: record(
      money,
      money,
      ...times(3, voltage),
      ...times(3, current),
      ...times(4, activePower),
      ...times(4, powerFactor),
      energyKwh,
      skipped(18),
    ),
    access: 'R',
    vendor: true,
  },
]
