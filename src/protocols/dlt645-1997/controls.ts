/** The services of the 1997 edition (facts, control codes). */
export const functionNames = [
  'read',
  'read-more',
  'read-again',
  'write',
  'time-sync',
  'write-address',
  'change-speed',
  'change-password',
  'clear-demand',
] as const
export type FunctionName = (typeof functionNames)[number]

/** Services a meter answers: all but setting the time. */
export type AnsweredFunction = Exclude<FunctionName, 'time-sync'>
/** Services whose answer may be too long for one frame. */
export type ReadFunction = 'read' | 'read-more' | 'read-again'

/** Their function codes. 03 and 08 also stand in the 2007 edition, 03 with another meaning. */
export const functionCodes: Readonly<Record<FunctionName, number>> = {
  read: 0x01,
  'read-more': 0x02,
  'read-again': 0x03,
  write: 0x04,
  'time-sync': 0x08,
  'write-address': 0x0a,
  'change-speed': 0x0c,
  'change-password': 0x0f,
  'clear-demand': 0x10,
}

/** A control code taken apart. */
export type Control =
  | { readonly kind: 'request'; readonly fn: FunctionName }
  | { readonly kind: 'reply'; readonly fn: ReadFunction; readonly more: boolean }
  | { readonly kind: 'reply'; readonly fn: AnsweredFunction; readonly more: false }
  | { readonly kind: 'refusal'; readonly fn: AnsweredFunction }

/** The control code of a request, a reply (80 added), one with more to follow (A0) or a refusal (C0). */
export function controlByte(control: Control): number {
  const code = functionCodes[control.fn]
  switch (control.kind) {
    case 'request':
      return code
    case 'reply':
      return code | (control.more ? 0xa0 : 0x80)
    case 'refusal':
      return code | 0xc0
  }
}

/** Takes a control code apart; null when the 1997 edition has no such code. Only reads know "more follows". */
export function parseControl(byte: number): Control | null {
  return controlsByByte.get(byte) ?? null
}

const controlsByByte: ReadonlyMap<number, Control> = new Map(
  functionNames.flatMap(controlsOf).map((control) => [controlByte(control), control]),
)

function controlsOf(fn: FunctionName): readonly Control[] {
  const request: Control = { kind: 'request', fn }
  if (fn === 'time-sync') return [request]
  const answers: readonly Control[] = [request, { kind: 'reply', fn, more: false }, { kind: 'refusal', fn }]
  return fn === 'read' || fn === 'read-more' || fn === 'read-again' ? [...answers, { kind: 'reply', fn, more: true }] : answers
}
