import { accountId, fail, linkId, meterId, ok } from '../model/index.js'
import type { EpochMs, InputError, JournalledOrder, OrderStage, Result } from '../model/index.js'
import type { AccountView as StoredAccount, TraceLine } from '../ports/index.js'
import { accountFacts, accountRow, entryView, orderView } from './account-views.js'
import type { ConsoleBackend } from './backend.js'
import type { AddressOf } from './exchanges.js'
import { FrameKeeper } from './kept-frames.js'
import { listEvents, listGaps } from './lists.js'
import { mayHaveBeenInDoubt, outcomeTimes, type Told } from './outcomes.js'
import type { ConsoleAsk, ConsoleCall } from './protocol.js'
import { networkView } from './network.js'
import { runSelfTest } from './self-test.js'
import { metersView, statusView } from './status.js'
import { registerView } from './register-view.js'
import type { ConsoleAnswers, FrameLine, WhyLine } from './views.js'

export interface AnswererOptions {
  readonly backend: ConsoleBackend
  /** Whose frame bytes of a trace are, by whichever protocol knows them. */
  readonly addressOf: AddressOf
}

export interface Answerer {
  readonly answer: (call: ConsoleCall) => Promise<Result<unknown, InputError>>
  /** Stops keeping frames. */
  readonly close: () => void
}

type Of<K extends ConsoleAsk> = Extract<ConsoleCall, { ask: K }>
type Answered<K extends ConsoleAsk> = Promise<Result<ConsoleAnswers[K], InputError>>

/** What the daemon answers to each call of the console. */
export function answerer({ backend, addressOf }: AnswererOptions): Answerer {
  const keeper = new FrameKeeper(backend, addressOf)
  return { answer: (call) => answerTo(call, backend, keeper), close: () => keeper.close() }
}

function answerTo(call: ConsoleCall, backend: ConsoleBackend, keeper: FrameKeeper): Promise<Result<unknown, InputError>> {
  switch (call.ask) {
    case 'status':
      return statusView(backend).then(ok)
    case 'meters':
      return metersView(backend).then(ok)
    case 'read':
      return read(call, backend)
    case 'accounts':
      return accounts(backend)
    case 'account':
      return account(call, backend)
    case 'why':
      return why(call, backend)
    case 'events':
      return listEvents(call, backend).then(ok)
    case 'event':
      return event(call, backend, keeper)
    case 'gaps':
      return listGaps(call, backend)
    case 'orders':
      return orders(call, backend)
    case 'order':
      return order(call, backend)
    case 'signer':
      return signer(call, backend)
    case 'submit':
      return submit(call, backend)
    case 'trace':
      return trace(call, backend)
    case 'network':
      return Promise.resolve(networkView(call.link, backend))
    case 'self-test':
      return runSelfTest(backend).then(ok)
  }
}

const offsetOf = (backend: ConsoleBackend): number => backend.site().parameters.utcOffsetMinutes

async function read(call: Of<'read'>, backend: ConsoleBackend): Answered<'read'> {
  const meter = backend.site().parameters.meters.find(({ id }) => id === call.meter)
  if (meter === undefined) return refuse('unknown-meter', 'meter', `the archive has no meter ${call.meter}`)
  const result = await backend.read({ meter: meterId(call.meter), registers: call.registers })
  if (!result.ok) return result
  const reads = result.value.map(registerView)
  const isAnswered = reads.every(({ error }) => error === null || error.code === 'refused')
  return ok({ ok: isAnswered, meter: meter.id, address: meter.address, reads })
}

async function accounts(backend: ConsoleBackend): Answered<'accounts'> {
  const found = await backend.query('accounts', {})
  return ok({ utcOffsetMinutes: offsetOf(backend), accounts: found.accounts.map(accountRow) })
}

async function account(call: Of<'account'>, backend: ConsoleBackend): Answered<'account'> {
  const found = await findAccount(call.account, backend)
  if (!found.ok) return found
  const { entryCount } = found.value.account
  const first = Math.max(1, entryCount - call.entries + 1)
  const { entries } = await backend.query('entries', { account: found.value.account.id, first, count: call.entries })
  return ok({
    utcOffsetMinutes: offsetOf(backend),
    account: accountFacts(found.value),
    entries: entries.map(entryView),
  })
}

/** Everything that moved an account, or kept it from moving: its events, and the orders that concern it. */
async function why(call: Of<'why'>, backend: ConsoleBackend): Answered<'why'> {
  const found = await findAccount(call.account, backend)
  if (!found.ok) return found
  const story = await backend.query('why', { account: found.value.account.id, count: call.count })
  const told = await timesOf(story.orders, backend)
  const lines: WhyLine[] = story.lines.map(({ code, severity, detail, stamp }) => {
    return { line: 'event', at: stamp.receivedAt, code, severity, clockTrusted: stamp.clockTrusted, detail }
  })
  // Newest first, so of two told at one instant the later one comes later below.
  lines.reverse()
  for (const journalled of [...story.orders].reverse()) {
    lines.push({ line: 'order', ...orderView(journalled, told.get(journalled.id) ?? null) })
  }
  const timeOf = (line: WhyLine): number => line.at ?? (line.line === 'order' ? openTime(line.stage, line.notBefore) : 0)
  lines.sort((a, b) => timeOf(a) - timeOf(b))
  return ok({ utcOffsetMinutes: offsetOf(backend), account: accountFacts(found.value), lines: lines.slice(-call.count) })
}

const isOpen = (stage: OrderStage): boolean => stage === 'journalled' || stage === 'sending' || stage === 'unknown'

/** When orders ended, and whether they had been in doubt before. Whoever waits for one asks often: while it is under way nothing is looked through. */
function timesOf(orders: readonly JournalledOrder[], backend: ConsoleBackend): Promise<Told> {
  const ended = orders.filter(({ stage }) => !isOpen(stage))
  return outcomeTimes(backend, (told) =>
    ended.every((order) => {
      const known = told.get(order.id)
      return known !== undefined && (known.unknown !== null || !mayHaveBeenInDoubt(order))
    }),
  )
}

/** An order under way stands last; one that ended and whose record is gone stands where it began. */
function openTime(stage: OrderStage, notBefore: EpochMs): number {
  return isOpen(stage) ? Infinity : notBefore
}

async function findAccount(id: string, backend: ConsoleBackend): Promise<Result<StoredAccount, InputError>> {
  const { accounts: all } = await backend.query('accounts', {})
  const wanted = all.find((view) => view.account.id === accountId(id)) ?? all.find((view) => view.account.meter === meterId(id))
  if (wanted !== undefined) return ok(wanted)
  return fail({ code: 'unknown-account', at: 'account', message: `there is no account ${id}, nor one of a meter ${id}` })
}

async function event(call: Of<'event'>, backend: ConsoleBackend, keeper: FrameKeeper): Answered<'event'> {
  const { events } = await backend.query('events', { count: 1, before: call.seq + 1 })
  const found = events.find(({ seq }) => seq === call.seq)
  if (found === undefined) return refuse('unknown-event', 'seq', `no event ${call.seq} is held`)
  const kept = keeper.of(found)
  const isOurs = found.stamp.boot === backend.clock().boot
  const note = isOurs ? 'no exchange with its meter stands in the trace any more' : 'it was told before the last restart'
  return ok({
    utcOffsetMinutes: offsetOf(backend),
    event: found,
    link: kept?.link ?? found.link ?? null,
    frames: kept === null ? [] : kept.lines.map((line) => frameLine(line, backend)),
    note: kept === null ? note : '',
  })
}

async function orders(call: Of<'orders'>, backend: ConsoleBackend): Answered<'orders'> {
  const told = await outcomeTimes(backend, (known) => known.size >= call.count)
  const open = (await backend.query('open-orders', {})).orders
  const ids = new Set([...[...told.keys()].slice(0, call.count), ...open.map(({ id }) => id)])
  const found: JournalledOrder[] = []
  for (const id of [...ids].sort((a, b) => a - b).slice(-call.count)) {
    const { order: journalled } = await backend.query('order', { id })
    if (journalled !== null) found.push(journalled)
  }
  const times = await timesOf(found, backend)
  const views = found.map((journalled) => orderView(journalled, times.get(journalled.id) ?? null))
  return ok({ utcOffsetMinutes: offsetOf(backend), orders: views })
}

async function order(call: Of<'order'>, backend: ConsoleBackend): Answered<'order'> {
  const { order: journalled } = await backend.query('order', { id: call.id })
  if (journalled === null) return refuse('unknown-order', 'id', `the journal has no order ${call.id}`)
  return ok(orderView(journalled, (await timesOf([journalled], backend)).get(call.id) ?? null))
}

async function signer(call: Of<'signer'>, backend: ConsoleBackend): Answered<'signer'> {
  const { parameters } = backend.site()
  const key = parameters.keys.find(({ publicKey }) => publicKey === call.publicKey)
  if (key === undefined) return refuse('unknown-key', 'key', 'this key is not registered here: the master registers it')
  const { counters } = await backend.query('extents', {})
  const { sets } = await backend.query('stored-parameters', {})
  const { at, trusted } = backend.clock()
  return ok({
    utcOffsetMinutes: parameters.utcOffsetMinutes,
    concentrator: parameters.concentrator,
    key: key.id,
    role: key.role,
    lastNumber: counters[key.id] ?? 0,
    at,
    clockTrusted: trusted,
    parameterVersions: Object.fromEntries(sets.map(({ name, version }) => [name, version])),
  })
}

async function submit(call: Of<'submit'>, backend: ConsoleBackend): Answered<'submit'> {
  const answer = await backend.intake(call.envelope, 'console')
  return ok(answer.accepted ? { accepted: true, order: answer.id } : answer)
}

function trace(call: Of<'trace'>, backend: ConsoleBackend): Answered<'trace'> {
  const lines = backend.trace(linkId(call.link))
  if (lines === null) {
    const links = backend.links().map(({ link }) => link)
    return Promise.resolve(refuse('unknown-link', 'link', `expected one of ${links.join(', ')}, got ${call.link}`))
  }
  const { since = -Infinity } = call
  const isUp = backend.links().some(({ link, up }) => link === call.link && up)
  const wanted = lines.filter(({ at }) => at > since).slice(-call.count)
  const frames = wanted.map((line) => frameLine(line, backend))
  return Promise.resolve(ok({ utcOffsetMinutes: offsetOf(backend), link: call.link, up: isUp, lines: frames }))
}

function frameLine({ at, direction, bytes, note }: TraceLine, backend: ConsoleBackend): FrameLine {
  const now = backend.clock()
  const wall = Math.round(now.at - (now.monotonic - at)) as EpochMs
  return { monotonicMs: at, at: wall, direction, hex: Buffer.from(bytes).toString('hex').toUpperCase(), note }
}

const refuse = (code: string, at: string, message: string): { readonly ok: false; readonly error: InputError } =>
  fail({ code, at, message })
