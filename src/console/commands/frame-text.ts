import { bitsText } from '../register-view.js'
import type { FrameDescription } from './frame.js'

/**
 * A frame for people: `dlt645-2007 reply 000000000161 91 DI 00010000: 0.26 kWh`, below it, indented, the frame that it carries.
 *
 * @param judged what it says; of a bad frame what each protocol says of it, the most plausible first
 */
export function frameText(judged: readonly FrameDescription[]): readonly string[] {
  const [first, ...others] = judged
  if (first === undefined) return []
  if (first.ok) return [sentence(first), ...carriedLines(first)]
  const by = others.length === 0 ? '' : `${text(first['protocol'])}: `
  const head = headOf(first)
  const whole = head.length > 1 ? ` (${head.join(' ')})` : ''
  return [
    `bad frame: ${by}${complaint(first)}${whole}`,
    ...others.map((other) => `  ${text(other['protocol'])}: ${complaint(other)}`),
  ]
}

function complaint({ error }: FrameDescription): string {
  const { code, at, message } = asRecord(error)
  return `${text(code)} at ${text(at)}: ${text(message)}`
}

function sentence(description: FrameDescription): string {
  const head = headOf(description).join(' ')
  const says = saysOf(description)
  return says.length === 0 ? head : `${head}: ${says.join('; ')}`
}

/** What kind of frame it is, from whom, to whom. */
function headOf({ protocol, direction, address, control, ...rest }: FrameDescription): readonly string[] {
  const named = (name: string, value: unknown): string => (given(value) ? `${name} ${plain(value)}` : '')
  const ends = [rest['source'], rest['destination']].filter(given).map(plain).join(' to ')
  const parts = [
    ...[text(protocol), text(direction), ends, text(address), text(control)],
    named('AFN', rest['afn']),
    given(rest['fn']) ? `F${plain(rest['fn'])}` : '',
    given(rest['afn']) ? text(rest['name']) : '',
    text(rest['apdu']),
    named('DI', rest['di']),
  ]
  return parts.filter((part) => part !== '')
}

/** Shown in the head, below the line, or of use to scripts only. */
const shownElsewhere = new Set([
  ...['ok', 'protocol', 'direction', 'address', 'control', 'source', 'destination', 'afn', 'fn', 'di', 'apdu'],
  ...['length', 'preamble', 'values', 'items', 'detail', 'inner', 'inners', 'error'],
])

/** What it says: its values, what else a description of any shape holds, and what a meter refused. */
function saysOf(description: FrameDescription): readonly string[] {
  const { values, items, detail, error } = description
  const isShown = (name: string) => shownElsewhere.has(name) || (name === 'name' && given(description['afn']))
  const more = Object.entries(description).filter(([name, value]) => !isShown(name) && given(value))
  return [
    given(detail) ? plain(detail) : '',
    valuesText(values),
    ...(Array.isArray(items) ? items.map((item: unknown) => itemText(asRecord(item))) : []),
    ...more.map(([name, value]) => `${name} ${plain(value)}`),
    given(error) ? text(asRecord(error)['message']) || plain(error) : '',
  ].filter((part) => part !== '')
}

function itemText({ oad, values, ...rest }: Readonly<Record<string, unknown>>): string {
  const more = Object.entries(rest).map(([name, value]) => `${name} ${plain(value)}`)
  return [text(oad), valuesText(values), ...more].filter((part) => part !== '').join(' ')
}

const valuesText = (values: unknown): string => (Array.isArray(values) ? values.map(valueText).join(', ') : '')

function valueText(shown: unknown): string {
  const { value, unit, bits } = asRecord(shown)
  if (value === undefined) return plain(shown)
  const names = Array.isArray(bits) ? bits.filter((name) => typeof name === 'string') : undefined
  const word = value === null ? 'not available' : plain(value)
  return `${word}${given(unit) ? ` ${plain(unit)}` : ''}${bitsText(word, names)}`
}

/** Below the line, indented: the frame it carries, or each of several. */
function carriedLines({ inner, inners }: FrameDescription): readonly string[] {
  return Array.isArray(inners) ? inners.flatMap(innerLines) : innerLines(inner)
}

function innerLines(inner: unknown): readonly string[] {
  if (!given(inner)) return []
  if (typeof inner !== 'object' || inner === null || !('protocol' in inner)) return [`  carries ${plain(inner)}`]
  return frameText([{ ok: !('error' in inner), ...inner }]).map((line) => `  ${line}`)
}

/** Anything as words: names with their values, lists one after another. */
function plain(value: unknown): string {
  if (value === null || value === undefined) return 'none'
  if (Array.isArray(value)) return value.map(plain).join(', ')
  if (typeof value !== 'object') return String(value)
  if ('value' in value) return valueText(value)
  return Object.entries(value)
    .map(([name, inner]: [string, unknown]) => {
      const words = plain(inner)
      return `${name} ${typeof inner === 'object' && inner !== null ? `(${words})` : words}`
    })
    .join(', ')
}

const given = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(typeof value === 'object' && Object.keys(value).length === 0)

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
