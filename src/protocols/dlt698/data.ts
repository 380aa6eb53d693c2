import type { Form } from './forms.js'
import type { Reader, Writer } from './reader.js'
import {
  columnForm,
  columnsForm,
  meterSetForm,
  regionForm,
  roadForm,
  securityIdForm,
  securityMacForm,
  selectorForm,
} from './selectors.js'

/** A value with its type, as it stands on the wire: integers unscaled, everything else as hexadecimal text (facts §2.3). */
export type Data =
  | { readonly type: 'null' }
  | { readonly type: 'array' | 'structure'; readonly items: readonly Data[] }
  | { readonly type: 'bool'; readonly value: boolean }
  /** The first bit is the highest of the first byte. */
  | { readonly type: 'bit-string'; readonly bits: number; readonly hex: string }
  | { readonly type: SmallType; readonly value: number }
  | { readonly type: WideType; readonly value: bigint }
  | { readonly type: BlockType; readonly hex: string }

/** Integers that a number holds exactly. */
export type SmallType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'enum'
/** Integers of eight bytes. */
export type WideType = 'int64' | 'uint64'
/** Types of fixed width, with their own length in front, or with a structure of their own. */
export type BlockType = keyof typeof fixedTypes | keyof typeof countedTypes | keyof typeof structuredTypes

/** One value of any type, arrays and structures in one another up to `nestingMax`. */
export const dataForm: Form<Data> = {
  read: (reader) => {
    const tag = reader.number(1)
    const type = typeOfTag.get(tag)
    if (type === undefined) reader.fail('unknown-type', `${tag.toString(16).padStart(2, '0')} is no type of data`)
    return readAs(type ?? 'null', reader)
  },
  write: (data, writer) => {
    writer.number(tagOfType[data.type], 1)
    writeContent(data, writer)
  },
}

/** Tags by type; hexadecimal, as everywhere on the wire. */
export const tagOfType = {
  null: 0x00,
  array: 0x01,
  structure: 0x02,
  bool: 0x03,
  'bit-string': 0x04,
  int32: 0x05,
  uint32: 0x06,
  'octet-string': 0x09,
  'visible-string': 0x0a,
  'utf8-string': 0x0c,
  int8: 0x0f,
  int16: 0x10,
  uint8: 0x11,
  uint16: 0x12,
  int64: 0x14,
  uint64: 0x15,
  enum: 0x16,
  float32: 0x17,
  float64: 0x18,
  date_time: 0x19,
  date: 0x1a,
  time: 0x1b,
  date_time_s: 0x1c,
  OI: 0x50,
  OAD: 0x51,
  ROAD: 0x52,
  OMD: 0x53,
  TI: 0x54,
  TSA: 0x55,
  MAC: 0x56,
  RN: 0x57,
  Region: 0x58,
  'scaler-unit': 0x59,
  RSD: 0x5a,
  CSD: 0x5b,
  MS: 0x5c,
  SID: 0x5d,
  SID_MAC: 0x5e,
  COMDCB: 0x5f,
  RCSD: 0x60,
} as const satisfies Record<Data['type'], number>

const typeOfTag: ReadonlyMap<number, Data['type']> = new Map(typesByTag())

function* typesByTag(): Iterable<[number, Data['type']]> {
  let type: keyof typeof tagOfType
  for (type in tagOfType) yield [tagOfType[type], type]
}

/** Widths in bytes. COMDCB: speed, parity, data bits, stop bits, flow control (own knowledge). */
const fixedTypes = {
  float32: 4,
  float64: 8,
  date_time: 10,
  date: 5,
  time: 3,
  date_time_s: 7,
  OI: 2,
  OAD: 4,
  OMD: 4,
  TI: 3,
  'scaler-unit': 2,
  COMDCB: 5,
} as const

const countedTypes = {
  'octet-string': true,
  'visible-string': true,
  'utf8-string': true,
  TSA: true,
  MAC: true,
  RN: true,
} as const

// Functions, because the forms hold data themselves: the two files need one another.
const structuredTypes = {
  ROAD: () => roadForm,
  Region: () => regionForm,
  RSD: () => selectorForm,
  CSD: () => columnForm,
  MS: () => meterSetForm,
  SID: () => securityIdForm,
  SID_MAC: () => securityMacForm,
  RCSD: () => columnsForm,
} as const

const smallTypes: Readonly<Record<SmallType, { readonly bytes: number; readonly signed: boolean }>> = {
  int8: { bytes: 1, signed: true },
  uint8: { bytes: 1, signed: false },
  int16: { bytes: 2, signed: true },
  uint16: { bytes: 2, signed: false },
  int32: { bytes: 4, signed: true },
  uint32: { bytes: 4, signed: false },
  enum: { bytes: 1, signed: false },
}

function readAs(type: Data['type'], reader: Reader): Data {
  switch (type) {
    case 'null':
      return { type }
    case 'array':
    case 'structure':
      return { type, items: reader.nested(() => Array.from({ length: reader.count() }, () => dataForm.read(reader)), []) }
    case 'bool':
      return { type, value: reader.number(1) !== 0 }
    case 'bit-string': {
      const bits = reader.length()
      return { type, bits, hex: reader.hex(Math.ceil(bits / 8)) }
    }
    case 'int64':
      return { type, value: BigInt.asIntN(64, readWide(reader)) }
    case 'uint64':
      return { type, value: readWide(reader) }
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'enum':
      return { type, value: readSmall(smallTypes[type], reader) }
    case 'octet-string':
    case 'visible-string':
    case 'utf8-string':
    case 'TSA':
    case 'MAC':
    case 'RN':
      return { type, hex: reader.hex(reader.count()) }
    case 'float32':
    case 'float64':
    case 'date_time':
    case 'date':
    case 'time':
    case 'date_time_s':
    case 'OI':
    case 'OAD':
    case 'OMD':
    case 'TI':
    case 'scaler-unit':
    case 'COMDCB':
      return { type, hex: reader.hex(fixedTypes[type]) }
    case 'ROAD':
    case 'Region':
    case 'RSD':
    case 'CSD':
    case 'MS':
    case 'SID':
    case 'SID_MAC':
    case 'RCSD':
      return { type, hex: reader.nested(() => extentOf(structuredTypes[type](), reader), '') }
  }
}

function writeContent(data: Data, writer: Writer): void {
  if ('items' in data) {
    writer.length(data.items.length)
    for (const item of data.items) dataForm.write(item, writer)
  } else if ('bits' in data) {
    writer.length(data.bits)
    writer.hex(data.hex, Math.ceil(data.bits / 8))
  } else if ('hex' in data) {
    if (data.type in countedTypes) writer.length(data.hex.length / 2)
    writer.hex(data.hex, bytesOfBlock(data.type, data.hex))
  } else if ('value' in data) {
    writeValue(data, writer)
  }
}

function writeValue(data: Extract<Data, { readonly value: unknown }>, writer: Writer): void {
  switch (data.type) {
    case 'bool':
      return writer.number(data.value ? 1 : 0, 1)
    case 'int64':
    case 'uint64':
      return writer.hex(wideHex(data), 8)
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'enum':
      return writer.number(unsignedOf(data.value, smallTypes[data.type]), smallTypes[data.type].bytes)
  }
}

/** Takes what a form reads and keeps its bytes. */
function extentOf(form: Form<unknown>, reader: Reader): string {
  const start = reader.at()
  form.read(reader)
  return reader.since(start)
}

function readSmall({ bytes, signed }: (typeof smallTypes)[SmallType], reader: Reader): number {
  const value = reader.number(bytes)
  return signed && value >= 2 ** (8 * bytes - 1) ? value - 2 ** (8 * bytes) : value
}

const readWide = (reader: Reader): bigint => BigInt(`0x0${reader.hex(8)}`)

function wideHex({ type, value }: { readonly type: WideType; readonly value: bigint }): string {
  const unsigned = BigInt.asUintN(64, value)
  const isWhole = type === 'int64' ? BigInt.asIntN(64, value) === value : unsigned === value
  if (!isWhole) throw new RangeError(`${value} is no ${type}`)
  return unsigned.toString(16).padStart(16, '0')
}

/** Two's complement, where it fits. */
function unsignedOf(value: number, { bytes, signed }: (typeof smallTypes)[SmallType]): number {
  const half = 2 ** (8 * bytes - 1)
  if (signed && (value >= half || value < -half)) throw new RangeError(`${value} does not fit ${bytes} signed bytes`)
  return signed && value < 0 ? value + 2 * half : value
}

const widths: ReadonlyMap<string, number> = new Map(Object.entries(fixedTypes))
const bytesOfBlock = (type: BlockType, hex: string): number => widths.get(type) ?? hex.length / 2
