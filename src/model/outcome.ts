/** Expected outcomes are values. What a caller may do about an error stands in `retry`. */

export type Retry = 'now' | 'later' | 'never' | 'verify-first'

export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })
export const fail = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error })

/** Bad input (a frame, a payload, a file, a command line): a stable code, where it is, and what was expected. */
export interface InputError {
  readonly code: string
  /** Where: a byte offset, a `file:line:key`, a JSON path. */
  readonly at: string
  readonly message: string
}

/** A fault of an adapter: the disk, a port, the broker. `code` is stable and stands in events and logs. */
export class FaultError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'FaultError'
    this.code = code
  }
}
