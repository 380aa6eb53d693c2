/** Protocol type bytes of the module by the protocol names that settings use. @source facts §2.5 */
const types: ReadonlyMap<string, number> = new Map([
  ['dlt645-1997', 1],
  ['dlt645-2007', 2],
  ['dlt698-45', 3],
])

/** Frames that the module carries as they are. */
export const transparent = 0

/** @param knows698 some narrowband makers must be given 698.45 meters as transparent */
export function protocolTypeOf(protocol: string, knows698: boolean): number {
  if (protocol === 'dlt698-45' && !knows698) return transparent
  return types.get(protocol) ?? transparent
}

/** The name of a protocol type; null: none (transparent, or a list of the module's maker). */
export function protocolOf(type: number): string | null {
  for (const [name, known] of types) if (known === type) return name
  return null
}

/** An address as the module has it, 12 digits; null: no module can know a meter of this address. */
export function wireAddress(address: string): string | null {
  return /^[0-9A-Fa-f]{1,12}$/.test(address) ? address.toUpperCase().padStart(12, '0') : null
}
