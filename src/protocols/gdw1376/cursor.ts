/** What is wrong with data, at which of its bytes. */
export interface Fault {
  readonly code: string
  readonly offset: number
  readonly message: string
}

/**
 * A place in received bytes. The first fault stays; after it everything reads as zero and nobody has to ask at each step, but
 * whoever made the cursor must look at `fault` before using a value.
 */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
  fault: Fault | null
}

/** A cursor at the first of `bytes`. */
export function cursorOver(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, fault: null }
}

/** The next bytes, a copy. Fewer than `count` left: the fault `short-data`, and zeros. */
export function take(cursor: Cursor, count: number): Uint8Array {
  const left = bytesLeft(cursor)
  if (left < count) complain(cursor, { code: 'short-data', message: `expected ${count} more bytes, found ${left}` })
  if (cursor.fault !== null) return new Uint8Array(count)
  cursor.at += count
  return Uint8Array.from(cursor.bytes.subarray(cursor.at - count, cursor.at))
}

/** How many bytes are left. */
export function bytesLeft(cursor: Cursor): number {
  return cursor.bytes.length - cursor.at
}

/** Notes what is wrong, unless something was wrong before. `offset`: by default where the cursor stands. */
export function complain(
  cursor: Cursor,
  { code, message, offset = cursor.at }: Omit<Fault, 'offset'> & { offset?: number },
): void {
  cursor.fault ??= { code, offset, message }
}
