import type { Scanner } from '../../src/ports/index.js'

/** The meter's frame within the bytes that a module carried; null: it is not in them. */
export function carriedReply(
  scanner: Scanner,
  bytes: Uint8Array,
): { readonly frame: Uint8Array; readonly noiseBytes: number } | null {
  const found = findFrame(scanner, bytes, 0)
  return found === null ? null : { frame: found.frame, noiseBytes: bytes.length - found.frame.length }
}

/**
 * The frames of one meter that answer several requests which travelled together, in the order of these; null: none that is certain.
 * A refusal may say nothing of what is refused. Where every request finds its frame behind the one before, the order tells; where any is
 * missing, only frames count that answer one of the requests and no other.
 */
export function carriedReplies(scanners: readonly Scanner[], bytes: Uint8Array): readonly (Uint8Array | null)[] {
  const inOrder: Uint8Array[] = []
  let at = 0
  for (const scanner of scanners) {
    const found = findFrame(scanner, bytes, at)
    if (found === null) break
    inOrder.push(found.frame)
    at = found.end
  }
  if (inOrder.length === scanners.length) return inOrder
  return scanners.map((scanner) => {
    const others = scanners.filter((other) => other !== scanner)
    for (let found = findFrame(scanner, bytes, 0); found !== null; found = findFrame(scanner, bytes, found.end)) {
      const { frame } = found
      if (others.every((other) => other(frame).kind !== 'frame')) return frame
    }
    return null
  })
}

/** Of whom the frames of DL/T 645 and 698.45 within the bytes say that they are: 12 digits each. Nothing of them is checked. */
export function carriedAddresses(bytes: Uint8Array): readonly string[] {
  const found: string[] = []
  for (let at = 1; at + addressBytes <= bytes.length; at++) {
    const is645 = bytes[at - 1] === startByte && bytes[at + addressBytes] === startByte
    // Length, control field, and a single address of six bytes.
    const is698 = at >= 5 && bytes[at - 5] === startByte && (bytes[at - 1] ?? 0) % 64 === addressBytes - 1
    if (is645 || is698) found.push(digitsOf(bytes.subarray(at, at + addressBytes)))
  }
  return found
}

const startByte = 0x68
const addressBytes = 6
const digitsOf = (address: Uint8Array): string =>
  [...address]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, '0').toUpperCase())
    .join('')

function findFrame(
  scanner: Scanner,
  bytes: Uint8Array,
  from: number,
): { readonly frame: Uint8Array; readonly end: number } | null {
  for (let at = from; at < bytes.length;) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'frame') return { frame: bytes.slice(at, at + result.length), end: at + result.length }
    // Nothing more comes: behind a false start that waits for more a true frame may stand.
    at += result.kind === 'noise' ? Math.max(1, result.skip) : 1
  }
  return null
}
