import type { DownUnit, UpUnit, Denial } from '../../src/protocols/gdw1376/index.js'

/** A request to the module itself. */
export interface Command {
  readonly unit: DownUnit
  /** How long each try waits; absent: the usual tries. A broadcast has one: it is never repeated. */
  readonly triesMs?: readonly number[]
  /** The answer comes as several frames, at most so far apart. */
  readonly framesApartMs?: number
  readonly traced?: Uint8Array | undefined
  readonly exchange?: number
  /** It leaves now. */
  readonly onSent?: () => void
}

export type CommandResult =
  | { readonly kind: 'answer'; readonly unit: UpUnit; readonly more: readonly UpUnit[] }
  | { readonly kind: 'confirmed'; readonly waitSeconds: number | null }
  | { readonly kind: 'denied'; readonly denial: Denial }
  | { readonly kind: 'silent' }

/** What a procedure wants next: a command's result, or time. */
export type Wish =
  | { readonly kind: 'ask'; readonly command: Command }
  /** `isOver`: what is waited for came early; looked at after each input. */
  | { readonly kind: 'wait'; readonly ms: number; readonly isOver?: () => boolean }

/** Several commands in a row, without I/O: each wish is answered by a result (null: the time is over). */
export type Procedure<T = void> = Generator<Wish, T, CommandResult | null>

/** One command of a procedure. */
export function* ask(unit: DownUnit, more: Omit<Command, 'unit'> = {}): Procedure<CommandResult> {
  return (yield { kind: 'ask', command: { unit, ...more } }) ?? { kind: 'silent' }
}

export function* wait(ms: number, isOver?: () => boolean): Procedure {
  yield { kind: 'wait', ms, ...(isOver === undefined ? {} : { isOver }) }
}

/** The data of an answer, if it is one of this function. */
export function answerOf<N extends UpUnit['name']>(result: CommandResult, name: N): Extract<UpUnit, { name: N }> | null {
  return result.kind === 'answer' && isNamed(result.unit, name) ? result.unit : null
}

export function isNamed<N extends UpUnit['name']>(unit: UpUnit, name: N): unit is Extract<UpUnit, { name: N }> {
  return unit.name === name
}
