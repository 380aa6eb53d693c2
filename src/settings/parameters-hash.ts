import { createHash } from 'node:crypto'
import type { SiteParameters } from '../model/index.js'

/**
 * Identity of the parameters in force: SHA-256 over their canonical JSON, 64 hexadecimal digits. Two concentrators with one
 * hash behave alike; the order of keys in a file does not matter, the order of lists does.
 */
export function parametersHash(parameters: SiteParameters): string {
  return createHash('sha256').update(canonicalJson(parameters)).digest('hex')
}

/** JSON with sorted keys; maps as objects, big integers as decimal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString()
    const entries =
      inner instanceof Map ? [...inner.entries()].map(([key, each]) => [String(key), each] as const) : fieldsOf(inner)
    if (entries === null) return inner
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
}

function fieldsOf(value: unknown): (readonly [string, unknown])[] | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null
}
