import {
  activePower,
  bits,
  combinedKvarh,
  count,
  current,
  energyKvarh,
  energyKwh,
  fullTime,
  hex,
  minuteTime,
  minutes,
  money,
  number,
  powerFactor,
  reactivePower,
  record,
  time,
  times,
  voltage,
  type Field,
  type RegisterEntry,
} from './fields.js'

/** Forward, reverse, combined reactive 1 and 2. */
export const fourEnergies: readonly Field[] = [energyKwh, energyKwh, combinedKvarh, combinedKvarh]
/** U, I, P, Q and power factor of a phase. */
export const phaseState: readonly Field[] = [voltage, current, activePower, reactivePower, powerFactor]
/** Ampere-hours of the total and of phases A, B, C. */
export const ampereHours: readonly Field[] = times(4, number('Ah', 4, 2))

/** The n-th last of ten. */
const nth = '01-0A'
const row = (di: string, name: string, ...fields: readonly Field[]): RegisterEntry => ({
  di,
  name,
  layout: record(...fields),
  access: 'R',
})

const span = [fullTime, fullTime]
const phases = times(3, ...fourEnergies, ...phaseState)
const voltageEvent = [...span, ...fourEnergies, ...phases, ...ampereHours]
const currentEvent = [...span, ...fourEnergies, ...phases]
const energyEvent = [...span, ...times(4, ...fourEnergies)]
const imbalanceEvent = [...span, number('%', 2, 2), ...times(4, ...fourEnergies)]

/** Forward, reverse, quadrants 1 to 4. */
const sixEnergies: readonly Field[] = [energyKwh, energyKwh, ...times(4, energyKvarh)]
/** The same as demands, each with its time. */
const sixDemands: readonly Field[] = [...times(2, number('kW', 3, 4), minuteTime), ...times(4, number('kvar', 3, 4), minuteTime)]
const operator = hex(4)
const register = hex(4)
const coverEvent = [...span, ...times(2, ...sixEnergies)]

/** Supply and power events `0301 …` to `0312 …` (facts §8.9). Counts and minutes come in pairs, for phases A, B, C. */
const supplyEvents: readonly RegisterEntry[] = [
  row(
    '03.01-04.00.00',
    'voltage loss, under-voltage, over-voltage, phase break: counts and minutes',
    ...times(3, count, minutes),
  ),
  row(`03.01-04.01-03.${nth}`, 'voltage loss, under-voltage, over-voltage, phase break: record', ...voltageEvent),
  row('03.05-0A.00.00', 'all-phase loss, auxiliary supply, sequence, imbalance: count and minutes', count, minutes),
  row(`03.05.00.${nth}`, 'all-phase loss: record', fullTime, number('A', 3, 3), fullTime),
  row(`03.06.00.${nth}`, 'auxiliary supply loss: record', ...span),
  row(`03.07,08.00.${nth}`, 'voltage, current sequence reverse: record', ...energyEvent),
  row(`03.09,0A.00.${nth}`, 'voltage, current imbalance: record', ...imbalanceEvent),
  row(
    '03.0B-0F.00.00',
    'current loss, over-current, current break, reverse, overload: counts and minutes',
    ...times(3, count, minutes),
  ),
  row(`03.0B-0D.01-03.${nth}`, 'current loss, over-current, current break: record', ...currentEvent),
  row(`03.0E,0F.01-03.${nth}`, 'power reverse, overload: record', ...energyEvent),
  row(
    '03.10.00-03.00-0C',
    'voltage quality of a month',
    minutes,
    number('%', 3, 2),
    number('%', 3, 2),
    minutes,
    minutes,
    number('V', 2, 1),
    time('MMDDhhmm'),
    number('V', 2, 1),
    time('MMDDhhmm'),
  ),
  row('03.11.00.00', 'power-down: count', count),
  row(`03.11.00.${nth}`, 'power-down: record', ...span),
  row('03.12.00.00', 'demand over limit: counts', ...times(6, count)),
  row(`03.12.01,02.${nth}`, 'active demand over limit: record', ...span, number('kW', 3, 4), minuteTime),
  row(`03.12.03-06.${nth}`, 'reactive demand over limit: record', ...span, number('kvar', 3, 4), minuteTime),
]

/** What was done to the meter, `0330 …` (facts §8.9). */
const operationEvents: readonly RegisterEntry[] = [
  row('03.30.00-0E.00', 'programming, clears, clock set, table programming, covers: count', count),
  row(`03.30.00.${nth}`, 'programming: record', fullTime, operator, ...times(10, register)),
  row(`03.30.01.${nth}`, 'meter clear: record', fullTime, operator, ...times(4, ...sixEnergies)),
  row(`03.30.02.${nth}`, 'demand clear: record', fullTime, operator, ...times(4, ...sixDemands)),
  row(`03.30.03.${nth}`, 'event clear: record', fullTime, operator, register),
  row(`03.30.04.${nth}`, 'clock set: record', operator, fullTime, fullTime),
  row(`03.30.07,09-0B.${nth}`, 'weekend or combination programming: record', fullTime, operator, bits(1)),
  row(`03.30.0C.${nth}`, 'settlement day programming: record', fullTime, operator, ...times(3, time('DDhh'))),
  row(`03.30.0D.${nth}`, 'meter cover open: record', ...coverEvent),
  row(`03.30.0E.${nth}`, 'terminal cover open: record', ...coverEvent),
  row('03.35.00.00', 'magnetic field: count', count),
  row(`03.35.00.${nth}`, 'magnetic field: record', ...span, ...times(4, energyKwh)),
]

/** Purchases, of energy `0332` and of money `0333` (facts §8.9). */
const purchases = (di: string, name: string, amount: Field): readonly RegisterEntry[] => [
  row(`${di}.01.${nth}`, `${name}: date`, minuteTime),
  row(`${di}.02.${nth}`, `${name}: count after it`, number('', 2, 0)),
  row(`${di}.03.${nth}`, `${name}: amount`, amount),
  row(`${di}.04.${nth}`, `${name}: balance before`, amount),
  row(`${di}.05.${nth}`, `${name}: balance after`, amount),
  row(`${di}.06.${nth}`, `${name}: cumulative purchases`, amount),
]

/** Events `03 …` of the 2007 text (facts §8.9). Table programming and refunds vary in length and stay raw. */
export const eventRegisters: readonly RegisterEntry[] = [
  ...supplyEvents,
  ...operationEvents,
  ...purchases('03.32', 'purchase of energy', energyKwh),
  ...purchases('03.33', 'purchase of money', money),
]
