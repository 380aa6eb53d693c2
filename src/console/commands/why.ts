import { amountText, localTime, wrapped } from '../columns.js'
import type { AccountFacts, WhyLine, WhyView } from '../views.js'
import { unitOf } from './account.js'
import { eventSentence } from './why-events.js'
import { orderSentence } from './why-orders.js'

/** What sentences need besides their line. */
export interface Telling {
  /** yuan or kWh */
  readonly unit: string
  readonly utcOffsetMinutes: number
}

/** `wattkeep why ACCOUNT`: the account's story in sentences, newest last, and where it stands now. */
export function whyText(view: WhyView): readonly string[] {
  const { account, lines, utcOffsetMinutes } = view
  const telling = tellingOf(view)
  const told = lines.flatMap((line) => {
    const untrusted = line.line === 'event' && !line.clockTrusted ? ' (The clock was not trusted then.)' : ''
    return wrapped(`${localTime(line.at, utcOffsetMinutes).padEnd(19)}  `, `${sentence(line, telling)}${untrusted}`)
  })
  return [
    `account ${account.account}, meter ${account.meter}`,
    ...(lines.length === 0 ? ['Nothing is recorded of it.'] : told),
    ...wrapped('now'.padEnd(21), nowSentence(account, telling)),
  ]
}

export const tellingOf = ({ account, utcOffsetMinutes }: WhyView): Telling => ({ unit: unitOf(account), utcOffsetMinutes })

/** One line of the story as a sentence. */
export const sentence = (line: WhyLine, telling: Telling): string =>
  line.line === 'event' ? eventSentence(line, telling) : orderSentence(line, telling)

function nowSentence(account: AccountFacts, { unit, utcOffsetMinutes }: Telling): string {
  const held = account.heldBy.length === 0 ? '' : ` A cut is held by: ${account.heldBy.join(', ')}.`
  const doubt = account.verified ? '' : ' The account is unverified: nothing is priced or cut until the master agrees.'
  const stopped = account.pricingStopped === null ? '' : ` Pricing is stopped: ${account.pricingStopped.reason}.`
  const read = localTime(account.lastReadingAt, utcOffsetMinutes)
  return (
    `State ${account.state}; balance ${money(account.balance, unit)} by the reading of ${read}; ` +
    `relay ${account.relay.contact}.${held}${doubt}${stopped}`
  )
}

const money = (decimal: string, unit: string): string => `${amountText(decimal)} ${unit}`
