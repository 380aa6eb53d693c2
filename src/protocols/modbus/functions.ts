/** The functions this protocol speaks, in the order of their codes. */
export const functionNames = [
  'read-coils',
  'read-inputs',
  'read-holding-registers',
  'read-input-registers',
  'write-coil',
  'write-register',
  'write-coils',
  'write-registers',
  'mask-write-register',
  'read-write-registers',
] as const
export type FunctionName = (typeof functionNames)[number]
/** Functions that bring one bit, or one word, for each address. */
export type BitRead = 'read-coils' | 'read-inputs'
export type WordRead = 'read-holding-registers' | 'read-input-registers'

export const functionCodes: Readonly<Record<FunctionName, number>> = {
  'read-coils': 0x01,
  'read-inputs': 0x02,
  'read-holding-registers': 0x03,
  'read-input-registers': 0x04,
  'write-coil': 0x05,
  'write-register': 0x06,
  'write-coils': 0x0f,
  'write-registers': 0x10,
  'mask-write-register': 0x16,
  'read-write-registers': 0x17,
}

/** The function of a code, the exception bit taken off; null: none that is spoken here. */
export function functionOf(code: number): FunctionName | null {
  return namesByCode.get(code & ~exceptionBit) ?? null
}

/** Set in the function code of a refusal. */
export const exceptionBit = 0x80

/** Exception codes by name; what is not listed is `exception-n`. */
const exceptionNames: Readonly<Record<number, string>> = {
  0x01: 'illegal-function',
  0x02: 'illegal-data-address',
  0x03: 'illegal-data-value',
  0x04: 'device-failure',
  0x05: 'acknowledge',
  0x06: 'device-busy',
  0x07: 'negative-acknowledge',
  0x08: 'memory-parity-error',
  0x0a: 'gateway-path-unavailable',
  0x0b: 'gateway-target-silent',
}

/** The name of an exception code. */
export function exceptionName(code: number): string {
  return exceptionNames[code] ?? `exception-${code}`
}

const namesByCode: ReadonlyMap<number, FunctionName> = new Map(functionNames.map((name) => [functionCodes[name], name]))
