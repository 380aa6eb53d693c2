import { byteAt } from '../wire/bytes.js'
import { exceptionBit, functionOf, type FunctionName } from './functions.js'

/** What the function and byte count of a beginning say of its whole length. */
export type FrameLength =
  | { readonly kind: 'known'; readonly length: number }
  /** The byte count has not come yet. */
  | { readonly kind: 'open' }
  /** No frame of this direction begins so. */
  | { readonly kind: 'none' }

const none: FrameLength = { kind: 'none' }
const open: FrameLength = { kind: 'open' }
const known = (length: number): FrameLength => ({ kind: 'known', length })

/** Longest data of one message: 125 words, or what is left of 256 bytes for writes. */
const readBytesMax = 250
const writeBytesMax = 246

/** The length of a request that begins with these bytes. */
export function requestLength(bytes: Uint8Array): FrameLength {
  if (bytes.length < 2) return open
  const control = byteAt(bytes, 1)
  const fn = functionOf(control)
  if (fn === null || control >= exceptionBit) return none
  switch (fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
    case 'write-coil':
    case 'write-register':
      return known(8)
    case 'write-coils':
    case 'write-registers':
      return counted(bytes, { at: 6, rest: 9, max: writeBytesMax })
    case 'mask-write-register':
      return known(10)
    case 'read-write-registers':
      return counted(bytes, { at: 10, rest: 13, max: writeBytesMax })
  }
}

/** The length of an answer that begins with these bytes. */
export function replyLength(bytes: Uint8Array): FrameLength {
  if (bytes.length < 2) return open
  const control = byteAt(bytes, 1)
  const fn = functionOf(control)
  if (fn === null) return none
  return control >= exceptionBit ? known(5) : normalReplyLength(fn, bytes)
}

/**
 * The lengths that bytes may have as a whole frame of either direction, shortest first, as far as there are so many bytes.
 * `isOpen`: more bytes may make a longer frame.
 */
export function frameLengths(bytes: Uint8Array): { readonly whole: readonly number[]; readonly isOpen: boolean } {
  const both = [requestLength(bytes), replyLength(bytes)]
  const lengths = both.flatMap((each) => (each.kind === 'known' ? [each.length] : []))
  const whole = [...new Set(lengths.filter((length) => length <= bytes.length))].sort((a, b) => a - b)
  return { whole, isOpen: both.some(({ kind }) => kind === 'open') || lengths.some((length) => length > bytes.length) }
}

function normalReplyLength(fn: FunctionName, bytes: Uint8Array): FrameLength {
  switch (fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
    case 'read-write-registers':
      return counted(bytes, { at: 2, rest: 5, max: readBytesMax })
    case 'write-coil':
    case 'write-register':
    case 'write-coils':
    case 'write-registers':
      return known(8)
    case 'mask-write-register':
      return known(10)
  }
}

/** @param place where the byte count stands, how many bytes there are beside what it counts, and the most it can be */
function counted(bytes: Uint8Array, place: { readonly at: number; readonly rest: number; readonly max: number }): FrameLength {
  const count = bytes[place.at]
  if (count === undefined) return open
  return count === 0 || count > place.max ? none : known(place.rest + count)
}
