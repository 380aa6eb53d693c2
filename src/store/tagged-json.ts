import { crc32 } from 'node:zlib'

const bigTag = '$big'

/** JSON of our own rows: whole numbers beyond doubles (`bigint`) are kept as `{"$big":"…"}`. */
export function toTaggedJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? { [bigTag]: each.toString() } : each))
}

/** Reads what `toTaggedJson` wrote. @throws SyntaxError when the text is damaged */
export function fromTaggedJson(text: string): unknown {
  return JSON.parse(text, (_key, each: unknown) => (isTagged(each) ? BigInt(each[bigTag]) : each))
}

/** Checksum of a row's text, so that a flipped bit is found before the row is believed. */
export function textCrc(text: string): number {
  return crc32(text)
}

function isTagged(value: unknown): value is { readonly [bigTag]: string } {
  if (typeof value !== 'object' || value === null || !(bigTag in value)) return false
  return typeof value[bigTag] === 'string' && Object.keys(value).length === 1
}
