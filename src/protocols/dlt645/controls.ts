/** The services of the standard (facts §5). */
export const functionNames = [
  'security',
  'time-sync',
  'read',
  'read-more',
  'read-address',
  'write',
  'write-address',
  'freeze',
  'change-speed',
  'change-password',
  'clear-demand',
  'clear-meter',
  'clear-events',
  'relay',
  'output',
  'file-transfer',
] as const
export type FunctionName = (typeof functionNames)[number]

/** Their five-bit function codes (facts §5). */
export const functionCodes: Readonly<Record<FunctionName, number>> = {
  security: 0x03,
  'time-sync': 0x08,
  read: 0x11,
  'read-more': 0x12,
  'read-address': 0x13,
  write: 0x14,
  'write-address': 0x15,
  freeze: 0x16,
  'change-speed': 0x17,
  'change-password': 0x18,
  'clear-demand': 0x19,
  'clear-meter': 0x1a,
  'clear-events': 0x1b,
  relay: 0x1c,
  output: 0x1d,
  'file-transfer': 0x1e,
}

/** A control code taken apart: D7 direction, D6 refusal, D5 "more follows", D4…D0 function. */
export type Control =
  | { readonly kind: 'request'; readonly fn: FunctionName }
  | { readonly kind: 'reply'; readonly fn: FunctionName; readonly more: boolean }
  | { readonly kind: 'refusal'; readonly fn: FunctionName }

/** The control code of a request, a reply or a refusal. */
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

/** Takes a control code apart; null when the 2007 edition has no such code. Only reads know "more follows". */
export function parseControl(byte: number): Control | null {
  const fn = namesByCode.get(byte & 0x1f)
  if (fn === undefined) return null
  const flags = byte & 0xe0
  if (flags === 0x00) return { kind: 'request', fn }
  if (flags === 0x80) return { kind: 'reply', fn, more: false }
  if (flags === 0xa0 && (fn === 'read' || fn === 'read-more')) return { kind: 'reply', fn, more: true }
  return flags === 0xc0 ? { kind: 'refusal', fn } : null
}

/** Whether a control code belongs to the 1997 edition alone. 03 and 08 stand in both editions and count as 2007. */
export function isOf1997(byte: number): boolean {
  const flags = byte & 0xe0
  return (flags === 0x00 || flags === 0x80 || flags === 0xa0 || flags === 0xc0) && codes1997.has(byte & 0x1f)
}

const namesByCode: ReadonlyMap<number, FunctionName> = new Map(functionNames.map((name) => [functionCodes[name], name]))
/** Read, follow-up, write, write address, change speed, change password and clear demand of the 1997 edition. */
const codes1997: ReadonlySet<number> = new Set([0x01, 0x02, 0x04, 0x0a, 0x0c, 0x0f, 0x10])
