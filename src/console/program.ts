import type { Command } from 'commander'
import { countText, fail, ok, type InputError, type Result } from '../model/index.js'
import {
  exits,
  pauseOf,
  tell,
  tellError,
  tellErrors,
  withDaemon,
  type CliWorld,
  type CommonFlags,
  type Outcome,
} from './cli-world.js'
import type { ConsoleClient } from './client.js'
import { accountsText, accountText } from './commands/account.js'
import { gapsText, ordersText } from './commands/lists.js'
import { networkText } from './commands/network.js'
import { metersText, selfTestText, statusText } from './commands/status.js'
import { decodeLines, eventsText, eventText, traceHead, traceText } from './commands/trace.js'
import { sentence, tellingOf, whyText } from './commands/why.js'
import { parseEdge } from './local-instants.js'
import { rowsMax, type ConsoleCall } from './protocol.js'
import { registerData, registerLines } from './register-view.js'
import type { ConsoleAnswers } from './views.js'

type Count = { readonly count: string }

/** How often a followed trace is asked for news. */
const followMs = 500

/** Adds the flags that all commands to the daemon take. */
export const common = (command: Command): Command =>
  command
    .option('--socket <path>', 'the daemon’s socket (default: $WATTKEEP_SOCKET or /run/wattkeep/console.sock)')
    .option('--json', 'data for scripts: one line of JSON')

/** `check CONFIG` needs no daemon: it reads a site's files as the daemon would. */
export function addCheck(program: Command, world: CliWorld): void {
  program
    .command('check')
    .description('read a site’s settings: every problem at once, with file, line, key and what was expected')
    .argument('<config>', 'the main file, such as /etc/wattkeep/wattkeep.yaml')
    .option('--json', 'data for scripts: one line of JSON')
    .action(async (config: string, flags: CommonFlags) => {
      const checked = await world.checkSettings(config)
      if (checked.ok)
        return tell(world, flags, {
          json: { ok: true, site: checked.value },
          text: [`${checked.value}: all holds`],
          exit: exits.done,
        })
      const problems = checked.error.map(({ code, at, message }) => ({ code, at, message }))
      const text = [...problems.map(({ at, message }) => `${at} ${message}`.trimStart()), countText(problems.length, 'problem')]
      tell(world, flags, { json: { ok: false, problems }, text, exit: exits.wrong })
    })
}

/** Commands that look at the daemon and change nothing. */
export function addLooking(program: Command, world: CliWorld): void {
  addOverview(program, world)
  addAccounts(program, world)
  addRecords(program, world)
}

function addOverview(program: Command, world: CliWorld): void {
  common(program.command('status').description('how the box is, at one glance')).action((flags: CommonFlags) =>
    show(world, flags, { ask: 'status' }, statusText),
  )
  common(program.command('meters').description('all meters: last reply, clock drift, account')).action((flags: CommonFlags) =>
    show(world, flags, { ask: 'meters' }, metersText),
  )
  common(
    program
      .command('read')
      .description('read registers of a meter now, before all routine reading')
      .argument('<meter>', 'its id, as in wattkeep meters')
      .argument('<register...>', 'in the notation of its protocol, such as 0001FF00'),
  ).action((meter: string, registers: readonly string[], flags: CommonFlags) =>
    withDaemon(world, flags, async (client) => {
      const answer = await client.ask({ ask: 'read', meter, registers })
      if (!answer.ok) return answer
      const { reads, address, ok: isAnswered } = answer.value
      const text = [`meter ${meter} (${address})`, ...registerLines(reads)]
      const json = { ...answer.value, reads: reads.map(registerData) }
      return ok({ json, text, exit: isAnswered ? exits.done : exits.no })
    }),
  )
  common(
    program
      .command('network')
      .description('the network behind a module or radio: the module, and each meter with its hops, signal and replies')
      .argument('<link>', 'its id, as in wattkeep status'),
  ).action((link: string, flags: CommonFlags) => show(world, flags, { ask: 'network', link }, networkText))
  common(
    program.command('self-test').description('all that the box’s work depends on; exit status 1 when something is wrong'),
  ).action((flags: CommonFlags) =>
    withDaemon(world, flags, async (client) => {
      const answer = await client.ask({ ask: 'self-test' })
      if (!answer.ok) return answer
      return ok({ json: answer.value, text: selfTestText(answer.value), exit: answer.value.ok ? exits.done : exits.no })
    }),
  )
}

function addAccounts(program: Command, world: CliWorld): void {
  common(
    program
      .command('account')
      .description('all accounts, or one with its last entries')
      .argument('[account]', 'its id, or its meter’s')
      .option('--count <n>', `entries, at most ${rowsMax}`, '10'),
  ).action((account: string | undefined, flags: CommonFlags & Count) =>
    account === undefined
      ? show(world, flags, { ask: 'accounts' }, accountsText)
      : counted(world, flags, flags.count, (entries) => show(world, flags, { ask: 'account', account, entries }, accountText)),
  )
  common(
    program
      .command('why')
      .description('why an account is as it is: every transition, every guard that held, every order, newest last')
      .argument('<account>', 'its id, or its meter’s')
      .option('--count <n>', `lines, at most ${rowsMax}`, '40'),
  ).action((account: string, flags: CommonFlags & Count) =>
    counted(world, flags, flags.count, (count) =>
      withDaemon(world, flags, async (client) => {
        const answer = await client.ask({ ask: 'why', account, count })
        if (!answer.ok) return answer
        const telling = tellingOf(answer.value)
        const lines = answer.value.lines.map((line) => ({ ...line, text: sentence(line, telling) }))
        return ok({ json: { ...answer.value, lines }, text: whyText(answer.value), exit: exits.done })
      }),
    ),
  )
}

interface EventFlags extends CommonFlags, Count {
  readonly before?: string
  readonly meter?: string
  readonly account?: string
  readonly code?: string
  readonly show?: string
}

interface GapsFlags extends CommonFlags, Count {
  readonly day?: string
  readonly from?: string
  readonly to?: string
  readonly meter?: string
}

function addRecords(program: Command, world: CliWorld): void {
  common(
    program
      .command('events')
      .description('the latest events, newest last; --show leads from one to the raw frames that caused it')
      .option('--count <n>', `how many, at most ${rowsMax}`, '20')
      .option('--before <seq>', 'only older ones than the one of this number')
      .option('--meter <meter>', 'only of this meter')
      .option('--account <account>', 'only of this account')
      .option('--code <code>', 'only of this code or area: bus, account.transition')
      .option('--show <seq>', 'one event, whole, with the frames before it'),
  ).action((flags: EventFlags) => events(world, flags))
  common(
    program
      .command('gaps')
      .description('every missing value with its reason; default: yesterday and today')
      .option('--day <date>', 'one local day, such as 2026-03-01')
      .option('--from <time>', 'a local day or "2026-03-01 08:00"; default: 00:00 of the day before the end')
      .option('--to <time>', 'likewise, a day with all its hours; default: now; at most 31 days after --from')
      .option('--meter <meter>', 'only of this meter')
      .option('--count <n>', `how many, at most ${rowsMax}`, '200'),
  ).action((flags: GapsFlags) => gaps(world, flags))
  common(
    program
      .command('orders')
      .description('orders under way and the latest that ended, newest last, with their evidence')
      .option('--count <n>', `how many, at most ${rowsMax}`, '20'),
  ).action(({ count, ...flags }: CommonFlags & Count) =>
    counted(world, flags, count, (number) => show(world, flags, { ask: 'orders', count: number }, ordersText)),
  )
  common(
    program
      .command('trace')
      .description('raw frames of a link with their times, and what they say')
      .argument('<link>', 'its id, as in wattkeep status')
      .option('--count <n>', `the latest lines, at most ${rowsMax}`, '40')
      .option('--follow', 'go on until Ctrl-C'),
  ).action((link: string, flags: CommonFlags & Count & { readonly follow?: boolean }) =>
    counted(world, flags, flags.count, (count) => trace(world, link, { flags, count, follows: flags.follow === true })),
  )
}

async function gaps(world: CliWorld, { day, from, to, meter, count, ...flags }: GapsFlags): Promise<void> {
  const span = {
    ...(day === undefined ? {} : { day }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
  const faults = gapsFaults(span)
  if (faults.length > 0) return tellErrors(world, flags, faults)
  const filter = { ...span, ...(meter === undefined ? {} : { meter }) }
  await counted(world, flags, count, (number) => show(world, flags, { ask: 'gaps', ...filter, count: number }, gapsText))
}

/** What can be seen of a span without the site's time. */
function gapsFaults(span: Pick<GapsFlags, 'day' | 'from' | 'to'>): readonly InputError[] {
  const faults = Object.entries(span).flatMap(([name, text]) => {
    const read = parseEdge(text, 0, 'from')
    if (!read.ok) return [{ ...read.error, at: `--${name}` }]
    if (name !== 'day' || text.length === '2026-03-01'.length) return []
    return [{ code: 'bad-time', at: '--day', message: `expected a date such as 2026-03-01, got ${JSON.stringify(text)}` }]
  })
  if (span.day === undefined || (span.from === undefined && span.to === undefined)) return faults
  return [...faults, { code: 'day-or-span', at: '--day', message: 'expected either --day or --from and --to' }]
}

async function events(world: CliWorld, flags: EventFlags): Promise<void> {
  const { show: wanted, before, meter, account, code } = flags
  if (wanted !== undefined) {
    const seq = wholeOf('--show', wanted)
    if (!seq.ok) return tellError(world, flags, seq.error)
    return withDaemon(world, flags, async (client) => {
      const answer = await client.ask({ ask: 'event', seq: seq.value })
      if (!answer.ok) return answer
      const decoders = await world.decoders()
      const frames = decodeLines(answer.value.frames, decoders)
      return ok({ json: { ...answer.value, frames }, text: eventText(answer.value, decoders), exit: exits.done })
    })
  }
  const limit = before === undefined ? ok(undefined) : wholeOf('--before', before)
  if (!limit.ok) return tellError(world, flags, limit.error)
  const filter = {
    ...(limit.value === undefined ? {} : { before: limit.value }),
    ...(meter === undefined ? {} : { meter }),
    ...(account === undefined ? {} : { account }),
    ...(code === undefined ? {} : { code }),
  }
  await counted(world, flags, flags.count, (count) => show(world, flags, { ask: 'events', ...filter, count }, eventsText))
}

interface TraceOptions {
  readonly flags: CommonFlags
  readonly count: number
  readonly follows: boolean
}

async function trace(world: CliWorld, link: string, options: TraceOptions): Promise<void> {
  const { flags, count, follows } = options
  const decoders = await world.decoders()
  const emit = (view: ConsoleAnswers['trace'], isFirst: boolean): Outcome => {
    const lines = decodeLines(view.lines, decoders)
    const text = traceText(view.lines, view.utcOffsetMinutes, decoders)
    return { json: { ...view, lines }, text: isFirst ? [traceHead(view), ...text] : text, exit: exits.done }
  }
  let isOver = false
  const over = follows ? world.interrupted().then(() => (isOver = true)) : null
  await withDaemon(world, flags, async (client) => {
    const first = await client.ask({ ask: 'trace', link, count })
    if (!first.ok || !follows) return first.ok ? ok(emit(first.value, true)) : first
    tell(world, flags, emit(first.value, true))
    let since = first.value.lines.at(-1)?.monotonicMs
    for (;;) {
      await Promise.race([pauseOf(world)(followMs), over])
      if (isOver) return ok({ json: { ok: true, ended: true }, text: [], exit: exits.done })
      const next = await client.ask({ ask: 'trace', link, count: rowsMax, ...(since === undefined ? {} : { since }) })
      if (!next.ok) return next
      since = next.value.lines.at(-1)?.monotonicMs ?? since
      if (next.value.lines.length > 0) tell(world, flags, emit(next.value, false))
    }
  })
}

/** Asks one thing and prints it. */
function show<C extends ConsoleCall>(
  world: CliWorld,
  flags: CommonFlags,
  call: C,
  text: (value: ConsoleAnswers[C['ask']]) => readonly string[],
): Promise<void> {
  return withDaemon(world, flags, async (client: ConsoleClient): Promise<Result<Outcome, InputError>> => {
    const answer = await client.ask(call)
    return answer.ok ? ok({ json: answer.value, text: text(answer.value), exit: exits.done }) : answer
  })
}

function wholeOf(at: string, text: string, max = Number.MAX_SAFE_INTEGER): Result<number, InputError> {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return ok(value)
  const span = max === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${max}`
  return fail({ code: 'bad-number', at, message: `expected a whole number ${span}, got ${JSON.stringify(text)}` })
}

async function counted(world: CliWorld, flags: CommonFlags, text: string, then: (value: number) => Promise<void>): Promise<void> {
  const value = wholeOf('--count', text, rowsMax)
  if (value.ok) await then(value.value)
  else tellError(world, flags, value.error)
}
