import { join } from 'node:path'
import type { Command } from 'commander'
import { fail, ok, streams, type InputError, type Result } from '../model/index.js'
import { exits, pauseOf, tell, tellError, withDaemon, type CliWorld, type CommonFlags, type Outcome } from './cli-world.js'
import type { ConsoleClient } from './client.js'
import { newKey, newKeyText, unlockKey, type UnlockedKey } from './commands/key.js'
import { orderLines } from './commands/lists.js'
import { orderWords, type ReplaceFlags } from './commands/order-words.js'
import { awaitEnd, checkWords, isEnded, sendOrder, type OrderWords, type SentOrder } from './commands/order.js'
import type { PinSource } from './pin.js'
import { common } from './program.js'

interface KeyFlags extends CommonFlags {
  readonly pinFile?: string
}

interface OrderFlags extends KeyFlags {
  readonly key?: string
  /** Minutes. */
  readonly valid: string
  /** Seconds; true: as long as the default. */
  readonly wait?: string | true
}

const waitDefaultMs = 120_000
const timeHelp = '"2026-03-01 08:00" in the site’s time or 2026-03-01T00:00:00Z'

/** `order KIND …`, signed with the technician's own key on the same path as a master's. */
export function addOrders(program: Command, world: CliWorld): void {
  const order = program
    .command('order')
    .description('sign an order with your own key and hand it in; the daemon judges it like a master’s')
  const add = (text: string, description: string): Command =>
    withKey(order.command(text).description(description), world)
      .option('--valid <minutes>', 'the order’s window from now on, at most 10080', '15')
      .option('--wait [seconds]', 'wait for the outcome, 120 s if no number is given; without it only for the journal')
  const send = (words: OrderWords, flags: OrderFlags): Promise<void> => giveOrder(world, flags, words)
  add('disconnect <meter>', 'cut supply').action((meter: string, flags: OrderFlags) => send(orderWords.disconnect(meter), flags))
  add('permit-to-close <meter>', 'let the customer close the relay').action((meter: string, flags: OrderFlags) =>
    send(orderWords.permitToClose(meter), flags),
  )
  add('protect <meter> <on|off>', 'supply protection: while it is on nothing cuts it')
    .option('--until <time>', `its end, ${timeHelp}; default: none`)
    .action((meter: string, on: string, flags: OrderFlags & { readonly until?: string }) =>
      send(orderWords.protect(meter, on, flags.until), flags),
    )
  add('alarm <meter> <on|off>', 'switch the meter’s own alarm').action((meter: string, on: string, flags: OrderFlags) =>
    send(orderWords.alarm(meter, on), flags),
  )
  add('read-now <meter> <register...>', 'read registers; the values become a record').action(
    (meter: string, registers: readonly string[], flags: OrderFlags) => send(orderWords.readNow(meter, registers), flags),
  )
  add('set-clock <meter>', 'set the clock of a meter, or of all of them: all').action((meter: string, flags: OrderFlags) =>
    send(orderWords.setClock(meter), flags),
  )
  add('replace-meter <meter>', 'another device stands at the metering point')
    .requiredOption('--address <address>', 'of the new device')
    .requiredOption('--initial <kWh>', 'what the new device shows')
    .option('--final <kWh>', 'what the old one showed last; left out: nobody could read it')
    .option('--at <time>', `when, ${timeHelp}; default: now`)
    .requiredOption('--witness <text>', 'who saw it')
    .action((meter: string, flags: OrderFlags & ReplaceFlags) => send(orderWords.replaceMeter(meter, flags), flags))
  add('set-time <time>', `tell the box the time, which it then trusts: ${timeHelp}`).action((at: string, flags: OrderFlags) =>
    send(orderWords.setTime(at), flags),
  )
  add('set-parameters <name> <file>', 'put a set of parameters in force: archive or tasks')
    .option('--version <n>', 'of the set; default: one above the set that an order put in force last')
    .action(async (name: string, file: string, flags: OrderFlags & { readonly version?: string }) => {
      const body = await world.readParameters(file)
      if (!body.ok) return tellError(world, flags, body.error)
      await send(orderWords.setParameters(name, body.value, flags.version), flags)
    })
  add('replay <stream> <first> <count>', `send records to the masters again; streams: ${streams.join(', ')}`).action(
    (stream: string, first: string, count: string, flags: OrderFlags) => send(orderWords.replay(stream, first, count), flags),
  )
}

/** `key new`: a technician's own key. */
export function addKeys(program: Command, world: CliWorld): void {
  const key = program.command('key').description('the key you sign orders with')
  key
    .command('new')
    .description('make a key that only its PIN opens, and print what the master registers')
    .option('--out <file>', `where the key goes (default: $WATTKEEP_KEY or ${defaultKey({ ...world, env: {} })})`)
    .option('--pin-file <file>', 'a file that holds its PIN, mode 0600; or $WATTKEEP_PIN; otherwise you are asked')
    .option('--json', 'data for scripts: one line of JSON')
    .action(async ({ out, ...flags }: KeyFlags & { readonly out?: string }) => {
      const made = await newKey(out ?? defaultKey(world), pinSource(world, flags))
      if (!made.ok) return tellError(world, flags, made.error)
      tell(world, flags, { json: made.value, text: newKeyText(made.value), exit: exits.done })
    })
}

const withKey = (command: Command, world: CliWorld): Command =>
  common(command)
    .option('--key <file>', `your key file (default: $WATTKEEP_KEY or ${defaultKey({ ...world, env: {} })})`)
    .option('--pin-file <file>', 'a file that holds its PIN, mode 0600; or $WATTKEEP_PIN; otherwise you are asked')

const defaultKey = ({ env, home }: Pick<CliWorld, 'env' | 'home'>): string =>
  env['WATTKEEP_KEY'] ?? join(home, '.wattkeep-key.pem')

const pinSource = ({ env, prompt }: CliWorld, { pinFile }: KeyFlags): PinSource => ({ pinFile: pinFile ?? null, env, prompt })

async function giveOrder(world: CliWorld, flags: OrderFlags, words: OrderWords): Promise<void> {
  const times = timesOf(flags)
  if (!times.ok) return tellError(world, flags, times.error)
  const checked = checkWords(words)
  if (!checked.ok) return tellError(world, flags, checked.error)
  const key = await unlockKey(flags.key ?? defaultKey(world), pinSource(world, flags))
  if (!key.ok) return tellError(world, flags, key.error)
  await withDaemon(world, flags, (client) => sendAndWait(client, words, { key: key.value, world, ...times.value }))
}

interface Giving {
  readonly key: UnlockedKey
  readonly world: CliWorld
  readonly validMs: number
  /** Null: the outcome is not waited for. */
  readonly waitMs: number | null
}

async function sendAndWait(client: ConsoleClient, words: OrderWords, giving: Giving): Promise<Result<Outcome, InputError>> {
  const { waitMs, world } = giving
  const sending = await sendOrder(client, words, giving)
  if (!sending.ok) return sending
  if (!sending.value.accepted) {
    const { code, message } = sending.value.refusal
    return ok({ json: { ok: false, refused: { code, message } }, text: [`refused: ${code}: ${message}`], exit: exits.no })
  }
  const { sent, utcOffsetMinutes } = sending.value
  const journalled = sentText(sent)
  if (waitMs === null) return ok({ json: { ok: true, ...sent }, text: [journalled], exit: exits.done })
  const ended = await awaitEnd(client, sent.order, { waitMs, pause: pauseOf(world) })
  if (!ended.ok) return ended
  const isDone = ended.value.stage === 'done'
  const late = isEnded(ended.value) ? [] : ['it is still under way: see wattkeep orders']
  return ok({
    json: { ok: isDone, ...sent, outcome: ended.value },
    text: [journalled, ...orderLines(ended.value, utcOffsetMinutes), ...late],
    exit: isDone ? exits.done : exits.no,
  })
}

const sentText = ({ order, key, number }: SentOrder): string => `order ${order} is journalled (key ${key}, its number ${number})`

function timesOf({ valid, wait }: OrderFlags): Result<Pick<Giving, 'validMs' | 'waitMs'>, InputError> {
  const minutes = wholeWithin('--valid', valid, 10_080)
  if (!minutes.ok) return minutes
  const validMs = minutes.value * 60_000
  if (wait === undefined || wait === true) return ok({ validMs, waitMs: wait === true ? waitDefaultMs : null })
  const seconds = wholeWithin('--wait', wait, 86_400)
  return seconds.ok ? ok({ validMs, waitMs: seconds.value * 1000 }) : seconds
}

function wholeWithin(at: string, text: string, max: number): Result<number, InputError> {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return ok(value)
  return fail({ code: 'bad-number', at, message: `expected a whole number from 1 to ${max}, got ${JSON.stringify(text)}` })
}
