import { countText, fail, ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import { joinBytes } from '../wire/bytes.js'
import { bytesOfFields, type Field, type FreezeItem, type Layout } from './fields.js'
import { decodeLoadRecords } from './load-record.js'
import { minuteText } from './local-times.js'
import { decodeField, encodeField, type PlainValue } from './values.js'

/**
 * The values of a register's data, in order.
 *
 * @returns `bad-length` when the data are not made as the layout says, `bad-digit` when a digit exceeds 9 or a date is none
 */
export function decodeLayout(data: Uint8Array, layout: Layout): Result<readonly RegisterValue[], InputError> {
  switch (layout.kind) {
    case 'record':
      return decodeRecord(data, layout.fields)
    case 'list':
      return decodeList(data, layout.fields, layout.most)
    case 'either': {
      const results = layout.layouts.map((each) => decodeLayout(data, each))
      return results.find((result) => result.ok || result.error.code !== 'bad-length') ?? badLength(data)
    }
    case 'freeze':
      return decodeFreeze(data, layout.items)
    case 'load': {
      const records = decodeLoadRecords(data, layout.loadClass)
      if (!records.ok) return records
      return ok(records.value.flatMap(({ at, values }) => [{ kind: 'text', text: minuteText(at), unit: '' } as const, ...values]))
    }
  }
}

/**
 * The data of a register from its values, as a meter sends them.
 *
 * @throws RangeError when the values do not fit; for load records, which `encodeLoadRecords` makes
 */
export function encodeLayout(values: readonly PlainValue[], layout: Layout): Uint8Array {
  const rest = [...values]
  const data = encodeRest(rest, layout)
  if (rest.length > 0) throw new RangeError(`${rest.length} values too many for the register`)
  return data
}

/** Between groups, and behind the last one, some meters put AA; behind the last one also DD was seen (facts §4.9). */
const separator = 0xaa
const oddEnd = 0xdd

function decodeRecord(data: Uint8Array, fields: readonly Field[]): Result<readonly RegisterValue[], InputError> {
  const only = fields.length === 1 ? fields[0] : undefined
  if (only?.kind === 'ascii') return decodeFields(data, [{ kind: 'ascii', bytes: data.length }])
  const bytes = stripEnd(data, bytesOfFields(fields))
  return bytes.length === bytesOfFields(fields) ? decodeFields(bytes, fields) : badLength(data)
}

function decodeList(data: Uint8Array, fields: readonly Field[], most: number): Result<readonly RegisterValue[], InputError> {
  const size = bytesOfFields(fields)
  const groups = splitGroups(stripEnd(data, size), size)
  if (groups === null || groups.length === 0 || groups.length > most * size) return badLength(data)
  return decodeFields(groups, times(groups.length / size, fields))
}

/** Without the one odd byte that some meters send behind whole elements. */
function stripEnd(data: Uint8Array, size: number): Uint8Array {
  const last = data[data.length - 1]
  return data.length > size && data.length % size === 1 % size && (last === separator || last === oddEnd)
    ? data.subarray(0, -1)
    : data
}

/**
 * The elements without the AA between groups; null when they do not come out as whole elements. Lengths are preferred: data in
 * which the AA do not part whole elements are left as they are, and fail as digits. Valid digits never hold AA.
 */
function splitGroups(data: Uint8Array, size: number): Uint8Array | null {
  const groups = splitAt(stripSeparator(data), separator)
  if (groups.every((group) => group.length > 0 && group.length % size === 0)) return joinBytes(groups)
  return data.length % size === 0 ? data : null
}

function splitAt(data: Uint8Array, byte: number): readonly Uint8Array[] {
  const groups: Uint8Array[] = []
  let start = 0
  for (let at = data.indexOf(byte); at >= 0; at = data.indexOf(byte, start)) {
    groups.push(data.subarray(start, at))
    start = at + 1
  }
  return [...groups, data.subarray(start)]
}

/** With AA between the items each one's length is its own; without, the number of tariffs follows from the whole. */
function decodeFreeze(data: Uint8Array, items: readonly FreezeItem[]): Result<readonly RegisterValue[], InputError> {
  const parts = splitAt(stripSeparator(data), separator)
  const known = items.map((item, index) => fieldsOfPart(item, parts[index])).filter((fields) => fields !== null)
  if (parts.length === items.length && known.length === items.length) return decodeFields(joinBytes(parts), known.flat())
  const once = bytesOfFields(items.filter((item) => !item.perTariff).flatMap((item) => item.fields))
  const each = bytesOfFields(items.filter((item) => item.perTariff).flatMap((item) => item.fields))
  const tariffs = each === 0 ? 0 : (data.length - once) / each
  const fits = each === 0 ? data.length === once : Number.isInteger(tariffs) && tariffs >= 1
  return fits ? decodeFields(data, fieldsOfFreeze(items, tariffs)) : badLength(data)
}

const stripSeparator = (data: Uint8Array) => (data[data.length - 1] === separator ? data.subarray(0, -1) : data)

/** The fields of one item's own part; an item the meter does not freeze is empty. Null: the part is none of this item. */
function fieldsOfPart(item: FreezeItem, part: Uint8Array | undefined): readonly Field[] | null {
  const size = bytesOfFields(item.fields)
  if (part === undefined || part.length % size !== 0 || (part.length > size && !item.perTariff)) return null
  return times(part.length / size, item.fields)
}

function fieldsOfFreeze(items: readonly FreezeItem[], tariffs: number): readonly Field[] {
  return items.flatMap((item) => times(item.perTariff ? tariffs : 1, item.fields))
}

function decodeFields(data: Uint8Array, fields: readonly Field[]): Result<readonly RegisterValue[], InputError> {
  const values: RegisterValue[] = []
  let at = 0
  for (const field of fields) {
    const decoded = decodeField(data.subarray(at, at + field.bytes), field)
    if (decoded === null) {
      const message = field.kind === 'time' ? 'expected a date or time in decimal digits' : 'expected decimal digits'
      return fail({ code: 'bad-digit', at: `data byte ${at}`, message })
    }
    values.push(...decoded)
    at += field.bytes
  }
  return ok(values)
}

function encodeRest(rest: PlainValue[], layout: Layout): Uint8Array {
  switch (layout.kind) {
    case 'record':
      return joinBytes(layout.fields.map((field) => encodeField(rest, field)))
    case 'list': {
      const parts: Uint8Array[] = []
      while (rest.length > 0) parts.push(...layout.fields.map((field) => encodeField(rest, field)))
      return joinBytes(parts)
    }
    case 'either':
      return encodeEither(rest, layout.layouts)
    case 'freeze':
      return encodeFreeze(rest, layout.items)
    case 'load':
      throw new RangeError('load records are made by encodeLoadRecords')
  }
}

/** The first layout takes as many values as are given, or the next one is tried. */
function encodeEither(rest: PlainValue[], layouts: readonly Layout[]): Uint8Array {
  for (const layout of layouts) {
    const fits = layout.kind === 'list' || (layout.kind === 'record' && layout.fields.length === rest.length)
    if (fits) return encodeRest(rest, layout)
  }
  throw new RangeError(`${rest.length} values fit none of the register's layouts`)
}

function encodeFreeze(rest: PlainValue[], items: readonly FreezeItem[]): Uint8Array {
  const countOf = (perTariff: boolean) =>
    items.filter((item) => item.perTariff === perTariff).flatMap((item) => item.fields).length
  const each = countOf(true)
  const tariffs = each === 0 ? 0 : (rest.length - countOf(false)) / each
  if (!Number.isInteger(tariffs)) throw new RangeError('the values are no whole number of tariffs')
  const parts = items.map((item) => joinBytes(fieldsOfFreeze([item], tariffs).map((field) => encodeField(rest, field))))
  return joinBytes(parts.flatMap((part, index) => (index === 0 ? [part] : [[separator], part])))
}

const times = (count: number, fields: readonly Field[]): readonly Field[] => Array.from({ length: count }, () => fields).flat()

const badLength = (data: Uint8Array) =>
  fail({
    code: 'bad-length',
    at: 'data',
    message: `${countText(data.length, 'byte is', 'bytes are')} not the length of this register`,
  })
