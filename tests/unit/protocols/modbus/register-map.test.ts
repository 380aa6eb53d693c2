import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { parse } from 'yaml'
import {
  isBitRead,
  modbusProtocol,
  parseModbusMap,
  planBlocks,
  registersMax,
  unitNames,
  valueTypes,
  wordsOfType,
  type ModbusMap,
} from '../../../../src/protocols/modbus/index.js'
import { valueOf } from '../../../helpers/outcome.js'
import { projectRoot } from '../../../helpers/root.js'

const register = { code: 'energy', function: 3, address: 0, type: 'u32' }
const problems = (document: unknown) => {
  const map = parseModbusMap(document)
  return map.ok ? [] : map.error.map(({ code, at }) => `${code} ${at}`)
}
const problemsOf = (fields: Readonly<Record<string, unknown>>) => problems({ name: 'x', registers: [{ ...register, ...fields }] })

await t.test('what a document leaves out is filled in', async (t) => {
  t.strictSame(valueOf(parseModbusMap({ name: 'meter-1', registers: [register] })), {
    name: 'meter-1',
    wordsMax: 125,
    gapMax: 0,
    registers: [
      {
        ...register,
        name: '',
        count: 2,
        wordOrder: 'high-first',
        exponent: 0,
        factor: '1',
        unit: '',
        invalid: [],
        bits: [],
      },
    ],
  })
})

await t.test('the maps of config/modbus are right, and their neighbours are read together', async (t) => {
  const folder = join(projectRoot(), 'config/modbus')
  const requests: Readonly<Record<string, number>> = {
    'feeder-protection.yaml': 2,
    'three-phase-supply-meter.yaml': 2,
    'transformer-sensor.yaml': 2,
  }
  const files = readdirSync(folder).sort()
  t.strictSame(files, Object.keys(requests))
  for (const file of files) {
    const map = valueOf(parseModbusMap(parse(readFileSync(join(folder, file), 'utf8'))))
    t.equal(`${map.name}.yaml`, file)
    t.equal(planBlocks(map.registers, map).length, requests[file], file)
    t.equal(modbusProtocol(map).name, `modbus-rtu:${map.name}`)
  }
})

await t.test('everything that is wrong is told at once, with its place', async (t) => {
  t.strictSame(problems(null), ['bad-value (top)'])
  t.strictSame(problems([]), ['bad-value (top)'])
  t.strictSame(problems({}), ['missing name', 'missing registers'])
  t.strictSame(problems({ name: 'X', wordsMax: 126, gapMax: -1, registers: [], more: 1 }), [
    'unknown-key more',
    'bad-value name',
    'bad-value wordsMax',
    'bad-value gapMax',
    'bad-value registers',
  ])
  t.strictSame(problems({ name: 'x', registers: Array.from({ length: registersMax + 1 }, () => register) }), [
    'bad-value registers',
  ])
  t.strictSame(problems({ name: 'x', registers: ['energy', { colour: 1 }, register, register] }), [
    'bad-value registers[0]',
    'unknown-key registers[1].colour',
    'missing registers[1].type',
    'missing registers[1].code',
    'missing registers[1].function',
    'missing registers[1].address',
    'duplicate registers[3].code',
  ])
  const error = parseModbusMap({ name: 'x', registers: [{ ...register, unit: 'furlong', address: undefined }] })
  t.match(error, {
    ok: false,
    error: [
      { at: 'registers[0].address', message: 'is missing: expected a whole number from 0 to 65535' },
      { at: 'registers[0].unit', message: /^expected one of kWh, .* ""$/ },
    ],
  })
})

await t.test('each field has its limits', async (t) => {
  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['code', { code: 'Energy' }],
    ['code', { code: 'e'.repeat(33) }],
    ['name', { name: 'a\nb' }],
    ['function', { function: 5 }],
    ['function', { function: '3' }],
    ['address', { address: 65_536 }],
    ['address', { address: 65_535 }],
    ['address', { address: 1.5 }],
    ['type', { type: 'u8' }],
    ['type', { type: 'u16', function: 1 }],
    ['count', { count: 0 }],
    ['count', { count: 3 }],
    ['count', { count: 126 }],
    ['count', { type: 'bcd', count: 5 }],
    ['count', { type: 'bits', function: 2, count: 2001 }],
    ['wordOrder', { wordOrder: 'swapped' }],
    ['exponent', { exponent: 10 }],
    ['factor', { factor: 0.1 }],
    ['factor', { factor: '0.000' }],
    ['factor', { factor: '1e3' }],
    ['invalid', { invalid: ['FFFF'] }],
    ['invalid', { invalid: '0xFFFF' }],
    ['invalid', { invalid: ['0x1FFFFFFFF'] }],
    ['invalid', { invalid: Array.from({ length: 9 }, () => '0x1') }],
    ['bits', { bits: ['on'] }],
    ['bits', { type: 'bits', bits: ['On'] }],
    ['bits', { type: 'bits', bits: Array.from({ length: 17 }, () => 'on') }],
    ['bits', { type: 'bits', function: 1, count: 2, bits: ['a', 'b', 'c'] }],
  ]
  for (const [at, fields] of bad) t.strictSame(problemsOf(fields), [`bad-value registers[0].${at}`], JSON.stringify(fields))
  t.strictSame(
    problemsOf({ type: 'f32' }),
    ['missing registers[0].exponent'],
    'how many decimals of a float are kept must be said',
  )
  t.strictSame(problems({ name: 'x', wordsMax: 4, registers: [{ ...register, count: 6 }] }), ['bad-value registers[0].count'])
  const good: readonly Readonly<Record<string, unknown>>[] = [
    { type: 'bits', function: 2, count: 2000, invalid: ['0x0'] },
    { type: 'bits', function: 1, count: 2, bits: ['a', ''] },
    { type: 'bits', bits: Array.from({ length: 16 }, (_, bit) => `b${bit}`) },
    { type: 'f64', exponent: -3, count: 8 },
    { address: 65_534 },
    { factor: '-0.005' },
    { invalid: ['0x00000000ffffffff'] },
  ]
  for (const fields of good) t.strictSame(problemsOf(fields), [], JSON.stringify(fields))
})

await t.test('a map that was read is read again to itself', async (t) => {
  const anyRegister = fc
    .record({
      type: fc.constantFrom(...valueTypes),
      values: fc.integer({ min: 1, max: 4 }),
      address: fc.integer({ min: 0, max: 65_000 }),
      wordOrder: fc.constantFrom('high-first', 'low-first'),
      exponent: fc.integer({ min: -9, max: 9 }),
      factor: fc.constantFrom('1', '0.1', '-2.5'),
      unit: fc.constantFrom(...unitNames),
      invalid: fc.array(fc.constantFrom('0xffff', '0x7FFF'), { maxLength: 3 }),
    })
    .map(({ type, values, ...rest }) => ({ ...rest, type, count: values * (wordsOfType(type) ?? 1), function: 3 as const }))
  fc.assert(
    fc.property(fc.array(anyRegister, { minLength: 1, maxLength: 5 }), (registers) => {
      const document = { name: 'x', registers: registers.map((each, index) => ({ ...each, code: `r${index}` })) }
      const map: ModbusMap = valueOf(parseModbusMap(document))
      return JSON.stringify(valueOf(parseModbusMap(map))) === JSON.stringify(map)
    }),
  )
  t.ok(isBitRead({ function: 2 }))
  t.throws(() => modbusProtocol({ name: 'x', wordsMax: 0, gapMax: 0, registers: [] }), /wordsMax expected/)
})
