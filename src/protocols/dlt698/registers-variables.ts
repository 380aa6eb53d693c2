import { bits, fields, list, number, plain, type ObjectEntry, type Shape } from './fields.js'

/**
 * Bits of running status word 3 that speak of the relay: meters hold them there (facts §4.6, own), with the places they have in that
 * word of DL/T 645 meters.
 */
const relayWordBits = [
  '',
  '',
  '',
  '',
  'relay-open',
  '',
  'relay-command-trip',
  'pre-trip-alarm',
  '',
  '',
  '',
  '',
  'power-protection',
] as const

/** Attribute 2 of objects that have nothing else here. */
const rows: readonly (readonly [oi: string, name: string, shape: Shape])[] = [
  ['2000', 'voltage', list(number('V', -1))],
  ['2001', 'current', list(number('A', -3))],
  ['2002', 'voltage angle', list(number('°', -1))],
  ['2003', 'voltage to current angle', list(number('°', -1))],
  ['2004', 'active power', list(number('W', -1))],
  ['2005', 'reactive power', list(number('var', -1))],
  ['2006', 'apparent power', list(number('VA', -1))],
  ['2007', 'one-minute average active power', list(number('W', -1))],
  ['2008', 'one-minute average reactive power', list(number('var', -1))],
  ['2009', 'one-minute average apparent power', list(number('VA', -1))],
  ['200A', 'power factor', list(number('', -3))],
  ['200B', 'distortion of voltage', list(number('%', -2))],
  ['200C', 'distortion of current', list(number('%', -2))],
  ['200F', 'frequency', number('Hz', -2)],
  ['2010', 'inside temperature', number('°C', -1)],
  ['2011', 'clock battery voltage', number('V', -2)],
  ['2012', 'reading battery voltage', number('V', -2)],
  ['2013', 'battery working time', number('min', 0)],
  ['2017', 'present active demand', number('kW', -4)],
  ['2018', 'present reactive demand', number('kvar', -4)],
  ['2026', 'unbalance of voltage', number('%', -2)],
  ['2027', 'unbalance of current', number('%', -2)],
  ['202C', 'remaining money and number of purchases', fields(number('yuan', -2), number('', 0))],
  ['202D', 'overdraft', number('yuan', -2)],
  ['202E', 'total purchase', number('yuan', -2)],
  ['2021', 'freeze time', plain],
  ['2022', 'event record number', number('', 0)],
  ['2023', 'freeze record number', number('', 0)],
  ['2024', 'event source', plain],
  ['201E', 'event start', plain],
  ['2020', 'event end', plain],
]

/** Variables (facts §4.2), the columns of records among them. The running status words are found by their element. */
export const variableRegisters: readonly ObjectEntry[] = [
  ...rows.map(([oi, name, shape]): ObjectEntry => ({ ois: [oi], attribute: 2, name, shape })),
  { ois: ['2014'], attribute: 2, name: 'running status words', shape: list(bits()) },
]

/** Running status words by element 1 to 7: only word 3 has names. */
export const statusWordShapes: readonly Shape[] = [bits(), bits(), bits(...relayWordBits), bits(), bits(), bits(), bits()]
