import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { field, listOf, oneOf, openSection, textLike, whole, type Section } from './map-fields.js'
import {
  bcdWordsMax,
  codeLengthMax,
  exponentMax,
  gapWordsMax,
  isBitRead,
  isFloat,
  markersMax,
  nameLengthMax,
  readFunctions,
  registersMax,
  unitNames,
  valueTypes,
  wordOrders,
  wordsOfType,
  type ModbusMap,
  type ModbusRegister,
} from './register-map.js'
import { addressSpace, readBitsMax, readWordsMax } from './requests.js'

/**
 * A register map of a document that was read from YAML or JSON.
 *
 * @returns the map with every default filled in, or everything that is wrong: `missing`, `unknown-key`, `bad-value`, `duplicate`, each with
 * its place (`registers[2].count`)
 */
export function parseModbusMap(document: unknown): Result<ModbusMap, readonly InputError[]> {
  const problems: InputError[] = []
  const section = openSection(document, '', ['name', 'wordsMax', 'gapMax', 'registers'], problems)
  const map = section === null ? null : readMap(section, problems)
  return map === null || problems.length > 0 ? fail(problems) : ok(map)
}

const nameText = textLike(
  new RegExp(`^(?=.{1,${nameLengthMax}}$)[a-z0-9]+(?:[._-][a-z0-9]+)*$`),
  `small letters and digits, parted by . _ or -, at most ${nameLengthMax}`,
)
const codeText = textLike(
  new RegExp(`^(?=.{1,${codeLengthMax}}$)[a-z0-9]+(?:[.-][a-z0-9]+)*$`),
  `a code of small letters and digits, parted by . or -, at most ${codeLengthMax}`,
)
const remark = textLike(/^[^\p{Cc}]{0,64}$/u, 'text of at most 64 characters')
const factorText = textLike(/^-?(?=.*[1-9])\d{1,9}(\.\d{1,9})?$/, 'decimal text in quotes that is not 0, such as "0.001"')
const marker = textLike(/^0x[0-9A-Fa-f]{1,16}$/, 'hexadecimal text in quotes, such as "0xFFFF"')
const bitName = textLike(/^(?:[a-z0-9]+(?:-[a-z0-9]+)*)?$/, 'a name of small letters and digits parted by -, or ""')

function readMap(section: Section, problems: InputError[]): ModbusMap | null {
  const name = field(section, 'name', undefined, nameText)
  const wordsMax = field(section, 'wordsMax', readWordsMax, whole(1, readWordsMax))
  const gapMax = field(section, 'gapMax', 0, whole(0, gapWordsMax))
  const list = field(section, 'registers', undefined, {
    expected: `a list of 1 to ${registersMax} registers`,
    read: (value) =>
      Array.isArray(value) && value.length > 0 && value.length <= registersMax ? Array.from<unknown>(value) : null,
  })
  if (name === null || wordsMax === null || gapMax === null || list === null) return null
  const registers = list.map((each, index) => {
    const inner = openSection(each, `registers[${index}]`, registerKeys, problems)
    return inner === null ? null : readRegister(inner, wordsMax)
  })
  const good = registers.filter((register) => register !== null)
  noteTwice(registers, problems)
  return { name, wordsMax, gapMax, registers: good }
}

const registerKeys = [
  'code',
  'name',
  'function',
  'address',
  'count',
  'type',
  'wordOrder',
  'exponent',
  'factor',
  'unit',
  'invalid',
  'bits',
] as const satisfies readonly (keyof ModbusRegister)[]

function readRegister(section: Section, wordsMax: number): ModbusRegister | null {
  const type = field(section, 'type', undefined, oneOf(valueTypes))
  const parts = {
    code: field(section, 'code', undefined, codeText),
    name: field(section, 'name', '', remark),
    function: field(section, 'function', undefined, oneOf(readFunctions)),
    address: field(section, 'address', undefined, whole(0, addressSpace - 1)),
    count: field(section, 'count', type === null ? 1 : (wordsOfType(type) ?? 1), whole(1, readBitsMax)),
    wordOrder: field(section, 'wordOrder', 'high-first', oneOf(wordOrders)),
    // A float has no decimals of its own: how many are kept must be said.
    exponent: field(section, 'exponent', type !== null && isFloat(type) ? undefined : 0, whole(-exponentMax, exponentMax)),
    factor: field(section, 'factor', '1', factorText),
    unit: field(section, 'unit', '', oneOf(unitNames)),
    invalid: field(section, 'invalid', [], listOf(marker, markersMax)),
    bits: field(section, 'bits', [], listOf(bitName, readBitsMax)),
  }
  const { code, name, address, count, wordOrder, exponent, factor, unit, invalid, bits } = parts
  if (type === null || code === null || name === null || parts.function === null || address === null || count === null)
    return null
  if (wordOrder === null || exponent === null || factor === null || unit === null || invalid === null || bits === null)
    return null
  const rest = { wordOrder, exponent, factor, unit, invalid: invalid.map((each) => each.toUpperCase().replace('X', 'x')), bits }
  const register: ModbusRegister = { code, name, function: parts.function, address, count, type, ...rest }
  checkBetween(register, wordsMax, section)
  return register
}

/** Rules between the fields of one register. */
function checkBetween(register: ModbusRegister, wordsMax: number, { note }: Section): void {
  const { type, count, address, bits } = register
  const size = wordsOfType(type) ?? count
  const most = isBitRead(register) ? readBitsMax : type === 'bcd' ? bcdWordsMax : wordsMax
  if (isBitRead(register) && type !== 'bits') note('type', 'bad-value', 'functions 1 and 2 bring bits')
  else if (count > most) note('count', 'bad-value', `expected at most ${most}`)
  else if (count % size !== 0) note('count', 'bad-value', `expected a multiple of the ${size} words of ${type}`)
  if (address + count > addressSpace) note('address', 'bad-value', `${count} from ${address} on go beyond the last address`)
  if (bits.length > (isBitRead(register) ? count : 16 * count)) note('bits', 'bad-value', 'there are more names than bits')
  if (bits.length > 0 && type !== 'bits') note('bits', 'bad-value', 'only flags have names')
  const width = isBitRead(register) ? Math.ceil(count / 4) : 4 * size
  if (register.invalid.some((each) => each.replace(/^0x0*/, '').length > width))
    note('invalid', 'bad-value', `expected at most ${width} digits behind 0x, the width of one value`)
}

function noteTwice(registers: readonly (ModbusRegister | null)[], problems: InputError[]): void {
  const codes = new Set<string>()
  for (const [index, register] of registers.entries()) {
    if (register === null) continue
    if (codes.has(register.code)) {
      problems.push({ code: 'duplicate', at: `registers[${index}].code`, message: `${register.code} stands in the map twice` })
    }
    codes.add(register.code)
  }
}
