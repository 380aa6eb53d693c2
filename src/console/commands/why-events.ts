import type { EpochMs, Guard } from '../../model/index.js'
import { amountText, localTime, spanText } from '../columns.js'
import type { Detail, WhyLine } from '../views.js'
import type { Telling } from './why.js'

type EventLine = Extract<WhyLine, { line: 'event' }>

/** An event of an account as a sentence; one that is not known here by its code and fields. */
export function eventSentence({ code, detail }: EventLine, telling: Telling): string {
  return sentences[code]?.(detail, telling) ?? `${code}: ${detailText(detail, telling.utcOffsetMinutes)}`
}

/** Fields of an event as `name value` pairs, instants in local time. */
export function detailText(detail: Detail, utcOffsetMinutes: number): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name} ${valueText(name, value, utcOffsetMinutes)}`)
    .join(', ')
}

/** Instants stand in fields whose names end so; they are milliseconds. */
const instantNames = /(At|^at|^until)$/
const instantLeast = 946_684_800_000

function valueText(name: string, value: Detail[string], utcOffsetMinutes: number): string {
  if (typeof value === 'number' && instantNames.test(name) && value >= instantLeast)
    return localTime(value as EpochMs, utcOffsetMinutes)
  if (typeof value === 'string' && /^-?\d+\.\d{6}$/.test(value)) return amountText(value)
  return value === null || value === '' ? 'none' : String(value)
}

type Sentence = (detail: Detail, telling: Telling) => string

const text = (detail: Detail, name: string): string => {
  const value = detail[name]
  return value === undefined || value === null ? '' : String(value)
}
const amount = (detail: Detail, name: string, { unit }: Telling): string => `${amountText(text(detail, name))} ${unit}`
const energy = (detail: Detail, name: string): string => `${amountText(text(detail, name))} kWh`
const time = (detail: Detail, name: string, { utcOffsetMinutes }: Telling): string => {
  const value = detail[name]
  return typeof value === 'number' ? localTime(value as EpochMs, utcOffsetMinutes) : text(detail, name)
}

const sentences: Readonly<Record<string, Sentence>> = {
  'account.opened': (detail) =>
    `Opened on meter ${text(detail, 'meter')}, kept in ${text(detail, 'unit')}, tariff ${text(detail, 'tariff')}.`,
  'account.first-reading': (detail, telling) =>
    `The first reading came, ${energy(detail, 'reading')} of ${time(detail, 'readingAt', telling)}: charging starts there.`,
  'account.transition': transition,
  'account.cut-held': held,
  'account.protection': (detail, telling) => {
    if (detail['on'] !== true)
      return `Supply protection ended${detail['cause'] === 'time-over' ? ': its time was over' : ' by order'}.`
    const until = detail['until'] === null ? 'without end' : `until ${time(detail, 'until', telling)}`
    return `Supply is protected ${until}: nothing cuts it.`
  },
  'account.relay-open': (detail) =>
    `The relay was read open although the account is ${text(detail, 'state')} (it was ${text(detail, 'before')} before): no rule of this account opened it; an order from outside or somebody at the meter did.`,
  'account.relay-problem': (detail) => {
    const problem = text(detail, 'problem')
    if (problem === 'none') return `The relay takes orders again (before: ${text(detail, 'before')}).`
    const meaning =
      problem === 'needs-security-chip'
        ? 'the meter wants orders enciphered by its security chip; rules send it nothing until an order succeeds'
        : 'the meter refused; rules leave it alone for a day, or until an order succeeds'
    return `The relay is of no use to the rules since the order ${text(detail, 'command')}: ${meaning}.`
  },
  'account.energy-through-open-relay': (detail, telling) =>
    `${energy(detail, 'energy')} flowed although the relay was read open (${energy(detail, 'reading')} at ${time(detail, 'readingAt', telling)}).`,
  'account.reading-suspect': (detail, telling) =>
    `A reading does not fit the ones before it and waits to be confirmed: ${detailText(detail, telling.utcOffsetMinutes)}.`,
  'account.reading-cleared': (detail, telling) =>
    `The doubtful reading was not confirmed: the register shows ${energy(detail, 'reading')} at ${time(detail, 'readingAt', telling)}.`,
  'account.pricing-stopped': (detail, telling) =>
    `Pricing stopped, for a second reading confirmed the doubt (${text(detail, 'reason')}): ${detailText(detail, telling.utcOffsetMinutes)}. ` +
    'The master adjusts or replaces the meter.',
  'account.pricing-resumed': (detail) => `Pricing goes on by the master's order (it was stopped by: ${text(detail, 'stopped')}).`,
  'account.register-wrapped': (detail, telling) =>
    `The register passed its full scale and began at zero again; it goes on with ${energy(detail, 'reading')} at ${time(detail, 'readingAt', telling)}.`,
  'account.reading-unusable': (detail) => `A reading of the billing register was no energy: ${text(detail, 'message')}.`,
  'account.unverified': (detail) =>
    `The account is in doubt since entry ${text(detail, 'entry')} (${text(detail, 'reason')}): nothing is priced or cut until the master agrees with a statement.`,
  'account.verified': (detail) => `The master agreed with the ledger up to entry ${text(detail, 'entry')}.`,
  'account.diverged': (detail) =>
    `The master has another hash at entry ${text(detail, 'entry')}: the two ledgers differ there or before.`,
  'order.refused': (detail) =>
    `An order of ${text(detail, 'origin').replace(/^key:/, '')} was refused (${text(detail, 'reason')}): ${text(detail, 'message')}.`,
}

/** What made an account change its state, with the figures it was judged by. */
function transition(detail: Detail, telling: Telling): string {
  const reading = `Reading ${energy(detail, 'reading')} of ${time(detail, 'readingAt', telling)}; entry ${text(detail, 'entry')}.`
  return `${text(detail, 'from')} -> ${text(detail, 'to')}: ${cause(detail, telling)}. ${reading}`
}

function cause(detail: Detail, telling: Telling): string {
  const balance = `the balance of ${amount(detail, 'balance', telling)}`
  switch (text(detail, 'cause')) {
    case 'balance':
      return `${balance} ${level(detail, telling)}`
    case 'balance-used-up':
      return `${balance} is used up (overdraft ${amount(detail, 'overdraft', telling)}) and no guard held: the rules order the disconnect`
    case 'relay-open':
      return 'the relay was read back open: supply is cut'
    case 'relay-closed':
      return 'the relay was read back closed: supply is there'
    case 'trip-did-not-act':
      return 'the disconnect did not act and the relay is closed'
    case 'supply-protection':
      return 'supply is protected: it may be closed again whatever the balance'
    default:
      return `${text(detail, 'cause')}, ${balance}`
  }
}

function level(detail: Detail, telling: Telling): string {
  switch (text(detail, 'to')) {
    case 'normal':
      return `is above alarm 1 (${amount(detail, 'alarm1', telling)})`
    case 'alarm1':
      return `is not above alarm 1 (${amount(detail, 'alarm1', telling)})`
    case 'alarm2':
      return `is not above alarm 2 (${amount(detail, 'alarm2', telling)})`
    case 'overdrawn':
      return 'is not above zero'
    case 'may-close':
      return `is above what closing asks for (${amount(detail, 'closePermitted', telling)}): the customer may close`
    default:
      return 'decided'
  }
}

function held(detail: Detail, telling: Telling): string {
  const balance = `balance ${amount(detail, 'balance', telling)}`
  const guards = text(detail, 'guards')
  if (guards === 'none') return `Nothing holds a cut any more, or none is due (before: ${text(detail, 'before')}; ${balance}).`
  const ageMs = detail['readingAgeMs']
  const age = typeof ageMs === 'number' ? `, ${spanText(Math.max(0, ageMs) / 1000)} old` : ''
  const facts = `${balance}, last reading of ${time(detail, 'readingAt', telling)}${age}, relay ${text(detail, 'relay')}`
  return `A cut is due and was not made, for ${guards.split(',').map(guardText).join('; ')} (${facts}).`
}

/** A guard in words. */
export function guardText(guard: string): string {
  return guard in guardTexts ? guardTexts[guard as Guard] : guard
}

const guardTexts: Readonly<Record<Guard, string>> = {
  'supply-protection': 'supply is protected',
  'blocked-calendar': 'the calendar forbids cutting at this time',
  'clock-untrusted': 'the clock is not trusted',
  'reading-stale': 'the last reading is too old',
  'reading-implausible': 'a doubtful reading waits to be confirmed',
  'tariff-unverified': 'no verified tariff prices the energy',
  'account-unverified': 'the master has not agreed with the ledger yet',
  'pricing-stopped': 'pricing is stopped',
  'relay-unusable': 'the relay is not known to be closed and willing',
}
