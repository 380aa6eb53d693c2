import fc from 'fast-check'

/** Runs of a mutation test: 10⁶ with `WATTKEEP_FULL=1`, as `./scripts/test --full` sets it. */
export const mutationRuns = process.env['WATTKEEP_FULL'] === '1' ? 1_000_000 : 10_000

/** One thing that goes wrong on a line. `repair` puts the checksum right again, so that what lies behind it is reached too. */
export const frameMutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('drop' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('glue' as const), frame: fc.nat() }),
  fc.record({ kind: fc.constant('repair' as const) }),
)
export type FrameMutation = typeof frameMutation extends fc.Arbitrary<infer M> ? M : never

export interface Mutable {
  /** Whole frames to begin with and to glue on. */
  readonly frames: readonly Uint8Array[]
  readonly repaired: (bytes: Uint8Array) => Uint8Array
}

/** A frame of the list after what went wrong on the line. */
export function mutated({ frames, repaired }: Mutable, index: number, mutations: readonly FrameMutation[]): Uint8Array {
  const frameAt = (place: number): Uint8Array => frames[place % frames.length] ?? new Uint8Array()
  return mutations.reduce((bytes: Uint8Array, mutation): Uint8Array => {
    const at = 'at' in mutation ? mutation.at % (bytes.length + 1) : 0
    switch (mutation.kind) {
      case 'flip':
        return bytes.map((byte, place) => (place === at ? byte ^ (1 << mutation.bit) : byte))
      case 'set':
        return bytes.map((byte, place) => (place === at ? mutation.byte : byte))
      case 'drop':
        return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + mutation.count)])
      case 'insert':
        return Uint8Array.from([...bytes.subarray(0, at), ...mutation.bytes, ...bytes.subarray(at)])
      case 'repeat':
        return Uint8Array.from([...bytes.subarray(0, at + mutation.count), ...bytes.subarray(at)])
      case 'glue':
        return Uint8Array.from([...bytes, ...frameAt(mutation.frame)])
      case 'repair':
        return repaired(bytes)
    }
  }, frameAt(index))
}
