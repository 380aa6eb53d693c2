import { countText } from '../../model/index.js'
import { amountText, localTime, offsetText, shortTime, table, wrapped } from '../columns.js'
import type { AccountFacts, AccountRow, AccountsView, AccountView, EntryView } from '../views.js'

/** The word for an account's unit. */
export const unitOf = ({ unit }: Pick<AccountRow, 'unit'>): string => (unit === 'money' ? 'yuan' : 'kWh')

/** `wattkeep account`: all of them, a line each. */
export function accountsText({ accounts, utcOffsetMinutes }: AccountsView): readonly string[] {
  const rows = accounts.map((row) => [
    row.account,
    row.meter,
    row.state,
    amountText(row.balance),
    unitOf(row),
    shortTime(row.lastReadingAt, utcOffsetMinutes),
    [...(row.verified ? [] : ['UNVERIFIED']), ...row.heldBy].join(' '),
  ])
  return [
    ...table([['ACCOUNT', 'METER', 'STATE', 'BALANCE', 'UNIT', 'READ', 'HELD BY'], ...rows], [3]),
    countText(accounts.length, 'account'),
  ]
}

/** `wattkeep account ID`: what is known of it, and its last entries. */
export function accountText({ account, entries, utcOffsetMinutes }: AccountView): readonly string[] {
  return [
    ...headOf(account, utcOffsetMinutes).flatMap(([name, text]) => wrapped(`${name.padEnd(12)}  `, text)),
    '',
    ...entryLines(entries, utcOffsetMinutes),
  ]
}

function headOf(account: AccountFacts, utcOffsetMinutes: number): readonly (readonly [string, string])[] {
  const unit = unitOf(account)
  const { limits, postedTo, relay, pricingStopped, protectedUntil } = account
  const of = (name: string): string => amountText(limits[name] ?? '0')
  const time = (at: Parameters<typeof localTime>[0]): string => localTime(at, utcOffsetMinutes)
  return [
    ['account', `${account.account}, meter ${account.meter}, tariff ${account.tariff}, opened ${time(account.openedAt)}`],
    ['state', `${account.state}${account.verified ? '' : ', UNVERIFIED: nothing is priced or cut until the master agrees'}`],
    ['balance', `${amountText(account.balance)} ${unit} by the reading of ${time(account.lastReadingAt)}`],
    [
      'posted',
      `${amountText(account.posted)} ${unit} in ${countText(account.entryCount, 'entry', 'entries')}, up to ${postedText(postedTo, time)}`,
    ],
    ['limits', `alarm 1 ${of('alarm1')}, alarm 2 ${of('alarm2')}, overdraft ${of('overdraft')}, closing ${of('closePermitted')}`],
    ['relay', relayText(relay, time)],
    ...(account.heldBy.length === 0 ? [] : [['held by', account.heldBy.join(', ')] as const]),
    ...(account.protected
      ? [['protected', protectedUntil === null ? 'without end' : `until ${time(protectedUntil)}`] as const]
      : []),
    ...(pricingStopped === null ? [] : [['pricing', `STOPPED ${time(pricingStopped.at)}: ${pricingStopped.reason}`] as const]),
    ['purchases', `${account.purchaseCount}`],
    ['chain', account.chainHash],
    ['times', `the site's own, ${offsetText(utcOffsetMinutes)}`],
  ]
}

function postedText({ at, reading, source }: AccountFacts['postedTo'], time: (at: AccountFacts['openedAt']) => string): string {
  return source === 'awaited' ? 'its first reading, which is awaited' : `${amountText(reading)} kWh (${source}) of ${time(at)}`
}

function relayText(
  { contact, at, problem, permitted }: AccountFacts['relay'],
  time: (at: AccountFacts['relay']['at']) => string,
): string {
  const since = at === null ? '' : ` since ${time(at)}`
  return `${contact}${since}${permitted ? ', closing is permitted' : ''}${problem === null ? '' : `, PROBLEM: ${problem}`}`
}

function entryLines(entries: readonly EntryView[], utcOffsetMinutes: number): readonly string[] {
  const rows = entries.map(({ number, at, kind, energy, amount, balanceAfter, estimated, note }) => [
    String(number),
    shortTime(at, utcOffsetMinutes),
    kind,
    energy === null ? '' : amountText(energy),
    amountText(amount),
    amountText(balanceAfter),
    `${estimated ? 'est. ' : ''}${note}`.trim(),
  ])
  return entries.length === 0
    ? ['no entries']
    : table([['NO', 'AT', 'KIND', 'KWH', 'AMOUNT', 'BALANCE', 'NOTE'], ...rows], [0, 3, 4, 5])
}
